import Configuration
import ControlProtocol
import DriverProtocol
import Logging
import Normalization
import Outbox
import Telemetry

/// Answers the technician's CLI.
struct ControlService: Sendable {
    /// Shortest interval of a watch: a terminal over a serial line has no use for more.
    private static let shortestWatch: Duration = .milliseconds(200)
    private static let readLimit: Duration = .seconds(15)

    let configuration: GatewayConfiguration
    let devices: DeviceTable
    let router: CommandRouter
    let buses: BusDesk
    let report: StatusReport
    let night: NightShift
    let events: EventDesk
    let journal: EventJournal
    let traces: TraceDesk
    let clock: GatewayClock
    let catalog: DriverCatalog

    func answer(
        _ request: ControlRequest, _ peer: ControlPeer, _ send: @escaping ControlServer.ControlReplySender
    ) async {
        var reply = ControlReply()
        reply.version = 1
        reply.id = request.id
        switch request.message {
        case .status?: reply.status = await report.status()
        case .devices(let wanted)?: await list(wanted, into: &reply)
        case .read(let wanted)?: await read(wanted, peer, into: &reply)
        case .write(let wanted)?: await write(wanted, peer, into: &reply)
        case .lamp(let wanted)?: await lamp(wanted, peer, into: &reply)
        case .queue?: reply.queue = await report.queue()
        case .watch(let wanted)?:
            await watch(wanted, reply, send)
            return
        case .task(let wanted)?:
            await task(wanted, peer, reply, send)
            return
        case .trace(let wanted)?:
            await trace(wanted, reply, send)
            return
        case .statistics(let wanted)?: await statistics(wanted, into: &reply)
        case .events(let wanted)?: await events(wanted, into: &reply)
        case .exchange(let wanted)?: await exchange(wanted, peer, into: &reply)
        case .lock(let wanted)?: await lock(wanted, peer, into: &reply)
        case .lighting(let wanted)?: await lighting(wanted, into: &reply)
        case .explain(let wanted)?: await explain(wanted, into: &reply)
        case .faults(let wanted)?: await faults(wanted, into: &reply)
        case nil:
            reply.failure = Self.failure(
                1, "the daemon does not know this request", "use the candela program of the same version as the daemon")
        }
        try? await send(reply)
    }

    static func failure(_ status: UInt32, _ message: String, _ hint: String = "") -> ControlFailure {
        var failure = ControlFailure()
        failure.exitStatus = status
        failure.message = message
        failure.hint = hint
        return failure
    }

    private func unknown(_ name: String) -> ControlFailure {
        let nearest = NearestName.of(name, among: configuration.devices.map(\.name))
        return Self.failure(
            2, "there is no device \(name)", nearest.map { "did you mean \($0)?" } ?? "candela devices lists them")
    }

    private func list(_ wanted: ControlDevicesRequest, into reply: inout ControlReply) async {
        var list = ControlDevices()
        list.devices = await described(wanted.device.isEmpty ? nil : wanted.device)
        if list.devices.isEmpty, !wanted.device.isEmpty {
            reply.failure = unknown(wanted.device)
        } else {
            reply.devices = list
        }
    }

    /// All devices, or one; those that the configuration keeps from running come last.
    private func described(_ only: String?) async -> [ControlDeviceInfo] {
        let lastN = await report.lastN()
        var list: [ControlDeviceInfo] = []
        for record in await devices.all where only == nil || record.name == only {
            var info = await report.device(record, withPoints: true)
            info.lastN = lastN[record.name] ?? 0
            list.append(info)
        }
        return list + (await report.disabledDevices().filter { only == nil || $0.name == only })
    }

    private func read(_ wanted: ControlReadRequest, _ peer: ControlPeer, into reply: inout ControlReply) async {
        guard let record = await devices[wanted.device] else {
            reply.failure = unknown(wanted.device)
            return
        }
        guard !record.isHousehold || wanted.household else {
            reply.failure = Self.failure(
                2, "\(record.name) is a household's: its values show how people live", "ask for them with --household")
            return
        }
        if record.isHousehold { await router.tellRead(of: record.name, by: .person(user: peer.user)) }
        var indexes: [UInt32] = []
        for name in wanted.points {
            guard let index = record.pointIndex(name) else {
                let nearest = NearestName.of(name, among: record.points.map(\.name))
                reply.failure = Self.failure(
                    2, "\(record.name) has no point \(name)", nearest.map { "did you mean \($0)?" } ?? "")
                return
            }
            indexes.append(UInt32(index))
        }
        guard !record.points.isEmpty else {
            reply.failure = Self.failure(
                1, "\(record.name): \(record.detail.isEmpty ? "its bus has not started yet" : record.detail)",
                "candela status shows the bus")
            return
        }
        let answer = await buses.query(device: record, points: indexes, within: Self.readLimit)
        guard answer.failure.isEmpty else {
            reply.failure = Self.failure(
                4, "\(record.name) did not answer: \(answer.failure)", "candela status shows the bus")
            return
        }
        do {
            var readings = ControlReadings()
            readings.device = record.name
            for sample in try answer.samples.rows(points: record.points.count) {
                readings.values.append(
                    ControlPointValue(
                        sample, point: record.points[sample.point], time: clock.wall(sample.acquired)))
            }
            reply.readings = readings
        } catch {
            reply.failure = Self.failure(1, "the driver of \(record.name) answered nonsense: \(error)")
        }
    }

