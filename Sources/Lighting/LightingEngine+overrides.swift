public import Telemetry

extension LightingEngine {
    /// Rises whenever overrides or the sensors' holds change: then ``storedOverrides(_:)`` is to be stored again.
    public var overridesRevision: UInt64 { book.revision &+ sensors.revision }

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

    /// The overrides, and what the sensors last said, for durable storage.
    public func storedOverrides(_ clock: LightingClock) -> JSONValue {
        .object([
            .init("overrides", book.stored(clock)), .init("sensors", .array(sensors.stored(at: clock.uptime))),
        ])
    }

    /// Takes stored overrides after a start, before the first tick. Entries that are damaged, have ended, or are of
    /// lamps no longer ruled are left out.
    ///
    /// - Returns: a sentence for each damaged entry, for the log.
    @discardableResult
    public mutating func restoreOverrides(_ stored: JSONValue, clock: LightingClock) -> [String] {
        if case .array(let list)? = stored["sensors"] {
            sensors.restore(list, uses: plan.sensorUses, at: clock.uptime)
        }
        // A list alone is what was stored before sensors were.
        return book.restore(stored["overrides"] ?? stored, clock: clock, plan: plan)
    }

    // MARK: Holds

    /// Takes lamps out of all schedules and overrides while somebody works on them. It replaces earlier holds of the same
    /// lamps and is not stored here: whoever placed it places it again after a restart.
    ///
    /// - Parameters:
    ///   - percent: nil: they stay at the level they have, and nothing is sent.
    ///   - until: by this boot's clock.
    /// - Throws: when a lamp is not ruled by Lighting or the level makes no sense. Then nothing is changed.
    public mutating func hold(
        lamps names: [String], percent: ExactDecimal? = nil, until: BootInstant, reason: String, by author: String
    ) throws(LightingProblem) {
        for lamp in names where !plan.isRuled(lamp) {
            throw LightingProblem(.unknownLamp, path: lamp, "it is in no lighting group; nothing is scheduled for it")
        }
        if let percent, !LightingLimits.levels.contains(percent) {
            throw LightingProblem(.badLevel, path: names.first ?? "", "\(percent) % is not between 0 % and 100 %")
        }
        for lamp in names {
            holds[lamp] = LampHold(lamp: lamp, percent: percent, until: until, reason: reason, author: author)
        }
    }

    /// Gives lamps back to their schedules at the next tick.
    ///
    /// - Returns: those that were held.
    @discardableResult
    public mutating func unhold(lamps names: [String]) -> [String] {
        names.filter { holds.removeValue(forKey: $0) != nil }
    }

    /// Those in force, by lamp.
    public var heldLamps: [LampHold] { holds.values.sorted { $0.lamp < $1.lamp } }

    mutating func endHolds(_ clock: LightingClock) {
        guard !holds.isEmpty else { return }
        holds = holds.filter { clock.uptime < $0.value.until }
    }
}
