public import Telemetry

/// The limits of the fault rules. Their defaults are the table in docs/lighting.md.
public struct FaultRules: Sendable, Hashable {
    /// So many of the latest so many polls.
    public struct Share: Sendable, Hashable {
        public let count: Int
        public let of: Int

        /// - Precondition: 1 <= count <= of.
        public init(_ count: Int, of: Int) {
            precondition(1 <= count && count <= of, "\(count) of \(of) can never or always be reached")
            self.count = count
            self.of = of
        }
    }

    /// Polls in a row that report a failed lamp, and as many that report none until the failure has ended. One may be a disturbed frame.
    public var lampFailure = 2
    /// As ``lampFailure``, of the control gear itself.
    public var gearFailure = 2
    /// Polls without an answer. A bus with foreign masters loses one now and then, five of six are a fault.
    public var communication = Share(5, of: 6)
    /// How long a lamp burns although ordered off. Longer than any fade of a schedule and a person's short test.
    public var dayBurner: Duration = .seconds(300)
    /// Starts that nobody ordered within ``cyclingWindow``. An ageing discharge lamp does it every few minutes.
    public var cyclingCount = 3
    public var cyclingWindow: Duration = .seconds(3600)
    /// Percent of light between ordered and told level. The steps of the logarithmic curve are under 3 %.
    public var dimmingDeviation = ExactDecimal(10)
    /// How long the level stands wrong after the fade.
    public var dimmingTime: Duration = .seconds(60)
    /// Percent of the expected power between expected and metered power of one lamp. Lamps age and LED drivers are rated at ±10 %.
    public var lampPowerDeviation = ExactDecimal(20)
    public var lampPowerTime: Duration = .seconds(600)
    /// Percent of the expected power between expected and metered power of a feeder; never less than half the smallest lamp burning on it.
    public var feederDeviation = ExactDecimal(5)
    public var feederTime: Duration = .seconds(600)
    /// How long a feeder is without supply while its lamps should have it. Shorter is a reclosing breaker.
    public var feederDead: Duration = .seconds(60)
    /// How long the rules wait after mains, a bus or the gateway came (back): gear starts, fades and is polled once.
    public var settle: Duration = .seconds(60)

    public init() {}
}