    private func write(_ wanted: ControlWriteRequest, _ peer: ControlPeer, into reply: inout ControlReply) async {
        guard let record = await devices[wanted.device] else {
            reply.failure = unknown(wanted.device)
            return
        }
        guard let (value, unit) = TypedValue.parse(wanted.value) else {
            reply.failure = Self.failure(
                2, "\"\(wanted.value)\" is no value", "write a number, a number with its unit, true or false")
            return
        }
        let command = Command(
            id: "local", target: .device(record.name), action: .set, point: wanted.point, value: value, unit: unit)
        let results = await router.carryOutNow(command, from: .person(user: peer.user))
        reply.results = Self.results(results)
    }

    private func lamp(_ wanted: ControlLampRequest, _ peer: ControlPeer, into reply: inout ControlReply) async {
        let origin = CommandOrigin.person(user: peer.user)
        let isDevice = configuration.device(wanted.target) != nil
        var lamps = isDevice ? [wanted.target] : configuration.devices(inGroup: wanted.target).map(\.name)
        if lamps.isEmpty, wanted.target == CommandRouter.everyLamp { lamps = await router.lamps() }
        guard !lamps.isEmpty else {
            let names = configuration.devices.map(\.name) + (configuration.lighting?.groups.map(\.name) ?? [])
            let nearest = NearestName.of(wanted.target, among: names)
            reply.failure = Self.failure(
                2, "there is no lamp or group \(wanted.target)", nearest.map { "did you mean \($0)?" } ?? "")
            return
        }
        let target: Command.Target = isDevice ? .device(wanted.target) : .group(wanted.target)
        var action = Command.Action.set
        var value: Value?
        switch wanted.action {
        case "set":
            guard let (parsed, unit) = TypedValue.parse(wanted.level), unit == nil || unit == "%", case .number = parsed
            else {
                reply.failure = Self.failure(
                    2, "\"\(wanted.level)\" is no level", "write a percentage from 0 to 100: 60%")
                return
            }
            value = parsed
        case "off": value = .number(.zero)
        case "max": value = .number(ExactDecimal(100))
        case "release": action = .release
        case "identify":
            var results: [CommandResult] = []
            for lamp in lamps { results.append(await router.act("identify", on: lamp, from: origin)) }
            reply.results = Self.results(results)
            return
        default:
            reply.failure = Self.failure(
                2, "unknown lamp action \(wanted.action)", "set, off, max, identify or release")
            return
        }
        let command = Command(
            id: "local", target: target, action: action, point: "level", value: value, unit: "%",
            duration: wanted.forS > 0 ? .seconds(Int64(clamping: wanted.forS)) : nil)
        reply.results = Self.results(await router.carryOutNow(command, from: origin))
    }

    static func results(_ results: [CommandResult]) -> ControlResults {
        var list = ControlResults()
        list.results = results.map { result in
            var made = ControlResult()
            made.device = result.device
            made.status = result.status.rawValue
            made.reason = result.reason ?? ""
            made.value = result.value.map { JSONValue($0).description } ?? ""
            made.unit = result.unit ?? ""
            return made
        }
        return list
    }

    private func watch(
        _ wanted: ControlWatchRequest, _ template: ControlReply, _ send: @escaping ControlServer.ControlReplySender
    ) async {
        let interval = max(Self.shortestWatch, .milliseconds(Int64(clamping: wanted.intervalMs)))
        while !Task.isCancelled {
            var reply = template
            var snapshot = ControlSnapshot()
            snapshot.status = await report.status()
            snapshot.devices.devices = await described(nil)
            reply.snapshot = snapshot
            do {
                try await send(reply)
                try await Task.sleep(for: interval)
            } catch {
                return
            }
        }
    }
}
