public import Telemetry

/// What can be found wrong with a lamp or a feeder. The raw value is the event's kind (docs/events.md).
public enum FaultKind: String, Sendable, Hashable, CaseIterable {
    case lampFailure = "lamp_failure"
    case gearFailure = "gear_failure"
    case communicationFailure = "communication_failure"
    case dayBurner = "day_burner"
    case cycling
    case dimmingFailure = "dimming_failure"
    case lampPowerLow = "lamp_power_low"
    case lampPowerHigh = "lamp_power_high"
    case supplyLoss = "supply_loss"
    case feederDead = "feeder_dead"
    case feederLoadLow = "feeder_load_low"
    case feederLoadHigh = "feeder_load_high"
    case contactorStuckOn = "contactor_stuck_on"
    case contactorStuckOff = "contactor_stuck_off"

    /// An alarm leaves a street dark or a fault uncovered; a warning costs money or wear.
    public var severity: Event.Severity {
        switch self {
        case .lampFailure, .gearFailure, .communicationFailure, .feederDead, .feederLoadLow, .contactorStuckOff: .alarm
        case .dayBurner, .cycling, .dimmingFailure, .lampPowerLow, .lampPowerHigh, .supplyLoss, .feederLoadHigh,
            .contactorStuckOn:
            .warning
        }
    }

    /// A condition begins and ends; a loss of supply is told once it is over.
    public var isCondition: Bool { self != .supplyLoss }

    /// For lists and `status`.
    public var words: String {
        switch self {
        case .lampFailure: "the gear reports a failed lamp"
        case .gearFailure: "the control gear reports its own failure"
        case .communicationFailure: "the control gear does not answer"
        case .dayBurner: "burns although it is ordered off"
        case .cycling: "goes out and comes back by itself"
        case .dimmingFailure: "does not stand at its ordered level"
        case .lampPowerLow: "draws less power than its level explains"
        case .lampPowerHigh: "draws more power than its level explains"
        case .supplyLoss: "mains were lost and came back"
        case .feederDead: "no supply while its lamps should have it"
        case .feederLoadLow: "load is missing, as of failed lamps"
        case .feederLoadHigh: "more load than its lamps explain"
        case .contactorStuckOn: "supply is on although the contactor is off"
        case .contactorStuckOff: "supply is off although the contactor is on"
        }
    }
}

/// Whose fault it is.
public enum FaultSubject: Sendable, Hashable, CustomStringConvertible {
    /// A device name.
    case lamp(String)
    /// A name under `feeders`, or a meter that stands for its feeder.
    case feeder(String)
    /// The lamps of a bus that no feeder names.
    case bus(String)

    public var name: String {
        switch self {
        case .lamp(let name), .feeder(let name), .bus(let name): name
        }
    }

    /// `lamp`, `feeder` or `bus`.
    public var word: String {
        switch self {
        case .lamp: "lamp"
        case .feeder: "feeder"
        case .bus: "bus"
        }
    }

    init?(word: String, name: String) {
        switch word {
        case "lamp": self = .lamp(name)
        case "feeder": self = .feeder(name)
        case "bus": self = .bus(name)
        default: return nil
        }
    }

    public var description: String { "\(word) \(name)" }
}
