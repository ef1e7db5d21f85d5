public import Telemetry

/// What failing devices may cost together: after a probe that took t, the next one (of whichever device) waits until
/// t is no more than the stated share of the time that has gone by.
///
/// With a share of 5 % and probes of 500 ms there is one probe per 10 s, be it one dead device or thirty; a device that comes
/// back is found within the sum of all probe times divided by the share.
public struct ProbeBudget: Sendable {
    /// Of bus time, 0 < share <= 1.
    public let share: Double
    public private(set) var nextProbe: BootInstant

    public init(share: Double, from now: BootInstant) {
        self.share = min(1, max(share, 0.000_1))
        nextProbe = now
    }

    /// A probe ended.
    ///
    /// - Parameter cost: bus time it took, answered or not.
    public mutating func spent(_ cost: Duration, endingAt now: BootInstant) {
        let period = Double(cost.wholeNanoseconds) / share
        let rest = Int64(min(period, 1e17)) - cost.wholeNanoseconds
        nextProbe = now.advanced(by: .nanoseconds(max(0, rest)))
    }

    public func isDue(at now: BootInstant) -> Bool { nextProbe <= now }
}
