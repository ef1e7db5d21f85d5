import Configuration
import ControlProtocol
import DriverProtocol
import Outbox
import Supervision
import Telemetry

/// Tasks of drivers, their traces and their statistics.
extension ControlService {
    func task(
        _ wanted: ControlTaskRequest, _ peer: ControlPeer, _ template: ControlReply,
        _ send: @escaping ControlServer.ControlReplySender
    ) async {
        var reply = template
        switch await prepare(wanted, peer) {
        case .failure(let failure):
            reply.failure = failure.control
            try? await send(reply)
        case .success(let (supervisor, arguments, isMasked)):
            let done = await supervisor.task(wanted.name, arguments: arguments) { step in
                var reply = template
                reply.taskStep.content = step.json.description
                // A client that has gone cancels this handler anyway.
                try? await send(reply)
            }
            var end = ControlTaskDone()
            end.failure = done.failure
            let result = done.result.json
            end.result = (isMasked ? TaskArguments.masked(ring: result) : result).description
            reply.taskDone = end
            try? await send(reply)
        }
    }

    private struct Refused: Error {
        let control: ControlFailure
        init(_ status: UInt32, _ message: String, _ hint: String = "") {
            control = ControlService.failure(status, message, hint)
        }
    }

    private func prepare(_ wanted: ControlTaskRequest, _ peer: ControlPeer) async -> Result<
        (DriverSupervisor, DriverNode, isMasked: Bool), Refused
    > {
        guard let bus = configuration.bus(wanted.bus), let supervisor = await buses[wanted.bus] else {
            return .failure(Refused(2, "there is no bus \(wanted.bus)", busHint(wanted.bus)))
        }
        let text = wanted.arguments.isEmpty ? "{}" : wanted.arguments
        guard case .object(var members)? = try? JSONValue(parsing: text) else {
            return .failure(Refused(2, "the arguments of task \(wanted.name) are no JSON object"))
        }
        let asksForHousehold = members.first { $0.key == TaskArguments.household }?.value == .bool(true)
        members.removeAll { $0.key == TaskArguments.household }
        let homes = configuration.devices(onBus: bus.name).filter { $0.privacy == .household }
        if let home = homes.first, TaskArguments.readsValues(wanted.name) {
            guard asksForHousehold else {
                return .failure(
                    Refused(
                        2,
                        "bus \(bus.name) has a household's device (\(home.name)): what is read there shows how people live",
                        "say --household when you may know; an event tells of it"))
            }
            for device in homes { await router.tellRead(of: device.name, by: .person(user: peer.user)) }
        }
        let arguments = TaskArguments.withProfiles(members) { names in
            ProfileShelf(driver: bus.driver, folders: configuration.profileFolders, catalog: catalog).documents(names)
        }
        if TaskArguments.writes(wanted.name, members) {
            guard !configuration.isReadOnly, !bus.isReadOnly else {
                return .failure(
                    Refused(1, "readOnly: bus \(bus.name) is configured read_only: nothing is written to it"))
            }
            await events.tell(
                Event(
                    kind: EventKind.command, severity: .info,
                    detail: [
                        "by": .string(CommandOrigin.person(user: peer.user).by), "action": .string(wanted.name),
                        "bus": .string(bus.name), "arguments": .object(members),
                    ], occurred: clock.now()))
        }
        let device = members.first { $0.key == "device" }?.value.text
        let isMasked =
            wanted.name == TaskArguments.ring && !asksForHousehold
            && homes.contains { device == nil || $0.name == device }
        return .success((supervisor, DriverNode(json: .object(arguments)), isMasked))
    }

    private func busHint(_ name: String) -> String {
        let names = configuration.buses.map(\.name)
        return NearestName.of(name, among: names).map { "did you mean \($0)?" }
            ?? "the buses: \(names.joined(separator: ", "))"
    }

