public import Telemetry

/// When to try again something that failed: soon at first, then less and less often, for ever.
public struct Backoff: Sendable, Hashable {
    public let first: Duration
    public let longest: Duration
    /// Failures since the last success.
    public private(set) var failures = 0
    /// Not before this moment; nil when nothing has failed.
    public private(set) var notBefore: BootInstant?

    /// - Parameters:
    ///   - first: pause after the first failure; it doubles with each further one.
    ///   - longest: the pause never exceeds this.
    public init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }

    /// - Parameter jitter: how much of the pause is left to chance, 0 to 1: many that failed together do not all come back
    ///   in the same instant. The pause is never longer than without.
    public mutating func failed(at now: BootInstant, jitter: Double = 0) {
        // 2^30 times any sensible first pause is beyond any sensible longest one.
        var pause = min(first * (1 << min(failures, 30)), longest)
        if jitter > 0 {
            let part = 1 - Double.random(in: 0...min(jitter, 1))
            pause = .nanoseconds(Int64(Double(pause.wholeNanoseconds) * part))
        }
        failures += 1
        notBefore = now.advanced(by: pause)
    }

    public mutating func succeeded() {
        failures = 0
        notBefore = nil
    }

    public func isDue(at now: BootInstant) -> Bool {
        guard let notBefore else { return true }
        return notBefore <= now
    }
}
