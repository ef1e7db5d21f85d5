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

    public mutating func failed(at now: BootInstant) {
        // 2^30 times any sensible first pause is beyond any sensible longest one.
        let doubled = first * (1 << min(failures, 30))
        failures += 1
        notBefore = now.advanced(by: min(doubled, longest))
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
