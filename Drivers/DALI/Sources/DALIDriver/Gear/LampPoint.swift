internal import Telemetry

/// Answer to QUERY STATUS, IEC 62386-102 clause 9.16.
struct GearStatus: OptionSet, Sendable, Hashable {
    let rawValue: UInt8

    static let gearFailure = GearStatus(rawValue: 1 << 0)
    static let lampFailure = GearStatus(rawValue: 1 << 1)
    static let lampOn = GearStatus(rawValue: 1 << 2)
    static let limitError = GearStatus(rawValue: 1 << 3)
    static let fadeRunning = GearStatus(rawValue: 1 << 4)
    /// Mains came back and no level was ordered since.
    static let powerCycleSeen = GearStatus(rawValue: 1 << 7)
}

/// What a lamp can tell. Names are those of a profile and of the readings upstream.
enum LampPoint: String, Sendable, Hashable, CaseIterable {
    case level
    case on
    case lampFailure = "lamp_failure"
    case gearFailure = "gear_failure"
    case powerCycled = "power_cycled"
    case limitError = "limit_error"
    case fadeRunning = "fade_running"

    /// Which query answers it.
    enum Source: Sendable, Hashable {
        case status(GearStatus)
        case actualLevel
    }

    var source: Source {
        switch self {
        case .level: .actualLevel
        case .on: .status(.lampOn)
        case .lampFailure: .status(.lampFailure)
        case .gearFailure: .status(.gearFailure)
        case .powerCycled: .status(.powerCycleSeen)
        case .limitError: .status(.limitError)
        case .fadeRunning: .status(.fadeRunning)
        }
    }

    func descriptor(interval: Duration) -> PointDescriptor {
        switch self {
        case .level:
            PointDescriptor(
                name: rawValue, kind: .gauge, unit: "%", isWritable: true, minimum: .zero, maximum: ExactDecimal(100),
                interval: interval)
        default:
            PointDescriptor(name: rawValue, kind: .state, unit: "", isWritable: self == .on, interval: interval)
        }
    }
}
