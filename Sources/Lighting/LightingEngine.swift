public import Telemetry

/// Says, tick by tick, which lamp must be sent which level: only those whose right level is another than the one they
/// were last sent and have confirmed.
///
/// A value type without clock, thread or I/O. From the first tick no lamp is ordered any level but its right one;
/// restore stored overrides (``restoreOverrides(_:clock:)``) before it. The shell around it sends each order at its
/// priority and answers it with ``confirmed(lamp:percent:)`` or ``failed(lamp:clock:)``.
public struct LightingEngine: Sendable {
    /// An order that was neither confirmed nor failed after this long is taken as lost: longer than a driver's slowest
    /// command with its read-back, the longest ordinary fade (90 s) included.
    public static let orderTimeout: Duration = .seconds(120)
    /// The pause after a first failure; it doubles with each further one. Two seconds let a restarted driver come up.
    public static let firstRetry: Duration = .seconds(2)
    /// The longest pause between two tries. A lamp is never given up: sixty-four dead ones cost one frame a second.
    public static let longestRetry: Duration = .seconds(60)

    public private(set) var plan: LightingPlan
    private var book = OverrideBook()
    private var lamps: [String: LampState] = [:]
    /// Tonight, by program: what is asked at every tick is worked out once a night.
    private var timelines: [String: NightTimeline] = [:]

    public init(plan: LightingPlan) { self.plan = plan }

    /// Takes a changed configuration. What lamps have confirmed stays known; overrides of lamps that are gone end.
    public mutating func replace(plan: LightingPlan) {
        self.plan = plan
        timelines = [:]
        lamps = lamps.filter { plan.isRuled($0.key) }
        book.release(book.lamps.filter { !plan.isRuled($0) })
    }

    // MARK: The night

    /// The orders to send now. Call it at least once a second, or at ``nextWake(after:)``.
    public mutating func tick(_ clock: LightingClock) -> [LampOrder] {
        book.settle(clock, plan: plan)
        book.removeExpired(clock)
        var orders: [LampOrder] = []
        for lamp in plan.lamps {
            guard let level = level(for: lamp, clock: clock), let percent = level.percent else { continue }
            var state = lamps[lamp] ?? LampState()
            if let attempt = state.begin(percent, at: clock.uptime) {
                let isPerson = if case .override = level.reason { true } else { false }
                orders.append(
                    LampOrder(
                        lamp: lamp, percent: percent,
                        // Nobody waits for a fade that should have ended long ago: only a change seen here fades.
                        fade: isPerson || state.isKnown ? level.fade : nil,
                        priority: isPerson ? .person : .schedule, reason: level.reason, attempt: attempt))
            }
            lamps[lamp] = state
        }
        return orders
    }

    /// The right level of a lamp now, and why; nil for a lamp that Lighting does not rule.
    public mutating func level(for lamp: String, clock: LightingClock) -> LampLevel? {
        guard plan.isRuled(lamp) else { return nil }
        if let override = book[lamp], !override.isExpired(clock) {
            return LampLevel(percent: override.percent, fade: override.fade, reason: .override(by: override.author))
        }
        return plan.level(for: lamp, clockTrusted: clock.isTrusted) { calendar in
            timeline(of: calendar, at: clock.utc)?.level(at: clock.utc)
        }
    }

    private mutating func timeline(of calendar: LightingCalendar, at moment: UTCInstant) -> NightTimeline? {
        let key = calendar.name
        if let known = timelines[key], known.covers(moment) { return known }
        let night = plan.night(at: moment)
        let fresh = plan.timeline(program: calendar.program(night: night), night: night)
        timelines[key] = fresh
        return fresh
    }

    /// How long until anything may change without being told: a step, an override's end, a retry. At most a minute, so
    /// that a clock that was set meanwhile is followed.
    public mutating func nextWake(after clock: LightingClock) -> Duration {
        var wait: Duration = .seconds(60)
        if clock.isTrusted, let change = plan.nextChange(after: clock.utc) {
            wait = min(wait, change.duration(since: clock.utc))
        }
        for override in book.all { wait = min(wait, override.remaining(clock)) }
        for state in lamps.values {
            if let moment = state.nextMoment { wait = min(wait, moment.duration(since: clock.uptime)) }
        }
        return max(.zero, wait)
    }

