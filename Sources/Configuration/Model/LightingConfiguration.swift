public import Telemetry

/// Control programs, calendars and groups, in the words of TALQ.
public struct LightingConfiguration: Sendable {
    public enum WithoutClock: String, Sendable, Hashable, CaseIterable {
        case lit
        case last
        case off
    }

    public let programs: [LightingProgram]
    public let calendars: [LightingCalendar]
    public let groups: [LightingGroup]
    public let feeders: [LightingFeeder]
    /// What lamps do until the clock is trusted.
    public let withoutClock: WithoutClock
    /// Limits of the fault rules.
    public let faults: LightingFaults
    public let position: SourcePosition

    public func program(_ name: String) -> LightingProgram? { programs.first { $0.name == name } }
    public func calendar(_ name: String) -> LightingCalendar? { calendars.first { $0.name == name } }
    public func group(_ name: String) -> LightingGroup? { groups.first { $0.name == name } }
    public func feeder(_ name: String) -> LightingFeeder? { feeders.first { $0.name == name } }
}

public struct LightingProgram: Sendable, Hashable {
    public struct ActivePeriod: Sendable, Hashable {
        public let from: DailyTime
        /// On the next day when it is not later than ``from``.
        public let to: DailyTime
    }

    public struct Step: Sendable, Hashable {
        public let at: DailyTime
        /// Percent of light, 0 to 100.
        public let level: ExactDecimal
        /// Nil: the gear's own.
        public let fade: Duration?
    }

    public let name: String
    public let position: SourcePosition
    /// Outside of them a lamp is off; empty: the program is always active.
    public let active: [ActivePeriod]
    public let steps: [Step]
}

public struct LightingCalendar: Sendable, Hashable {
    public let name: String
    public let position: SourcePosition
    /// The program of every day.
    public let defaultProgram: String
}

public struct LightingGroup: Sendable, Hashable {
    public enum Schedule: Sendable, Hashable {
        /// The group is a name for commands and selections only.
        case none
        case calendar(String)
        /// Its calendar cannot be used: lamps are held at ``fallback``, never dark.
        case fallback(reason: String)
    }

    public let name: String
    public let position: SourcePosition
    public let schedule: Schedule
    /// Percent of light when the gateway cannot rule, 0 to 100.
    public let fallback: ExactDecimal
    /// A name under `feeders`, or a meter.
    public let feeder: String?
    /// Of each lamp at full light, in W.
    public let ratedPower: PhysicalQuantity?
}

/// What supplies lamps with power.
public struct LightingFeeder: Sendable, Hashable {
    public struct PowerSign: Sendable, Hashable {
        public let device: String
        public let point: String
        /// The feeder is on while the point's value is above this.
        public let above: PhysicalQuantity
    }

    public let name: String
    public let position: SourcePosition
    public let meter: String?
    /// L1, L2 or L3; nil: all.
    public let phase: String?
    public let on: PowerSign?
    /// A device, or a point of one (`device.point`).
    public let contactor: String?
    /// What else draws power from it.
    public let otherLoad: PhysicalQuantity?
    public let lamps: [String]
    public let groups: [String]
}
