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
    static let storageKey = "lighting.overrides"
    /// A lamp's answer is waited for as long as its slowest fade takes (90.5 s) and its read-back.
    private static let orderLimit: Duration = .seconds(100)

    var engine: LightingEngine?
    let devices: DeviceTable
    private let buses: BusDesk
    let events: EventDesk
    let state: StateStore?
    let clock: GatewayClock
    let log: Logger
    /// Lamps of a read-only gateway or bus are never commanded.
    let mayCommand: @Sendable (String) -> Bool
    /// Hears of every order: what a lamp does is judged against it.
    private let faults: FaultDesk?
    /// Hears of every turn: what it feeds says that Lighting runs.
    private let watchdog: LampWatchdogFeeder?
    /// The latest order to each lamp that has no answer yet: who ordered an override waits for it, whichever turn sent it.
    var underWay: [String: (number: UInt64, answer: Task<Outcome, Never>)] = [:]
    var orders: UInt64 = 0
    var storedRevision: UInt64 = 0
    var wake: AsyncStream<Void>.Continuation?
    var isStopped = false
    /// Lamps without mains, as their driver says.
    var dark: Set<String> = []
    /// Lamps that said that their mains had been away, and were answered.
    var mainsSeen: Set<String> = []
    /// When each lamp was last sent a level: what it said before does not speak against it.
    var ordered: [String: BootInstant] = [:]
    /// What sensors and lamps said last.
    var inputs = LightingInputs()
    /// What the fault rules were told is right for lamps that nothing can be sent to.
    private var wanted: [String: ExactDecimal] = [:]
    /// Overrides that ended by themselves and were not told yet.
    var ended: [LampOverride] = []
    /// Nil where lighting runs in UTC for want of a place.
    private var zone: ZoneWatch?
    private var lookedAround: BootInstant?
    private var toldRemarks: Set<String> = []
    /// An update of tzdata comes a few times a year, months before the rules it changes apply.
    private static let lookAroundInterval: Duration = .seconds(60)
    /// How long a command waits for its turn in the stagger: a district of lamps at 8 per 100 ms.
    static let queueLimit: Duration = .seconds(10)

    init(
        plan: LightingPlan?, devices: DeviceTable, buses: BusDesk, events: EventDesk, state: StateStore?,
        clock: GatewayClock, faults: FaultDesk? = nil, watchdog: LampWatchdogFeeder? = nil, zoneName: String? = nil,
        log: Logger,
        mayCommand: @escaping @Sendable (String) -> Bool
    ) {
        self.faults = faults
        self.watchdog = watchdog
        zone = zoneName.map { ZoneWatch(name: $0) }
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

    var plan: LightingPlan? { engine?.plan }

    /// Everything that has a say in a lamp's level now; nil for a lamp that Lighting does not rule.
    func explain(_ lamp: String) -> LampExplanation? {
        engine?.explanation(of: lamp, clock: now(), inputs: inputs)
    }

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
            // A second at most: the watchdog's food, and a clock that was set meanwhile.
            let pause = engine?.nextWake(after: now(), atMost: .seconds(1)) ?? .seconds(1)
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
        watchdog?.turned()
        await tellUnreachable()
        await store()
        await tellEnded()
        lookAround()
    }

    /// What is right for lamps that nothing can be sent to now: that a feeder is dead is a fault only while its lamps should burn.
    private func tellUnreachable() async {
        guard let faults else { return }
        let now = now()
        for lamp in dark.sorted() {
            guard let percent = engine?.level(for: lamp, clock: now)?.percent, wanted[lamp] != percent else { continue }
            wanted[lamp] = percent
            await faults.commanded(lamp: lamp, percent: percent, fade: nil)
        }
    }

    /// Once a minute: a zone's file that was updated, and sensors that are not heard.
    private func lookAround() {
        let now = now()
        guard lookedAround.map({ now.uptime.duration(since: $0) >= Self.lookAroundInterval }) ?? true else { return }
        let isFirst = lookedAround == nil
        lookedAround = now.uptime
        reloadZone()
        // Right after a start no sensor has been heard.
        guard !isFirst, let remarks = engine?.remarks(now) else { return }
        // A silence is told once, not once for each minute it lasts.
        let paths = Set(remarks.map(Self.subject))
        for remark in remarks where !toldRemarks.contains(Self.subject(remark)) { log.warning("lighting: \(remark)") }
        toldRemarks = paths
    }

    /// The place in the plan that a remark begins with.
    private static func subject(_ remark: String) -> String {
        String(remark.prefix { $0 != ":" })
    }

    private func reloadZone() {
        guard let name = zone?.name, let plan = engine?.plan else { return }
        do {
            guard let rules = try zone?.changed() else { return }
            engine?.replace(plan: plan.with(zone: rules))
            log.notice("lighting: the rules of \(name) were read anew, because its file has changed")
        } catch {
            log.error(
                "lighting: the file of \(name) has changed and cannot be used: \(error); the rules read before hold")
        }
    }

    /// Sends every order that is due; none waits for another.
    func sendDue() {
        let held = engine?.overrides ?? []
        defer {
            if !held.isEmpty {
                let left = Set((engine?.overrides ?? []).map(\.lamp))
                ended += held.filter { !left.contains($0.lamp) }
            }
        }
        for order in engine?.tick(now(), inputs: inputs) ?? [] {
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

    func send(_ order: LampOrder, number: UInt64, within limit: Duration = LightingService.orderLimit) async
        -> Outcome
    {
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
        ordered[order.lamp] = clock.now()
        wanted[order.lamp] = nil
        await faults?.commanded(lamp: order.lamp, percent: order.percent, fade: order.fade)
        let done = await buses.command(command, bus: device.configuration.bus, within: limit)
        let isLatest = isLatest(order, number)
        switch done.outcome {
        case .verified, .applied:
            engine?.confirmed(lamp: order.lamp, percent: order.percent)
            // The level ended what the gear said of its mains: when it says so again, they were away again.
            mainsSeen.remove(order.lamp)
            ordered[order.lamp] = clock.now()
            log.debug("lamp \(order.lamp) at \(order.percent) %: \(order.reason)")
        default:
            if isLatest { engine?.failed(lamp: order.lamp, clock: now()) }
            log.warning("lamp \(order.lamp) did not take \(order.percent) % (\(order.reason)): \(done.reason)")
        }
        wake?.yield()
        return .done(done)
    }

    func now() -> LightingClock { clock.forLighting() }

    func store() async {
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
