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
    var book = OverrideBook()
    /// By lamp; those of lamps that are not ruled any more are dropped with the plan.
    var holds: [String: LampHold] = [:]
    var sensors = SensorMemory()
    /// What the field said at the last tick.
    var inputs = LightingInputs()
    /// In the order of the plan's lamps.
    private var states: [LampState]
    private var inrush = InrushLimit()
    /// Whether lamps wait for others to come on first.
    private var isStaggering = false
    /// Tonight, by calendar: what is asked at every tick is worked out once a night.
    private var timelines: [String: NightTimeline] = [:]

    public init(plan: LightingPlan) {
        self.plan = plan
        states = Array(repeating: LampState(), count: plan.lamps.count)
    }

    /// Takes a changed configuration, or the same with a zone's new rules. What lamps have confirmed stays known; overrides
    /// and holds of lamps that are gone end.
    public mutating func replace(plan: LightingPlan) {
        let old = self.plan
        states = plan.lamps.map { lamp in old.indexes[lamp].map { states[$0] } ?? LampState() }
        self.plan = plan
        timelines = [:]
        sensors.keep(plan.sensorUses)
        book.release(book.lamps.filter { !plan.isRuled($0) })
        holds = holds.filter { plan.isRuled($0.key) }
    }

    // MARK: The night

    /// The orders to send now. Call it at least once a second or at ``nextWake(after:atMost:)``, and whenever a point of
    /// ``LightingPlan/inputs`` got a new value.
    ///
    /// Of the orders that switch lamps on, at most ``LightingPlan/stagger`` are handed out within 100 ms; the rest follow.
    ///
    /// - Parameter inputs: nil: those of the last tick still hold.
    public mutating func tick(_ clock: LightingClock, inputs: LightingInputs? = nil) -> [LampOrder] {
        if let inputs { self.inputs = inputs }
        book.settle(clock, plan: plan)
        book.removeExpired(clock)
        endHolds(clock)
        sensors.observe(plan.sensorUses, inputs: self.inputs, at: clock.uptime)
        let groupLevels = plan.groups.indices.map { groupLevel($0, clock: clock) }
        var orders: [LampOrder] = []
        var waiting = false
        // A person's orders are the first of those that may switch on.
        for isPersonsTurn in [true, false] {
            for (index, lamp) in plan.lamps.enumerated() {
                let isPerson = holds[lamp] != nil || book[lamp] != nil
                guard isPerson == isPersonsTurn else { continue }
                let level = lampLevel(index, group: groupLevels[plan.rulingGroups[index]], clock: clock)
                guard let percent = level.percent else {
                    states[index].forgetPast(at: clock.uptime)
                    continue
                }
                var state = states[index]
                let pipeline = plan.groups[plan.rulingGroups[index]].pipeline
                if let attempt = state.begin(percent, pipeline, at: clock.uptime) {
                    if percent != LightingPlan.dark, states[index].isDarkOrUnknown,
                        !inrush.admits(at: clock.uptime, limit: plan.stagger)
                    {
                        waiting = true
                        continue
                    }
                    orders.append(
                        LampOrder(
                            lamp: lamp, percent: percent,
                            // Nobody waits for a fade that should have ended long ago: only a change seen here fades.
                            fade: isPerson || state.isKnown ? level.fade : nil,
                            priority: isPerson ? .person : .schedule, reason: level.reason, attempt: attempt))
                }
                states[index] = state
            }
        }
        isStaggering = waiting
        return orders
    }

    /// The right level of a lamp now, and why; nil for a lamp that Lighting does not rule.
    public mutating func level(for lamp: String, clock: LightingClock) -> LampLevel? {
        guard let index = plan.indexes[lamp] else { return nil }
        return lampLevel(index, group: groupLevel(plan.rulingGroups[index], clock: clock), clock: clock)
    }

    /// Hold over override over group, then the level pipeline, then warm-up and cool-down.
    private mutating func lampLevel(_ index: Int, group: LampLevel, clock: LightingClock) -> LampLevel {
        let asked = askedLevel(index, group: group, clock: clock)
        guard let percent = asked.percent else { return asked }
        let pipeline = plan.groups[plan.rulingGroups[index]].pipeline
        let output = pipeline.percent(
            of: percent, hours: inputs.operatingHours(of: plan.lamps[index]),
            maintenanceAge: maintenanceAge(pipeline, clock: clock))
        let allowed = states[index].allowed(output, pipeline, at: clock.uptime).percent
        return LampLevel(percent: allowed, asked: percent, fade: asked.fade, reason: asked.reason)
    }

    func askedLevel(_ index: Int, group: LampLevel, clock: LightingClock) -> LampLevel {
        let lamp = plan.lamps[index]
        if let hold = holds[lamp], clock.uptime < hold.until {
            return LampLevel(percent: hold.percent, reason: .held(by: hold.author, reason: hold.reason))
        }
        if let override = book[lamp], !override.isExpired(clock) {
            return LampLevel(percent: override.percent, fade: override.fade, reason: .override(by: override.author))
        }
        return group
    }

    mutating func groupLevel(_ group: Int, clock: LightingClock) -> LampLevel {
        let calendar = plan.groups[group].calendar.flatMap { plan.calendars[$0] }
        let timeline = clock.isTrusted ? calendar.flatMap { self.timeline(of: $0, at: clock.utc) } : nil
        return plan.level(ofGroup: group, clockTrusted: clock.isTrusted) { _ in
            timeline.flatMap { timeline in
                timeline.segment(at: clock.utc).map { scheduled($0, program: timeline.program, clock: clock) }
            }
        }
    }

    /// A stretch of the night with what the sensors say.
    func scheduled(_ segment: NightTimeline.Segment, program name: String, clock: LightingClock) -> LampLevel {
        let isActive = segment.isActive { index in
            sensors[SensorKey(program: name, part: .active, index: index)]?.isOn
        }
        guard isActive else {
            return LampLevel(percent: LightingPlan.dark, reason: .outsideActivePeriod(program: name))
        }
        guard let program = plan.programs[name], let base = segment.asked.percent else { return segment.asked }
        for index in segment.controls {
            let key = SensorKey(program: name, part: .dynamic, index: index)
            let control = program.dynamic[index]
            guard sensors[key]?.acts(at: clock.uptime) == true, let command = command(of: control) else { continue }
            return LampLevel(
                percent: control.operation.applied(command, to: base), fade: control.fade,
                reason: .dynamic(program: name, control: control.description))
        }
        return segment.asked
    }

    func command(of control: DynamicControl) -> ExactDecimal? {
        switch control.effect {
        case .level(let level): level
        case .source: inputs[control.source.point]?.value.number
        }
    }

    func maintenanceAge(_ pipeline: LevelPipeline, clock: LightingClock) -> Duration? {
        guard let last = pipeline.maintenance?.last, clock.isTrusted else { return nil }
        return clock.utc.duration(since: plan.midnight(of: last))
    }

    mutating func timeline(of calendar: LightingCalendar, at moment: UTCInstant) -> NightTimeline? {
        let key = calendar.name
        if let known = timelines[key], known.covers(moment) { return known }
        let night = plan.night(at: moment)
        let fresh = plan.timeline(program: calendar.program(night: night), night: night)
        timelines[key] = fresh
        return fresh
    }

    /// How long until anything may change without being told: a step, an override's end, a hold, a retry.
    ///
    /// - Parameter limit: a minute, so that a clock that was set meanwhile is followed.
    public mutating func nextWake(after clock: LightingClock, atMost limit: Duration = .seconds(60)) -> Duration {
        var wait = limit
        if clock.isTrusted {
            for name in Set(plan.groups.compactMap(\.calendar)) {
                guard let calendar = plan.calendars[name], let timeline = timeline(of: calendar, at: clock.utc) else {
                    continue
                }
                wait = min(wait, timeline.boundary(after: clock.utc).duration(since: clock.utc))
            }
        }
        for override in book.all { wait = min(wait, override.remaining(clock)) }
        var moments = states.compactMap(\.nextMoment) + holds.values.map(\.until)
        if let moment = sensors.nextMoment(plan.sensorUses, after: clock.uptime) { moments.append(moment) }
        if isStaggering, let moment = inrush.nextFree(limit: plan.stagger) { moments.append(moment) }
        for moment in moments { wait = min(wait, moment.duration(since: clock.uptime)) }
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
    public mutating func confirmed(lamp: String, percent: ExactDecimal) {
        if let index = plan.indexes[lamp] { states[index].confirm(percent) }
    }

    /// The order did not get through; it is sent again after a pause, as long as it is right.
    public mutating func failed(lamp: String, clock: LightingClock) {
        if let index = plan.indexes[lamp] { states[index].fail(at: clock.uptime) }
    }

    /// The lamp's bus or driver is gone: nothing is ordered until ``lampBack(_:)``.
    public mutating func lampLost(_ lamp: String) { if let index = plan.indexes[lamp] { states[index].lose() } }

    /// The lamp may stand at any level (its bus came back, its mains were off): the right one is ordered at the next tick.
    public mutating func lampBack(_ lamp: String) { if let index = plan.indexes[lamp] { states[index] = LampState() } }

    /// What is known of a lamp, for status displays; nil for a lamp that Lighting does not rule.
    public func status(of lamp: String) -> LampStatus? { plan.indexes[lamp].map { states[$0].status } }

    /// What warm-up and cool-down make of a level now, in words.
    func startNote(_ index: Int, _ percent: ExactDecimal, _ pipeline: LevelPipeline, clock: LightingClock) -> String? {
        states[index].allowed(percent, pipeline, at: clock.uptime).note
    }
}
