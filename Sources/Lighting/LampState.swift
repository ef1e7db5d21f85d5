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

    /// Whether the lamp has taken a level since it was last lost.
    var isKnown: Bool { confirmed != nil }

    var status: LampStatus { LampStatus(ordered: ordered, confirmed: confirmed, failures: failures, isLost: isLost) }

    /// When something is due without being told.
    var nextMoment: BootInstant? {
        if isLost { return nil }
        if ordered != nil { return orderedAt.advanced(by: LightingEngine.orderTimeout) }
        return retryAt
    }

    /// The number of the try when `percent` is to be sent now, nil when not.
    mutating func begin(_ percent: ExactDecimal, at moment: BootInstant) -> Int? {
        guard !isLost else { return nil }
        if ordered != nil, moment >= orderedAt.advanced(by: LightingEngine.orderTimeout) { fail(at: moment) }
        // An order for another level overtakes one that is under way, and waits for no retry.
        if let ordered { if ordered == percent { return nil } } else if confirmed == percent { return nil }
        if failed == percent {
            if let retryAt, moment < retryAt { return nil }
        } else {
            failures = 0
            failed = nil
        }
        ordered = percent
        orderedAt = moment
        retryAt = nil
        return failures + 1
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
