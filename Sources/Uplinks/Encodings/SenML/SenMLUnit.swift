import Telemetry

/// A unit's name in SenML, and the power of ten that a value is multiplied by on its way there.
///
/// Names of RFC 8428, 12.1 and RFC 8798; values are only ever shifted by powers of ten, so none loses a digit and kW.h stays kWh.
struct SenMLUnit: Sendable, Hashable {
    let name: String
    let powerOfTen: Int32
    /// A secondary unit (RFC 8798, 3): the pack must say so in its version (RFC 9100, 4).
    let isSecondary: Bool

    /// The version of a pack that uses secondary units: 10 and feature 4 as 2^4 (RFC 9100, 2 and 4).
    static let versionWithSecondaryUnits: Int64 = 26

    private static let primary: [(dimension: String, base: String, name: String)] = [
        ("W", "W", "W"), ("var", "var", "var"), ("V.A", "V.A", "VA"), ("V", "V", "V"), ("A", "A", "A"),
        ("Hz", "Hz", "Hz"), ("J", "J", "J"), ("m3", "m3", "m3"), ("L/s", "m3/s", "m3/s"), ("kg", "kg", "kg"),
        ("Cel", "Cel", "Cel"), ("K", "K", "K"), ("Pa", "Pa", "Pa"), ("s", "s", "s"), ("deg", "deg", "deg"),
        // The ratio itself: 60 % is 0.6. SenML's own "%" means the ratio too, and is for that reason not used.
        ("1", "1", "/"), ("lx", "lx", "lx"), ("lm", "lm", "lm"), ("m/s", "m/s", "m/s"), ("m", "m", "m"),
        ("Ohm", "Ohm", "Ohm"), ("dB", "dB", "dB"),
    ]

    private static let secondary: [(dimension: String, base: String, name: String)] = [
        ("W.h", "kW.h", "kWh"), ("var.h", "kvar.h", "kvarh"), ("V.A.h", "kV.A.h", "kVAh"), ("A.h", "A.h", "Ah"),
        ("min", "min", "min"), ("h", "h", "h"),
    ]

    /// Every unit of ``Unit/all`` that SenML has a name for, by its UCUM symbol.
    static let bySymbol: [String: SenMLUnit] = {
        var table: [String: SenMLUnit] = [:]
        for (rows, isSecondary) in [(primary, false), (secondary, true)] {
            for row in rows {
                guard let base = Unit(symbol: row.base) else { continue }
                for unit in Unit.all where unit.dimension == row.dimension {
                    guard let power = unit.powerOfTen(to: base) else { continue }
                    table[unit.symbol] = SenMLUnit(name: row.name, powerOfTen: power, isSecondary: isSecondary)
                }
            }
        }
        // Both are registered, and a display that shows Wh goes on showing it.
        table["W.h"] = SenMLUnit(name: "Wh", powerOfTen: 0, isSecondary: true)
        table["var.h"] = SenMLUnit(name: "varh", powerOfTen: 0, isSecondary: true)
        return table
    }()
}