    /// Orders for a lasting stop of the gateway: every lamp to its group's fallback.
    public func fallbackOrders() -> [LampOrder] {
        plan.lamps.map {
            LampOrder(lamp: $0, percent: plan.fallback(of: $0), fade: nil, priority: .schedule, reason: .fallback)
        }
    }

    // MARK: What became of the orders

    /// The lamp was sent `percent` (the order's own number, whatever its gear rounded it to), and took it.
    public mutating func confirmed(lamp: String, percent: ExactDecimal) { lamps[lamp]?.confirm(percent) }

    /// The order did not get through; it is sent again after a pause, as long as it is right.
    public mutating func failed(lamp: String, clock: LightingClock) { lamps[lamp]?.fail(at: clock.uptime) }

    /// The lamp's bus or driver is gone: nothing is ordered until ``lampBack(_:)``.
    public mutating func lampLost(_ lamp: String) { if plan.isRuled(lamp) { lamps[lamp, default: LampState()].lose() } }

    /// The lamp may stand at any level (its bus came back, its mains were off): the right one is ordered at the next tick.
    public mutating func lampBack(_ lamp: String) { if plan.isRuled(lamp) { lamps[lamp] = LampState() } }

    /// What is known of a lamp, for status displays; nil for a lamp that Lighting does not rule.
    public func status(of lamp: String) -> LampStatus? {
        guard plan.isRuled(lamp) else { return nil }
        return (lamps[lamp] ?? LampState()).status
    }

    // MARK: Overrides

    /// Rises whenever the overrides change: then ``storedOverrides(_:)`` is to be stored again.
    public var overridesRevision: UInt64 { book.revision }

    /// Those in force, by lamp.
    public var overrides: [LampOverride] { book.all }

    /// Sets lamps to a level above their program. It replaces whatever overrode them before.
    ///
    /// - Parameters:
    ///   - lamps: device names; for a group, its lamps (``LightingPlan/lamps(inGroup:)``).
    ///   - percent: 0 to 100.
    ///   - fade: nil leaves it to the gear.
    ///   - duration: nil: until the next local noon; without a trusted clock, half a day.
    ///   - author: who ordered it, for `why`.
    /// - Throws: when a lamp is not ruled by Lighting, or level or duration make no sense. Then nothing is changed.
    public mutating func override(
        lamps names: [String], percent: ExactDecimal, fade: Duration? = nil, duration: Duration? = nil, author: String,
        clock: LightingClock
    ) throws(LightingProblem) {
        for lamp in names where !plan.isRuled(lamp) {
            throw LightingProblem(.unknownLamp, path: lamp, "it is in no lighting group; command the device itself")
        }
        guard LightingLimits.levels.contains(percent) else {
            throw LightingProblem(.badLevel, path: names.first ?? "", "\(percent) % is not between 0 % and 100 %")
        }
        if let duration, duration <= .zero || duration > OverrideBook.longest {
            throw LightingProblem(.badDuration, path: names.first ?? "", "an override lasts from 1 s to 31 days")
        }
        if let fade, fade < .zero || fade > LightingLimits.longestFade {
            throw LightingProblem(.badDuration, path: names.first ?? "", "a fade lasts 0 s to 16 min")
        }
        book.place(names, percent: percent, fade: fade, duration: duration, author: author, clock: clock, plan: plan)
    }

    /// Ends the overrides of these lamps; they go back to their program at the next tick.
    ///
    /// - Returns: those that had one.
    @discardableResult
    public mutating func release(lamps names: [String]) -> [String] { book.release(names) }

    /// The overrides for durable storage.
    public func storedOverrides(_ clock: LightingClock) -> JSONValue { book.stored(clock) }

    /// Takes stored overrides after a start, before the first tick. Entries that are damaged, have ended, or are of
    /// lamps no longer ruled are left out.
    ///
    /// - Returns: a sentence for each damaged entry, for the log.
    @discardableResult
    public mutating func restoreOverrides(_ stored: JSONValue, clock: LightingClock) -> [String] {
        book.restore(stored, clock: clock, plan: plan)
    }
}
