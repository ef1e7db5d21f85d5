public import Telemetry

/// What Lighting knows of one lamp.
public struct LampStatus: Sendable, Hashable {
    /// The level sent and not yet answered, in percent.
    public let ordered: ExactDecimal?
    /// The level the lamp last took, in percent.
    public let confirmed: ExactDecimal?
    /// How often in a row the order has failed.
    public let failures: Int
    /// Its bus or driver is gone.
    public let isLost: Bool
}

/// One lamp's orders: at most one is under way, a failed one is repeated with growing pauses.
struct LampState: Sendable {
    private var ordered: ExactDecimal?
    private var orderedAt = BootInstant(nanoseconds: 0)
    private var confirmed: ExactDecimal?
    private var failed: ExactDecimal?
    private var failures = 0
    private var retryAt: BootInstant?
    private var isLost = false
    /// Just switched on, it is not dimmed before this.
    private var fullUntil: BootInstant?
    /// Just switched off, it is not switched on before this.
    private var offUntil: BootInstant?

    /// Whether an order for light switches it on, as far as is known.
    var isDarkOrUnknown: Bool { confirmed.map { $0 == LightingPlan.dark } ?? true }

    /// What warm-up and cool-down allow of a level now, and why if it is another.
    func allowed(_ percent: ExactDecimal, _ pipeline: LevelPipeline, at moment: BootInstant) -> (
        percent: ExactDecimal, note: String?
    ) {
        guard percent != LightingPlan.dark else { return (percent, nil) }
        if let offUntil, moment < offUntil { return (LightingPlan.dark, "it cools down after it was switched off") }
        let isStarting = pipeline.warmUp > .zero && confirmed == LightingPlan.dark
        if isStarting || fullUntil.map({ moment < $0 }) ?? false {
            return (LightingPlan.fullLight, "it warms up before it is dimmed")
        }
        return (percent, nil)
    }

    /// Whether the lamp has taken a level since it was last lost.
    var isKnown: Bool { confirmed != nil }

    var status: LampStatus { LampStatus(ordered: ordered, confirmed: confirmed, failures: failures, isLost: isLost) }

    /// When something is due without being told.
    var nextMoment: BootInstant? {
        if isLost { return nil }
        let answer = ordered == nil ? retryAt : orderedAt.advanced(by: LightingEngine.orderTimeout)
        return [answer, fullUntil, offUntil].compactMap { $0 }.min()
    }

    /// The number of the try when `percent` is to be sent now, nil when not.
    mutating func begin(_ percent: ExactDecimal, _ pipeline: LevelPipeline = .plain, at moment: BootInstant) -> Int? {
        guard !isLost else { return nil }
        if let until = fullUntil, moment >= until { fullUntil = nil }
        if let until = offUntil, moment >= until { offUntil = nil }
        if ordered != nil, moment >= orderedAt.advanced(by: LightingEngine.orderTimeout) { fail(at: moment) }
        // An order for another level overtakes one that is under way, and waits for no retry.
        if let ordered {
            if ordered == percent { return nil }
        } else if confirmed == percent {
            retryAt = nil
            return nil
        }
        if failed == percent {
            if let retryAt, moment < retryAt { return nil }
        } else {
            failures = 0
            failed = nil
        }
        if percent == LightingPlan.dark {
            fullUntil = nil
            if pipeline.coolDown > .zero, confirmed != percent { offUntil = moment.advanced(by: pipeline.coolDown) }
        } else if pipeline.warmUp > .zero, confirmed == LightingPlan.dark {
            fullUntil = moment.advanced(by: pipeline.warmUp)
        }
        ordered = percent
        orderedAt = moment
        retryAt = nil
        return failures + 1
    }

    /// Nothing is wanted of the lamp now: what was due by itself must not wake anybody again and again.
    mutating func forgetPast(at moment: BootInstant) {
        if let due = retryAt, moment >= due { retryAt = nil }
        if let until = fullUntil, moment >= until { fullUntil = nil }
        if let until = offUntil, moment >= until { offUntil = nil }
        if ordered != nil, moment >= orderedAt.advanced(by: LightingEngine.orderTimeout) { fail(at: moment) }
    }

    mutating func confirm(_ percent: ExactDecimal) {
        // An answer to an order that was overtaken says where the lamp stands for now, no more.
        confirmed = percent
        guard ordered == percent else { return }
        ordered = nil
        failed = nil
        failures = 0
        retryAt = nil
    }

    mutating func fail(at moment: BootInstant) {
        guard let percent = ordered else { return }
        ordered = nil
        // The frame may have arrived although its answer did not: where the lamp stands is unknown.
        confirmed = nil
        failed = percent
        failures += 1
        var pause = LightingEngine.firstRetry
        for _ in 1..<min(failures, 16) where pause < LightingEngine.longestRetry { pause = pause * 2 }
        retryAt = moment.advanced(by: min(pause, LightingEngine.longestRetry))
    }

    mutating func lose() {
        self = LampState()
        isLost = true
    }
}
