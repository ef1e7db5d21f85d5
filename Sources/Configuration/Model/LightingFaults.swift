public import Telemetry

/// Limits of the fault rules of lamps and feeders, `lighting.faults`; docs/lighting.md says what each rule is.
public struct LightingFaults: Sendable, Hashable {
    /// So many of so many polls: `5 of 6`.
    public struct Share: Sendable, Hashable {
        public let count: Int
        public let of: Int
    }

    /// So many within a time: `3 in 1h`.
    public struct Rate: Sendable, Hashable {
        public let count: Int
        public let within: Duration
    }

    /// Off by so much for a time: `10% for 60s`.
    public struct Deviation: Sendable, Hashable {
        public let percent: ExactDecimal
        public let time: Duration
    }

    /// Polls in a row.
    public let lampFailure: Int
    /// Polls in a row.
    public let gearFailure: Int
    public let communication: Share
    public let dayBurner: Duration
    public let cycling: Rate
    /// Points of percent of light.
    public let dimming: Deviation
    /// Percent of the expected power.
    public let lampPower: Deviation
    /// Percent of the expected power.
    public let feeder: Deviation
    /// How long a feeder is without supply while its lamps should have it.
    public let feederDead: Duration
    /// How long the rules wait after mains or a bus came back.
    public let settle: Duration
    /// TALQ's power-light gradient of lamps that say none.
    public let gradient: ExactDecimal
    /// Of a lamp that is off, in W.
    public let standby: ExactDecimal
}
