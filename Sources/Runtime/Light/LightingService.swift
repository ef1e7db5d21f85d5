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
    /// Hears of every order: what a lamp does is judged against it.
    private let faults: FaultDesk?
    /// Hears of every turn: what it feeds says that Lighting runs.
    private let watchdog: LampWatchdogFeeder?
    /// The latest order to each lamp that has no answer yet: who ordered an override waits for it, whichever turn sent it.
    private var underWay: [String: (number: UInt64, answer: Task<Outcome, Never>)] = [:]
    private var orders: UInt64 = 0
    private var storedRevision: UInt64 = 0
    private var wake: AsyncStream<Void>.Continuation?
    private var isStopped = false
    /// Lamps without mains, as their driver says.
    private var dark: Set<String> = []
    /// Lamps that said that their mains had been away, and were answered.
    private var mainsSeen: Set<String> = []
    /// When each lamp was last sent a level: what it said before does not speak against it.
    private var ordered: [String: BootInstant] = [:]
    /// What sensors and lamps said last.
    private var inputs = LightingInputs()
    /// What the fault rules were told is right for lamps that nothing can be sent to.
    private var wanted: [String: ExactDecimal] = [:]
    /// Overrides that ended by themselves and were not told yet.
    private var ended: [LampOverride] = []
    /// The zone's name in the tz database; nil where lighting runs in UTC for want of a place.
    private let zoneName: String?
    private var zoneStamp: ZoneFileStamp?
    private var lookedAround: BootInstant?
    private var toldRemarks: Set<String> = []
    /// An update of tzdata comes a few times a year, months before the rules it changes apply.
    private static let lookAroundInterval: Duration = .seconds(60)
    /// How long a command waits for its turn in the stagger: a district of lamps at 8 per 100 ms.
    private static let queueLimit: Duration = .seconds(10)

    init(
        plan: LightingPlan?, devices: DeviceTable, buses: BusDesk, events: EventDesk, state: StateStore?,
        clock: GatewayClock, faults: FaultDesk? = nil, watchdog: LampWatchdogFeeder? = nil, zoneName: String? = nil,
        log: Logger,
        mayCommand: @escaping @Sendable (String) -> Bool
    ) {
        self.faults = faults
        self.watchdog = watchdog
        self.zoneName = zoneName
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

    /// Overrides whose time is over.
    private func tellEnded() async {
        guard !ended.isEmpty else { return }
        let told = ended
        ended = []
        await events.tell(
            told.map { override in
                Event(
                    kind: EventKind.override, device: override.lamp, severity: .info,
                    detail: [
                        "ended": "expired", "percent": .number(override.percent), "by": .string(override.author),
                    ], occurred: clock.now())
            })
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

    /// A zone whose rules were changed by an update of the package tzdata rules at once, without a restart.
    private func reloadZone() {
        guard let zoneName, let stamp = ZoneFileStamp(name: zoneName), stamp != zoneStamp else { return }
        defer { zoneStamp = stamp }
        guard zoneStamp != nil, let plan = engine?.plan else { return }
        do {
            engine?.replace(plan: plan.with(zone: try TimeZoneRules.load(name: zoneName)))
            log.notice("lighting: the rules of \(zoneName) were read anew, because its file has changed")
        } catch {
            log.error(
                "lighting: the file of \(zoneName) has changed and cannot be used: \(error); the rules read before hold"
            )
        }
    }

    /// Sends every order that is due; none waits for another.
    private func sendDue() {
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

    private func send(_ order: LampOrder, number: UInt64, within limit: Duration = LightingService.orderLimit) async
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
        // Which of them have no mains is told anew.
        dark.subtract(lamps)
        for lamp in lamps where mayCommand(lamp) { engine?.lampBack(lamp) }
        wake?.yield()
    }

    // MARK: - Overrides

    /// Sets lamps to a level above their program, in one go: orders of one turn go out together, so that a driver can make one
    /// frame of them.
    ///
    /// - Returns: what came of it, by lamp.
    func override(
        _ lamps: [String], percent: ExactDecimal, for duration: Duration?, by author: String
    ) async -> [String: Outcome] {
        guard engine != nil else { return Self.all(lamps, .refused("notUnderCalendar")) }
        let clock = now()
        do {
            try engine?.override(
                lamps: lamps, percent: percent, duration: duration, author: author, clock: clock)
        } catch {
            return Self.all(lamps, .refused("\(error.code.rawValue): \(error.explanation)"))
        }
        let placed = (engine?.overrides ?? []).filter { lamps.contains($0.lamp) }
        sendDue()
        await store()
        await events.tell(
            placed.map { override in
                Event(
                    kind: EventKind.override, device: override.lamp, severity: .info,
                    detail: [
                        "percent": .number(percent), "by": .string(author),
                        "until": override.until.map { .string($0.description) } ?? .null,
                    ], occurred: clock.uptime)
            })
        return await settle(lamps)
    }

    /// Gives lamps back to their calendar.
    func release(_ lamps: [String], by author: String) async -> [String: Outcome] {
        guard let released = engine?.release(lamps: lamps) else { return Self.all(lamps, .refused("notUnderCalendar")) }
        sendDue()
        if !released.isEmpty {
            await store()
            let now = clock.now()
            await events.tell(
                released.sorted().map {
                    Event(
                        kind: EventKind.override, device: $0, severity: .info,
                        detail: ["released": true, "by": .string(author)], occurred: now)
                })
        }
        return await settle(lamps)
    }

    private static func all(_ lamps: [String], _ outcome: Outcome) -> [String: Outcome] {
        Dictionary(lamps.map { ($0, outcome) }, uniquingKeysWith: { first, _ in first })
    }

    /// Sends what is due now; waits for the answers of these lamps.
    private func settle(_ lamps: [String]) async -> [String: Outcome] {
        sendDue()
        var outcomes: [String: Outcome] = [:]
        // Each is under way already: waiting for them in turn costs nothing.
        for lamp in lamps { outcomes[lamp] = await settle(lamp) }
        return outcomes
    }

    private func settle(_ lamp: String) async -> Outcome {
        // An order that turns a lamp on may stand in the queue that keeps inrush bounded.
        let deadline = clock.now().advanced(by: Self.queueLimit)
        while true {
            if let own = underWay[lamp] { return await own.answer.value }
            guard let status = engine?.status(of: lamp) else { return .refused("notUnderCalendar") }
            if status.isLost {
                return .refused("busDown: the lamp's bus does not run; the level is sent when it is back")
            }
            let right = engine?.level(for: lamp, clock: now())?.percent
            if let percent = status.confirmed, right == nil || right == percent { return .already(percent) }
            guard status.failures == 0, clock.now() < deadline, !isStopped else { break }
            // Whoever asked may have gone: without a pause this loop would hold up every lamp until its deadline.
            guard (try? await Task.sleep(for: .milliseconds(50))) != nil else { break }
            sendDue()
        }
        return .refused("pending: an order to this lamp has failed and is repeated")
    }

    // MARK: - Locks

    /// Schedules leave these lamps alone from now on, or bring them to the lock's level.
    func hold(lamps: [String], by lock: Lock) {
        let now = now()
        // The lock itself ends in good time; this is its end even if nobody tells Lighting.
        let until = now.uptime.advanced(by: lock.remaining(now))
        do {
            try engine?.hold(lamps: lamps, percent: lock.level, until: until, reason: lock.reason, by: lock.by)
        } catch {
            log.error("locked lamps are not held: \(error)")
        }
        wake?.yield()
    }

    /// They go back to what is right; whoever worked there may have left them at any level.
    func unhold(lamps: [String]) {
        engine?.unhold(lamps: lamps)
        for lamp in lamps where engine?.status(of: lamp)?.isLost == false { engine?.lampBack(lamp) }
        wake?.yield()
    }

    // MARK: - What the field says

    func hear(_ news: FieldNews) {
        guard let engine else { return }
        var isHeard = noteMains(news)
        for value in news.values {
            guard let read = value.sample.value else { continue }
            if value.point == "operating_hours", let hours = read.number, engine.plan.isRuled(news.device) {
                inputs.note(operatingHours: hours, of: news.device)
            }
            let name = "\(news.device).\(value.point)"
            guard engine.plan.inputs.contains(name) else { continue }
            inputs.note(name, read, isGood: value.sample.quality.grade != .bad, at: value.sample.acquired)
            isHeard = true
        }
        if isHeard { wake?.yield() }
    }

    /// A lamp without mains is sent nothing; one whose mains came back stands at its power-on level and is sent the right one.
    ///
    /// - Returns: whether something is to be sent.
    private func noteMains(_ news: FieldNews) -> Bool {
        let lamp = news.device
        guard rules(lamp), mayCommand(lamp) else { return false }
        if news.values.contains(where: { $0.sample.quality.reason == .notPowered }) {
            if dark.insert(lamp).inserted { engine?.lampLost(lamp) }
            return false
        }
        guard let answer = news.values.first(where: { $0.sample.quality.grade != .bad }) else { return false }
        // The gear says so until it is sent a level: the first time counts.
        let cycled = news.values.contains { $0.point == "power_cycled" && $0.sample.value == .flag(true) }
        let isNews = cycled ? mainsSeen.insert(lamp).inserted : false
        if !cycled, news.values.contains(where: { $0.point == "power_cycled" }) { mainsSeen.remove(lamp) }
        guard dark.remove(lamp) != nil || isNews, answer.sample.acquired > lastOrder(lamp) else { return false }
        engine?.lampBack(lamp)
        return true
    }

    private func lastOrder(_ lamp: String) -> BootInstant { ordered[lamp] ?? BootInstant(nanoseconds: 0) }

    // MARK: - A lasting stop

    /// Brings every lamp to its group's fallback, because nobody will rule it from now on. Locked lamps and lamps that cannot be
    /// reached are left alone. Nothing is ordered afterwards.
    ///
    /// - Returns: how many took it, of how many.
    func standDown(within limit: Duration) async -> (took: Int, of: Int) {
        isStopped = true
        wake?.yield()
        guard let engine else { return (0, 0) }
        let held = Set(engine.heldLamps.map(\.lamp))
        let orders = engine.fallbackOrders().filter { order in
            mayCommand(order.lamp) && !held.contains(order.lamp) && engine.status(of: order.lamp)?.isLost == false
        }
        var took = 0
        await withTaskGroup(of: Bool?.self) { group in
            for order in orders {
                self.orders += 1
                let number = self.orders
                group.addTask {
                    if case .done(let done) = await self.send(order, number: number, within: limit) {
                        return [.verified, .applied].contains(done.outcome)
                    }
                    return false
                }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            var open = orders.count
            while open > 0, let answer = await group.next(), let answer {
                open -= 1
                if answer { took += 1 }
            }
            group.cancelAll()
        }
        return (took, orders.count)
    }

    private func now() -> LightingClock { clock.forLighting() }

    private func restore() async {
        guard let state, let bytes = try? await state.value(key: Self.storageKey),
            let stored = try? JSONValue(parsing: bytes)
        else { return }
        for problem in engine?.restoreOverrides(stored, clock: now()) ?? [] { log.warning("\(problem)") }
        storedRevision = engine?.overridesRevision ?? 0
        // Those that ended while the gateway was off are told too.
        let left = Set((engine?.overrides ?? []).map(\.lamp))
        guard case .array(let entries) = stored["overrides"] ?? stored else { return }
        await events.tell(
            entries.compactMap { entry in
                guard let lamp = entry["lamp"]?.text, rules(lamp), !left.contains(lamp),
                    let percent = entry["percent"]?.number
                else { return nil }
                return Event(
                    kind: EventKind.override, device: lamp, severity: .info,
                    detail: [
                        "ended": "expired", "percent": .number(percent),
                        "by": .string(entry["author"]?.text ?? ""),
                    ], occurred: clock.now())
            })
        // What is told is not to be told again at the next start.
        if left.count != entries.count { storedRevision = .max }
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
