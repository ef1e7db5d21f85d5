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
    /// How many lamps may be switched on within 100 ms.
    public let stagger: Int
    /// Limits of the fault rules.
    public let faults: LightingFaults
    public let position: SourcePosition

    public func program(_ name: String) -> LightingProgram? { programs.first { $0.name == name } }
    public func calendar(_ name: String) -> LightingCalendar? { calendars.first { $0.name == name } }
    public func group(_ name: String) -> LightingGroup? { groups.first { $0.name == name } }
    public func feeder(_ name: String) -> LightingFeeder? { feeders.first { $0.name == name } }
}

public struct LightingProgram: Sendable, Hashable {
    public struct Span: Sendable, Hashable {
        public let from: DailyTime
        /// On the next day when it is not later than ``from``.
        public let to: DailyTime
    }

    public struct ActivePeriod: Sendable, Hashable {
        /// nil: a sensor alone decides.
        public let span: Span?
        public let sensor: PeriodSensor?
    }

    public struct PeriodSensor: Sendable, Hashable {
        public enum Rule: Sendable, Hashable {
            /// In the point's own unit.
            case level(on: ExactDecimal, off: ExactDecimal)
            case condition(SensorCondition)
        }

        /// `device.point`.
        public let source: String
        public let rule: Rule
        public let early: Duration
        public let earlyEnd: Duration
        public let stale: Duration
    }

    public enum Operation: String, Sendable, Hashable, CaseIterable {
        case set, max, min, add, sub, mul
    }

    public struct Step: Sendable, Hashable {
        public let at: DailyTime
        /// Percent of light, 0 to 100.
        public let level: ExactDecimal
        /// Nil: the gear's own.
        public let fade: Duration?
        /// Nil: the level rules until the next step.
        public let operation: Operation?
    }

    public struct DynamicControl: Sendable, Hashable {
        /// `device.point`.
        public let source: String
        public let when: SensorCondition?
        public let until: SensorCondition?
        /// Percent of light; nil: the source's own value is the level.
        public let level: ExactDecimal?
        public let operation: Operation
        public let hold: Duration
        public let period: Span?
        public let fade: Duration?
        public let stale: Duration
    }

    public let name: String
    public let position: SourcePosition
    /// Outside of them a lamp is off; empty: the program is always active.
    public let active: [ActivePeriod]
    public let steps: [Step]
    /// The first that acts wins.
    public let dynamic: [DynamicControl]
}

/// What a point must show: `occupied`, `below 20`, `= open`, `count >= 5 per 10min`.
public enum SensorCondition: Sendable, Hashable {
    public enum Comparison: String, Sendable, Hashable, CaseIterable {
        case below = "<"
        case above = ">"
        case equal = "="
        case different = "!="
        case atLeast = ">="
        case atMost = "<="
    }

    case occupied
    case vacant
    case compare(Comparison, Value)
    case count(atLeast: ExactDecimal, within: Duration)
}

public struct LightingCalendar: Sendable, Hashable {
    /// A date of one year, or of every year.
    public struct Day: Sendable, Hashable {
        /// nil: every year.
        public let year: Int?
        public let month: Int
        public let day: Int
    }

    public enum Occurrence: Sendable, Hashable {
        case number(Int)
        case last
    }

    public struct Rule: Sendable, Hashable {
        /// nil: open.
        public let from: Day?
        /// Inclusive; nil: open.
        public let to: Day?
        /// 1 is Monday; empty: every day.
        public let weekdays: Set<Int>
        /// Of the month; empty: every day.
        public let days: Set<Int>
        public let occurrences: Set<Occurrence>
        public let program: String
    }

    public let name: String
    public let position: SourcePosition
    /// The first that fits wins.
    public let rules: [Rule]
    /// The program of every other day.
    public let defaultProgram: String
}

/// From the level asked for to the one that is sent.
public struct LightingPipeline: Sendable, Hashable {
    public struct CurvePoint: Sendable, Hashable {
        public let hours: ExactDecimal
        public let percent: ExactDecimal
    }

    public struct Maintenance: Sendable, Hashable {
        public let factor: ExactDecimal
        public let last: LightingCalendar.Day
        public let period: Duration
    }

    public let virtualOutput: ExactDecimal
    /// Empty: none, or the gear's own (`constant_light: driver`).
    public let constantLight: [CurvePoint]
    public let maintenance: Maintenance?
    public let minimum: ExactDecimal
    public let warmUp: Duration
    public let coolDown: Duration
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
    public let pipeline: LightingPipeline
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
