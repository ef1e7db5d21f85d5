import Configuration
import DriverProtocol
import Lighting
import Logging
import Outbox
import Supervision
import Telemetry

/// The one way in which anything is changed in the field: checks, stores the id, sends, reads back, tells.
///
/// An id is on disk before anything is sent, so a command is never applied twice; one that a crash cut off is `failed`.
actor CommandRouter {
    /// Commands under way at once; a head-end that sends more is told `busy`. A street has fewer lamps than this on one bus.
    static let mostUnderWay = 128
    /// The longest fade of a gear is 90.5 s (IEC 62386-102, fade time 15); the read-back waits for its end.
    static let lampDeadline: Duration = .seconds(100)
    /// A meter's write and read-back on a slow and busy bus.
    static let deadline: Duration = .seconds(15)

    private let configuration: GatewayConfiguration
    private let devices: DeviceTable
    private let buses: BusDesk
    private let lighting: LightingService
    private let faults: FaultDesk?
    private let locks: LockView
    private let events: EventDesk
    private let outbox: Outbox
    private let state: StateStore
    private let clock: GatewayClock
    private let log: Logger
    private var underWay = 0

    init(
        configuration: GatewayConfiguration, devices: DeviceTable, buses: BusDesk, night: NightShift,
        events: EventDesk, outbox: Outbox, state: StateStore, clock: GatewayClock, log: Logger
    ) {
        self.configuration = configuration
        self.devices = devices
        self.buses = buses
        lighting = night.lighting
        faults = night.faults
        locks = night.locks.view
        self.events = events
        self.outbox = outbox
        self.state = state
        self.clock = clock
        self.log = log
    }

    /// Commands that the last run of the daemon had begun and not finished: they are failed, and never repeated.
    func reportInterrupted(_ interrupted: [StateStore.Interrupted]) async {
        for command in interrupted {
            let context = try? JSONValue(parsing: command.context)
            var targets: [String] = []
            if case .array(let names)? = context?["devices"] { targets = names.compactMap(\.text) }
            let now = clock.now()
            let results = targets.map {
                CommandResult(
                    id: command.id, device: $0, status: .failed,
                    reason:
                        "interrupted: the gateway stopped while the command was under way; it may or may not have been applied",
                    finished: now)
            }
            await finish(command.id, results)
            await events.tell(
                Event(
                    kind: EventKind.commandInterrupted, severity: .warning,
                    detail: ["id": .string(command.id), "devices": .array(targets.map(JSONValue.string))], occurred: now
                ))
        }
    }

    /// A command from a head-end. Returns when its id is safe; what becomes of it arrives as results in the outbox.
    func accept(_ command: Command, from origin: CommandOrigin) async {
        let targets = await names(of: command.target)
        guard underWay < Self.mostUnderWay else {
            await tellResults(
                refused(command, targets, .rejected("busy", "too many commands are under way")), of: command)
            return
        }
        let context = JSONValue.object([.init("devices", .array(targets.map(JSONValue.string)))])
        do {
            switch try await state.reserve(
                id: command.id, expires: command.expires, now: clock.utc(clock.now())?.time,
                context: Array(context.description.utf8))
            {
            case .new: break
            case .seen(let before):
                await tellResults(duplicates(of: command, targets, before), of: command)
                return
            }
        } catch {
            // Without the id on disk nobody could tell after a crash whether it was applied.
            let refusal = CommandCheck.Refusal(status: .failed, word: "storage", explanation: "\(error)")
            await tellResults(refused(command, targets, refusal), of: command)
            return
        }
        underWay += 1
        Task {
            let results = await carryOut(command, from: origin)
            await finish(command.id, results)
            await tell(command, origin, results)
            underWay -= 1
        }
    }

    /// An order of a person at the gateway: carried out now, told in the events, answered to the person.
    func carryOutNow(_ command: Command, from origin: CommandOrigin) async -> [CommandResult] {
        let results = await carryOut(command, from: origin)
        if command.action != .read { await tell(command, origin, results) }
        return results
    }

    /// A driver's own action at a lamp (identify, recall_max, off), asked for by a person.
    func act(_ action: String, on name: String, from origin: CommandOrigin) async -> CommandResult {
        let id = "local"
        let result: CommandResult
        do throws(CommandCheck.Refusal) {
            let device = try await usableDevice(name)
            try checkWritable(device)
            var order = DriverCommand()
            order.device = device.index
            order.action = action
            order.priority = .person
            let done = await buses.command(order, bus: device.configuration.bus, within: Self.lampDeadline)
            result = Self.result(id: id, device: name, unit: "%", done, at: clock.now())
        } catch {
            result = CommandResult(
                id: id, device: name, status: error.status, reason: error.reason, finished: clock.now())
        }
        let command = Command(id: id, target: .device(name), action: .set, point: action, value: nil)
        await tell(command, origin, [result])
        return result
    }

    /// A person at the gateway read a household's values: the audit event that somebody did, without the values.
    func tellRead(of device: String, by origin: CommandOrigin) async {
        await events.tell(
            Event(
                kind: EventKind.householdRead, device: device, severity: .info,
                detail: ["by": .string(origin.by)], occurred: clock.now()))
    }

    // MARK: - Carrying out

    private func carryOut(_ command: Command, from origin: CommandOrigin) async -> [CommandResult] {
        let targets = await names(of: command.target)
        if case .group(let name) = command.target, targets.isEmpty {
            return refused(command, [name], .rejected("unknownGroup", "this gateway has no device in a group \(name)"))
        }
        do throws(CommandCheck.Refusal) {
            if !origin.isLocal {
                let status = clock.status()
                let now = UTCInstant(nanoseconds: clock.now().nanoseconds + status.offset)
                try CommandCheck.time(
                    command, now: now, clockIsTrusted: status.isTrusted, brokerExpiry: origin.brokerExpiry)
            }
        } catch {
            return refused(command, targets, error)
        }
        var results: [CommandResult] = []
        var plain: [String] = []
        var ruled: [ExactDecimal?: [String]] = [:]
        for target in targets {
            do throws(CommandCheck.Refusal) {
                switch try await way(command, on: target, from: origin) {
                case .driver: plain.append(target)
                case .override(let percent): ruled[percent, default: []].append(target)
                case .release: ruled[nil, default: []].append(target)
                }
            } catch {
                results += [refused(command, target, error)]
            }
        }
        return await withTaskGroup(of: [CommandResult].self) { group in
            for target in plain {
                group.addTask { [await self.carryOut(command, on: target, from: origin)] }
            }
            for (percent, lamps) in ruled {
                group.addTask { await self.rule(lamps, at: percent, command, origin) }
            }
            for await some in group { results += some }
            return results.sorted { $0.device < $1.device }
        }
    }

    /// How a command reaches one device.
    private enum Way {
        /// Straight to its driver.
        case driver
        /// Lighting rules the lamp: the command is a level above its program.
        case override(ExactDecimal)
        case release
    }

    /// Checks all that can be checked before anything is sent.
    private func way(
        _ command: Command, on name: String, from origin: CommandOrigin
    ) async throws(CommandCheck.Refusal) -> Way {
        let device = try await usableDevice(name)
        if !origin.isLocal {
            try CommandCheck.permission(
                origin.permission, visible: origin.visible, device: device, point: command.point,
                value: command.value,
                action: command.action)
        }
        guard command.action != .read else { return .driver }
        let lock = locks.lock(on: name)
        if let lock, !origin.isLocal || command.action == .release { throw CommandCheck.locked(lock) }
        let isRuled = await lighting.rules(name)
        if command.action == .release {
            guard isRuled else {
                throw .rejected("notUnderCalendar", "no calendar rules \(name): there is nothing to go back to")
            }
            try checkWritable(device)
            return .release
        }
        // Whoever locked the lamp has it in their hands: what they order goes straight to it.
        guard isRuled, lock == nil, device.isLamp, let index = device.pointIndex(command.point),
            command.point == "level" || command.point == "on"
        else { return .driver }
        try checkWritable(device)
        switch try CommandCheck.value(command.value, unit: command.unit, for: device.points[index]) {
        case .number(let number): return .override(number)
        case .flag(let on): return .override(on ? LightingPlan.fullLight : LightingPlan.dark)
        case .text: throw .rejected("wrongType", "level takes a number from 0 to 100")
        }
    }

    /// - Parameter percent: nil gives the lamps back to their calendar.
    private func rule(
        _ lamps: [String], at percent: ExactDecimal?, _ command: Command, _ origin: CommandOrigin
    ) async -> [CommandResult] {
        let outcomes: [String: LightingService.Outcome]
        if let percent {
            let author = origin.isLocal ? origin.by : CommandOrigin.author(origin.by, command: command.id)
            outcomes = await lighting.override(lamps, percent: percent, for: command.duration, by: author)
        } else {
            outcomes = await lighting.release(lamps, by: origin.by)
        }
        let now = clock.now()
        return outcomes.map { $0.value.result(id: command.id, device: $0.key, at: now) }
    }

    private func refused(_ command: Command, _ name: String, _ refusal: CommandCheck.Refusal) -> CommandResult {
        CommandResult(
            id: command.id, device: name, status: refusal.status, reason: refusal.reason, finished: clock.now())
    }

    private func carryOut(_ command: Command, on name: String, from origin: CommandOrigin) async -> CommandResult {
        do throws(CommandCheck.Refusal) {
            let device = try await usableDevice(name)
            return command.action == .read
                ? try await read(command, device) : try await set(command, device, origin)
        } catch {
            return refused(command, name, error)
        }
    }

    private func usableDevice(_ name: String) async throws(CommandCheck.Refusal) -> DeviceRecord {
        guard let device = await devices[name] else {
            throw .rejected("unknownDevice", "this gateway has no device \(name)")
        }
        guard device.condition != .disabled else { throw .rejected("disabled", device.detail) }
        return device
    }

    private func checkWritable(_ device: DeviceRecord) throws(CommandCheck.Refusal) {
        guard !configuration.isReadOnly else {
            throw .rejected("readOnly", "this gateway is configured read_only: it writes nothing to the field")
        }
        let bus = device.configuration.bus
        guard configuration.bus(bus)?.isReadOnly != true else {
            throw .rejected("readOnly", "bus \(bus) is configured read_only: nothing is written to it")
        }
    }

    private func read(_ command: Command, _ device: DeviceRecord) async throws(CommandCheck.Refusal) -> CommandResult {
        guard let index = device.pointIndex(command.point) else {
            throw .rejected("unknownPoint", "\(device.name) has no point \(command.point)")
        }
        let answer = await buses.query(device: device, points: [UInt32(index)], within: Self.deadline)
        guard answer.failure.isEmpty, let sample = try? answer.samples.rows(points: device.points.count).last else {
            throw CommandCheck.Refusal(status: .failed, word: "noAnswer", explanation: answer.failure)
        }
        let good = sample.quality.grade != .bad
        return CommandResult(
            id: command.id, device: device.name, status: good ? .verified : .failed,
            reason: good ? nil : sample.quality.reason.name, value: sample.value, unit: device.points[index].unit,
            finished: clock.now())
    }

    private func set(
        _ command: Command, _ device: DeviceRecord, _ origin: CommandOrigin
    ) async throws(CommandCheck.Refusal) -> CommandResult {
        guard let index = device.pointIndex(command.point) else {
            if device.points.isEmpty {
                throw CommandCheck.Refusal(
                    status: .failed, word: "busDown",
                    explanation: "bus \(device.configuration.bus) has not started: \(device.detail)")
            }
            throw .rejected("unknownPoint", "\(device.name) has no point \(command.point)")
        }
        let point = device.points[index]
        try checkWritable(device)
        let value = try CommandCheck.value(command.value, unit: command.unit, for: point)
        var order = DriverCommand()
        order.device = device.index
        order.action = "set"
        order.point = UInt32(index)
        order.value = DriverValue(value)
        order.priority = .person
        if let expires = command.expires, !origin.isLocal, clock.status().isTrusted {
            order.deadlineBootNs = UInt64(max(0, clock.bootInstant(of: expires).nanoseconds))
        }
        if device.isLamp, let percent = Self.percent(value, of: command.point) {
            await faults?.commanded(lamp: device.name, percent: percent, fade: nil)
        }
        let limit = device.isLamp ? Self.lampDeadline : Self.deadline
        let done = await buses.command(order, bus: device.configuration.bus, within: limit)
        return Self.result(id: command.id, device: device.name, unit: point.unit, done, at: clock.now())
    }

    /// Percent of light that a lamp was ordered; nil for other points.
    private static func percent(_ value: Value, of point: String) -> ExactDecimal? {
        switch (point, value) {
        case ("level", .number(let number)): number
        case ("on", .flag(let on)): on ? LightingPlan.fullLight : LightingPlan.dark
        default: nil
        }
    }

    static func result(
        id: String, device: String, unit: String, _ done: DriverCommandDone, at now: BootInstant
    ) -> CommandResult {
        let status: CommandResult.Status =
            switch done.outcome {
            case .verified: .verified
            case .applied: .applied
            case .rejected: .rejected
            case .expired: .expired
            case .failed, .noAnswer, .unspecified, .UNRECOGNIZED: .failed
            }
        let value = done.hasReadBack ? done.readBack.telemetry : nil
        var reason = done.reason.isEmpty ? nil : done.reason
        // The same word as of a read: a person's program ends with another status when nothing answered.
        if done.outcome == .noAnswer { reason = "noAnswer" + (done.reason.isEmpty ? "" : ": \(done.reason)") }
        return CommandResult(
            id: id, device: device, status: status, reason: reason, value: value,
            unit: value == nil || unit.isEmpty ? nil : unit, finished: now)
    }

    // MARK: - Telling

    /// The name that stands for every lamp of the gateway, unless a group is called so.
    static let everyLamp = "all"

    private func names(of target: Command.Target) async -> [String] {
        switch target {
        case .device(let name): return [name]
        case .group(let name):
            let members = configuration.devices(inGroup: name).map(\.name)
            guard members.isEmpty, name == Self.everyLamp else { return members }
            return await lamps()
        }
    }

    /// Every lamp: those that Lighting rules, also while their bus has not started, and what drivers say is one.
    func lamps() async -> [String] {
        let ruled = Set(await lighting.ruledLamps)
        return await devices.all.filter { $0.isLamp || ruled.contains($0.name) }.map(\.name)
    }

    private func refused(_ command: Command, _ targets: [String], _ refusal: CommandCheck.Refusal) -> [CommandResult] {
        targets.map { refused(command, $0, refusal) }
    }

    /// A second copy of a command changes nothing; its result says what became of the first.
    private func duplicates(
        of command: Command, _ targets: [String], _ before: StateStore.CommandState
    ) -> [CommandResult] {
        var earlier: [String: CommandResult] = [:]
        if case .finished(let results) = before {
            earlier = Dictionary(results.map { ($0.device, $0) }, uniquingKeysWith: { first, _ in first })
        }
        return targets.map { target in
            let first = earlier[target]
            let said = first.map { "the first was \($0.status.rawValue)" } ?? "the first is under way"
            return CommandResult(
                id: command.id, device: target, status: .duplicate, reason: said, value: first?.value,
                unit: first?.unit,
                finished: clock.now())
        }
    }

    private func finish(_ id: String, _ results: [CommandResult]) async {
        do {
            try await state.finish(id: id, results: results)
        } catch {
            log.error("command \(id): its end could not be stored: \(error)")
        }
        if !results.isEmpty { await outbox.append(results: results) }
    }

    private func tellResults(_ results: [CommandResult], of command: Command) async {
        for result in results {
            log.notice("command \(command.id) \(result.device): \(result.status.rawValue) \(result.reason ?? "")")
        }
        if !results.isEmpty { await outbox.append(results: results) }
    }

    private func tell(_ command: Command, _ origin: CommandOrigin, _ results: [CommandResult]) async {
        let told = results.map { result in
            JSONValue.object(
                [
                    .init("device", .string(result.device)), .init("status", .string(result.status.rawValue)),
                ] + (result.reason.map { [.init("reason", .string($0))] } ?? []))
        }
        var detail: [JSONValue.Member] = [.init("by", .string(origin.by))]
        if !origin.isLocal { detail.append(.init("id", .string(command.id))) }
        detail.append(.init("action", .string(command.action.rawValue)))
        detail.append(.init("point", .string(command.point)))
        if let value = command.value { detail.append(.init("value", JSONValue(value))) }
        detail.append(.init("results", .array(told)))
        let device: String? = if case .device(let name) = command.target { name } else { nil }
        await events.tell(
            Event(
                kind: EventKind.command, device: device, severity: .info, detail: .object(detail), occurred: clock.now()
            ))
    }
}
