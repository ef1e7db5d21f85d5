import Telemetry

/// When something was known of a counter, in whatever time it can still be compared.
enum CounterMoment: Sendable, Hashable {
    /// In this boot.
    case boot(BootInstant)
    /// In an earlier boot whose clock was trusted.
    case utc(UTCInstant)
    /// In an earlier boot that never learned the time.
    case unknown

    /// How long before `moment` that was; nil when nobody knows. Never negative.
    func elapsed(until moment: BootInstant, clock: NormalizerClock) -> Duration? {
        switch self {
        case .boot(let earlier): return max(.zero, moment.duration(since: earlier))
        case .utc(let earlier):
            guard clock.isTrusted else { return nil }
            let elapsed = clock.utc(moment).duration(since: earlier)
            // An earlier boot cannot lie in the future: one of the two clocks is wrong.
            return elapsed >= .zero ? elapsed : nil
        case .unknown: return nil
        }
    }
}