    /// Records until the client goes away.
    func trace(
        _ wanted: ControlTraceRequest, _ template: ControlReply, _ send: @escaping ControlServer.ControlReplySender
    ) async {
        guard let supervisor = await buses[wanted.bus] else {
            var reply = template
            reply.failure = Self.failure(2, "there is no bus \(wanted.bus)", busHint(wanted.bus))
            try? await send(reply)
            return
        }
        let (listener, isFirst) = traces.listen(to: wanted.bus)
        if isFirst { await supervisor.trace(true) }
        for await record in listener.records {
            var reply = template
            var made = ControlTraceRecord()
            made.bootNs = record.bootNs
            made.time = clock.wall(BootInstant(nanoseconds: Int64(clamping: record.bootNs))).description
            made.sent = record.sent
            made.data = record.data
            made.text = record.text
            made.failed = record.failed
            if record.hasDevice_p { made.device = await devices.name(bus: wanted.bus, index: record.device) ?? "" }
            reply.traceRecord = made
            do { try await send(reply) } catch { break }
        }
        // Somebody may have come in between: the state counts, not this listener's part in it.
        _ = traces.leave(listener, bus: wanted.bus)
        await supervisor.trace(traces.isFollowed(wanted.bus))
    }

    func statistics(_ wanted: ControlStatisticsRequest, into reply: inout ControlReply) async {
        guard let supervisor = await buses[wanted.bus] else {
            reply.failure = Self.failure(2, "there is no bus \(wanted.bus)", busHint(wanted.bus))
            return
        }
        guard let sums = await supervisor.statistics() else {
            reply.failure = Self.failure(
                1, "the driver of bus \(wanted.bus) gives no statistics: \(await supervisor.state.detail)",
                "candela status shows the bus")
            return
        }
        var made = ControlStatistics()
        made.bus = wanted.bus
        made.windowUs = sums.windowUs
        made.dataUs = sums.dataUs
        made.silenceUs = sums.silenceUs
        made.waitingUs = sums.waitingUs
        made.sickUs = sums.sickUs
        made.requests = sums.requests
        made.answers = sums.answers
        made.timeouts = sums.timeouts
        made.brokenFrames = sums.brokenFrames
        made.exceptions = sums.exceptions
        made.lateAnswers = sums.lateAnswers
        made.foreignAnswers = sums.foreignAnswers
        made.echoes = sums.echoes
        for device in sums.devices {
            var one = ControlDeviceStatistics()
            one.device = await devices.name(bus: wanted.bus, index: device.device) ?? "\(device.device)"
            one.requests = device.requests
            one.answers = device.answers
            one.timeouts = device.timeouts
            one.brokenFrames = device.brokenFrames
            one.exceptions = device.exceptions
            one.latencyP50Us = device.latencyP50Us
            one.latencyP95Us = device.latencyP95Us
            one.latencyP99Us = device.latencyP99Us
            one.latencyMaxUs = device.latencyMaxUs
            one.timeoutUs = device.timeoutUs
            one.missedIntervals = device.missedIntervals
            one.busUs = device.busUs
            made.devices.append(one)
        }
        reply.statistics = made
    }

    func events(_ wanted: ControlEventsRequest, into reply: inout ControlReply) async {
        let day: Duration = .seconds(86_400)
        let now = clock.wall(clock.now())
        var since = now.advanced(by: .zero - day)
        if !wanted.since.isEmpty {
            guard let given = UTCInstant(wanted.since) else {
                reply.failure = Self.failure(
                    2, "\"\(wanted.since)\" is no time", "write it as 2026-11-21T16:04:05Z")
                return
            }
            since = given
        }
        do {
            let limit = wanted.limit == 0 ? EventJournal.shown : min(Int(wanted.limit), EventJournal.shown)
            var list = ControlEvents()
            for stored in try await journal.events(device: wanted.device.isEmpty ? nil : wanted.device, limit: limit) {
                let time = clock.utc(stored.occurred, boot: stored.boot)?.time ?? stored.wall
                guard time >= since else { continue }
                var line = ControlEventLine()
                line.time = time.description
                line.kind = stored.kind
                line.device = stored.device
                line.severity = Event.Severity(rawValue: stored.severity)?.name ?? "info"
                line.phase = stored.active.map { $0 ? "begins" : "ends" } ?? ""
                line.detail = stored.detail
                list.events.append(line)
            }
            reply.events = list
        } catch {
            reply.failure = Self.failure(1, "the events cannot be read: \(error)", "candela queue shows the disk")
        }
    }
}
