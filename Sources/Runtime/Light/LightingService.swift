import Configuration
import DriverProtocol
import Lighting
import Logging
import Outbox
import Supervision
import Telemetry

/// Executes the night: asks the engine what is right now, sends it, tells the engine what came of it.
///
/// Lighting goes first: it needs no uplink, no outbox and no other bus. Overrides are in the state store, and in memory
/// when that cannot be written.
actor LightingService {
    /// What came of an order for one lamp.
    enum Outcome: Sendable {
        case done(DriverCommandDone)
        /// Nothing had to be sent: the lamp stands at this level already.
        case already(ExactDecimal)
        case refused(String)

        func result(id: String, device: String, at now: BootInstant) -> CommandResult {
            switch self {
            case .done(let done): CommandRouter.result(id: id, device: device, unit: "%", done, at: now)
            case .already(let percent):
                CommandResult(
                    id: id, device: device, status: .verified, value: .number(percent), unit: "%", finished: now)
            case .refused(let reason):
                CommandResult(id: id, device: device, status: .rejected, reason: reason, finished: now)
            }
        }
    }

    private static let storageKey = "lighting.overrides"
    /// A lamp's answer is waited for as long as its slowest fade takes (90.5 s) and its read-back.
    private static let orderLimit: Duration = .seconds(100)

    private var engine: LightingEngine?
    private let devices: DeviceTable
    private let buses: BusDesk
    private let events: EventDesk
    private let state: StateStore?
    private let clock: GatewayClock
    private let log: Logger
    /// Lamps of a read-only gateway or bus are never commanded.
    private let mayCommand: @Sendable (String) -> Bool
    /// The latest order to each lamp that has no answer yet: who ordered an override waits for it, whichever turn sent it.
    private var underWay: [String: (number: UInt64, answer: Task<Outcome, Never>)] = [:]
    private var orders: UInt64 = 0
    private var storedRevision: UInt64 = 0
    private var wake: AsyncStream<Void>.Continuation?
    private var isStopped = false

    init(
        plan: LightingPlan?, devices: DeviceTable, buses: BusDesk, events: EventDesk, state: StateStore?,
        clock: GatewayClock, log: Logger, mayCommand: @escaping @Sendable (String) -> Bool
    ) {
        // Nothing is ordered before a lamp's bus runs; then its right level is its first.
        engine = plan.map { plan in
            var engine = LightingEngine(plan: plan)
            plan.lamps.forEach { engine.lampLost($0) }
            return engine
        }
        self.devices = devices
        self.buses = buses
        self.events = events
        self.state = state
        self.clock = clock
        self.log = log
        self.mayCommand = mayCommand
    }

    /// Lamps that Lighting alone commands.
    var ruledLamps: [String] { engine?.plan.lamps ?? [] }

    func rules(_ lamp: String) -> Bool { engine?.plan.isRuled(lamp) ?? false }

    /// The level that is right for a lamp now and why, for `status`.
    func explanation(of lamp: String) -> String? {
        engine?.level(for: lamp, clock: now()).map { level in
            (level.percent.map { "\($0) %, " } ?? "") + level.reason.description
        }
    }

    // MARK: - Running

    /// Takes the overrides that were in force, then follows the night until the task is cancelled.
    ///
    /// - Parameter interrupted: ids of commands that a crash cut off; they are reported as failed, so what they placed is dropped.
    func run(forgetting interrupted: [String]) async {
        guard engine != nil else { return }
        await restore()
        let dropped = (engine?.overrides ?? []).filter { override in
            interrupted.contains { CommandOrigin.isAuthor(override.author, of: $0) }
        }
        if !dropped.isEmpty {
            engine?.release(lamps: dropped.map(\.lamp))
            await store()
        }
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        wake = continuation
        while !Task.isCancelled, !isStopped {
            await turn()
            let pause = min(engine?.nextWake(after: now()) ?? .seconds(60), .seconds(1))
            let timer = Task {
                // A cancelled timer must not wake anybody: the next turn would cancel its own at once, for ever.
                guard (try? await Task.sleep(for: max(pause, .milliseconds(20)))) != nil else { return }
                continuation.yield()
            }
            var iterator = stream.makeAsyncIterator()
            _ = await iterator.next()
            timer.cancel()
        }
    }

    private func turn() async {
        sendDue()
        await store()
    }

    /// Sends every order that is due; none waits for another.
    private func sendDue() {
        for order in engine?.tick(now()) ?? [] {
            orders += 1
            let number = orders
            let answer = Task { await self.send(order, number: number) }
            underWay[order.lamp] = (number, answer)
        }
    }

    /// Whether no later order to this lamp has been sent: the answer to an overtaken one says nothing of the later.
    private func isLatest(_ order: LampOrder, _ number: UInt64) -> Bool {
        guard underWay[order.lamp]?.number == number else { return false }
        underWay[order.lamp] = nil
        return true
    }

    private func send(_ order: LampOrder, number: UInt64) async -> Outcome {
        guard let device = await devices[order.lamp], let index = device.pointIndex("level") else {
            if isLatest(order, number) { engine?.failed(lamp: order.lamp, clock: now()) }
            return .refused("busDown: the lamp's bus has not started")
        }
        var command = DriverCommand()
        command.device = device.index
        command.action = "set"
        command.point = UInt32(index)
        command.value = DriverValue(.number(order.percent))
        command.priority = order.priority == .person ? .person : .schedule
        command.fadeMs = UInt64(max(0, order.fade?.wholeMilliseconds ?? 0))
        let done = await buses.command(command, bus: device.configuration.bus, within: Self.orderLimit)
        let isLatest = isLatest(order, number)
        switch done.outcome {
        case .verified, .applied:
            engine?.confirmed(lamp: order.lamp, percent: order.percent)
            log.debug("lamp \(order.lamp) at \(order.percent) %: \(order.reason)")
        default:
            if isLatest { engine?.failed(lamp: order.lamp, clock: now()) }
            log.warning("lamp \(order.lamp) did not take \(order.percent) % (\(order.reason)): \(done.reason)")
        }
        wake?.yield()
        return .done(done)
    }

    // MARK: - What happens to buses

    /// The lamps of a bus cannot be reached: nothing is ordered until it is back.
    func lost(lamps: [String]) {
        for lamp in lamps { engine?.lampLost(lamp) }
    }

    /// The lamps may stand at any level: the right one is sent.
    func back(lamps: [String]) {
        for lamp in lamps where mayCommand(lamp) { engine?.lampBack(lamp) }
        wake?.yield()
    }

    // MARK: - Overrides

    func override(_ lamp: String, percent: ExactDecimal, for duration: Duration?, by author: String) async -> Outcome {
        guard engine != nil else { return .refused("notUnderCalendar") }
        let clock = now()
        do {
            try engine?.override(lamps: [lamp], percent: percent, duration: duration, author: author, clock: clock)
        } catch {
            return .refused("\(error.code.rawValue): \(error.explanation)")
        }
        let until = engine?.overrides.first { $0.lamp == lamp }?.until
        await store()
        await events.tell(
            Event(
                kind: EventKind.override, device: lamp, severity: .info,
                detail: [
                    "percent": .number(percent), "by": .string(author),
                    "until": until.map { .string($0.description) } ?? .null,
                ], occurred: clock.uptime))
        return await settle(lamp)
    }

    func release(_ lamp: String, by author: String) async -> Outcome {
        guard let released = engine?.release(lamps: [lamp]) else { return .refused("notUnderCalendar") }
        if !released.isEmpty {
            await store()
            await events.tell(
                Event(
                    kind: EventKind.override, device: lamp, severity: .info,
                    detail: ["released": true, "by": .string(author)], occurred: clock.now()))
        }
        return await settle(lamp)
    }

    /// Sends what is due now; waits for the answer of this one lamp.
    private func settle(_ lamp: String) async -> Outcome {
        sendDue()
        if let own = underWay[lamp] { return await own.answer.value }
        if let status = engine?.status(of: lamp) {
            if status.isLost {
                return .refused("busDown: the lamp's bus does not run; the level is sent when it is back")
            }
            let right = engine?.level(for: lamp, clock: now())?.percent
            if let percent = status.confirmed, right == nil || right == percent { return .already(percent) }
        }
        return .refused("pending: an order to this lamp has failed and is repeated")
    }

    private func now() -> LightingClock {
        let status = clock.status()
        let uptime = clock.now()
        return LightingClock(
            utc: UTCInstant(nanoseconds: uptime.nanoseconds + status.offset), uptime: uptime,
            isTrusted: status.isTrusted)
    }

    private func restore() async {
        guard let state, let bytes = try? await state.value(key: Self.storageKey),
            let stored = try? JSONValue(parsing: bytes)
        else { return }
        for problem in engine?.restoreOverrides(stored, clock: now()) ?? [] { log.warning("\(problem)") }
        storedRevision = engine?.overridesRevision ?? 0
    }

    private func store() async {
        guard let engine, engine.overridesRevision != storedRevision else { return }
        storedRevision = engine.overridesRevision
        guard let state else { return }
        do {
            try await state.put(key: Self.storageKey, value: Array(engine.storedOverrides(now()).description.utf8))
        } catch {
            // They stay in force in memory; the next change tries again.
            log.error("the overrides could not be stored: \(error)")
        }
    }
}
