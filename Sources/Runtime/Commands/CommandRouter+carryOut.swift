import Configuration
import DriverProtocol
import Lighting
import Supervision
import Telemetry

/// From a command to the field: which way it takes for each device, the checks before anything is sent, and what came of it.
extension CommandRouter {
    func carryOut(_ command: Command, from origin: CommandOrigin) async -> [CommandResult] {
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

    private func carryOut(_ command: Command, on name: String, from origin: CommandOrigin) async -> CommandResult {
        do throws(CommandCheck.Refusal) {
            let device = try await usableDevice(name)
            return command.action == .read
                ? try await read(command, device) : try await set(command, device, origin)
        } catch {
            return refused(command, name, error)
        }
    }

    func usableDevice(_ name: String) async throws(CommandCheck.Refusal) -> DeviceRecord {
        guard let device = await devices[name] else {
            throw .rejected("unknownDevice", "this gateway has no device \(name)")
        }
        guard device.condition != .disabled else { throw .rejected("disabled", device.detail) }
        return device
    }

    func checkWritable(_ device: DeviceRecord) throws(CommandCheck.Refusal) {
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
}
