public import Telemetry

/// What a point must show for a control to act: `occupied`, `below 20`, `= open`, `count >= 5 per 10min`.
///
/// Numbers are in the point's own unit.
public enum SensorCondition: Sendable, Hashable, CustomStringConvertible {
    /// The operators of TALQ's ValueActivePeriod.
    public enum Comparison: String, Sendable, Hashable, CaseIterable {
        case below = "<"
        case above = ">"
        case equal = "="
        case different = "!="
        case atLeast = ">="
        case atMost = "<="
    }

    /// A flag that is true, a number other than 0, or the text `occupied`.
    case occupied
    /// The opposite of ``occupied``.
    case vacant
    case compare(Comparison, Value)
    /// The point, a counter, rose by at least this much within the time. A step backwards counts as no rise.
    case count(atLeast: ExactDecimal, within: Duration)

    /// Whether a value fulfils it; nil where the two cannot be compared (a text that is to be below 20).
    ///
    /// - Parameter rise: by how much the point rose within the condition's time, for ``count(atLeast:within:)``.
    func isFulfilled(by value: Value, rise: ExactDecimal?) -> Bool? {
        switch self {
        case .occupied: Self.isOccupied(value)
        case .vacant: Self.isOccupied(value).map { !$0 }
        case .count(let wanted, _): value.number == nil ? nil : (rise ?? .zero) >= wanted
        case .compare(let comparison, let wanted): Self.compare(value, comparison, wanted)
        }
    }

    private static func isOccupied(_ value: Value) -> Bool? {
        switch value {
        case .flag(let flag): flag
        case .number(let number): number != .zero
        case .text(let text): text == "occupied"
        }
    }

    private static func compare(_ value: Value, _ comparison: Comparison, _ wanted: Value) -> Bool? {
        switch (value, wanted) {
        case (.number(let a), .number(let b)):
            switch comparison {
            case .below: a < b
            case .above: a > b
            case .equal: a == b
            case .different: a != b
            case .atLeast: a >= b
            case .atMost: a <= b
            }
        // A photocell or an input tells a flag where 0 or 1 may be written.
        case (.flag(let flag), .number): compare(.number(flag ? ExactDecimal(1) : .zero), comparison, wanted)
        case (.flag, .flag), (.text, .text):
            switch comparison {
            case .equal: value == wanted
            case .different: value != wanted
            default: nil
            }
        default: nil
        }
    }

    public var description: String {
        switch self {
        case .occupied: "occupied"
        case .vacant: "vacant"
        case .compare(let comparison, let value): "\(comparison.rawValue) \(value)"
        case .count(let count, let window): "count >= \(count) per \(window.wholeMilliseconds / 1000)s"
        }
    }
}

/// A point that decides something, and how long it may be silent.
public struct SensorSource: Sendable, Hashable {
    /// `device.point`.
    public let point: String
    /// Without a good value for this long, it is as if the sensor were not there.
    public let stale: Duration

    /// A polled sensor speaks every few seconds, one that reports by events at least every few minutes.
    public static let standardStale: Duration = .seconds(15 * 60)

    public init(_ point: String, stale: Duration = standardStale) {
        self.point = point
        self.stale = stale
    }
}
