import ArgumentParser
import Telemetry

/// A span of time as typed: `500ms`, `10s`, `15min`, `2h`, `1d`; the units of the configuration.
struct SpanArgument: ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration
    let description: String

    private static let units: [(symbol: String, milliseconds: Int64)] = [
        ("ms", 1), ("min", 60_000), ("s", 1_000), ("h", 3_600_000), ("d", 86_400_000),
    ]
    /// A year: more is a slip of the finger.
    private static let longestMilliseconds: Int64 = 366 * 86_400_000

    init?(argument: String) {
        guard let unit = Self.units.first(where: { argument.hasSuffix($0.symbol) }),
            let number = ExactDecimal(argument.dropLast(unit.symbol.count)),
            let milliseconds = number.multiplied(by: ExactDecimal(unit.milliseconds))?.normalized.integer,
            (1...Self.longestMilliseconds).contains(milliseconds)
        else { return nil }
        duration = .milliseconds(milliseconds)
        description = argument
    }

    /// For values that stand in the source.
    init(seconds: Int64) {
        duration = .seconds(seconds)
        description = "\(seconds)s"
    }

    var defaultValueDescription: String { description }
}
