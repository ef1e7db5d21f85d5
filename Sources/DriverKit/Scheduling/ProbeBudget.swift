public import Telemetry

/// What failing devices may cost together: an allowance that grows by a share of the time that passes and is spent by every exchange
/// with a device that fails, be it the first miss or the hundredth probe.
///
/// With a share of 5 % and probes of 500 ms there is one probe per 10 s, be it one dead device or thirty; a device that comes
/// back is found within the sum of all probe times divided by the share. A line that was healthy for a while has saved
/// up at most `reserve`, so that a device that misses one answer is asked again at once.
public struct ProbeBudget: Sendable {
    /// Of bus time, 0 < share <= 1.
    public let share: Double
    /// The most that is saved up.
    public let reserve: Duration
    /// From here on the allowance stands at zero or above.
    public private(set) var nextProbe: BootInstant

    /// - Parameter reserve: what may be spent at once after a healthy time.
    public init(share: Double, reserve: Duration = .zero, from now: BootInstant) {
        self.share = min(1, max(share, 0.000_1))
        self.reserve = reserve
        nextProbe = now
        // What nobody has failed yet has been saved up.
        nextProbe = now.advanced(by: .zero - period(reserve))
    }

    /// An exchange with a failing device ended.
    ///
    /// - Parameter cost: bus time it took, answered or not.
    public mutating func spent(_ cost: Duration, endingAt now: BootInstant) {
        let began = now.advanced(by: .zero - cost)
        // As if saved up before the exchange: no more than the reserve.
        let saved = began.advanced(by: .zero - period(reserve))
        nextProbe = max(nextProbe, saved).advanced(by: period(cost))
    }

    public func isDue(at now: BootInstant) -> Bool { nextProbe <= now }

    /// Time in which the share amounts to `cost`.
    private func period(_ cost: Duration) -> Duration {
        .nanoseconds(Int64(min(Double(cost.wholeNanoseconds) / share, 1e17)))
    }
}
