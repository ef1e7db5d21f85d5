/// A unit of measure, spelled as in UCUM; `var` and what follows from it is local, UCUM has none.
///
/// Units of one ``dimension`` differ by powers of ten only (W and kW, kW.h and MW.h), and only those
/// convert into each other. GJ and kW.h measure the same thing and still never mix: a heat meter's display shows one of them.
public struct Unit: Sendable, Hashable {
    public let symbol: String
    /// The unit to which the power of ten refers.
    public let dimension: String
    public let powerOfTen: Int32

    init(_ symbol: String, _ dimension: String, _ powerOfTen: Int32 = 0) {
        self.symbol = symbol
        self.dimension = dimension
        self.powerOfTen = powerOfTen
    }

    /// Every unit the gateway knows.
    public static let all: [Unit] = [
        Unit("W", "W"), Unit("kW", "W", 3), Unit("MW", "W", 6), Unit("mW", "W", -3),
        Unit("var", "var"), Unit("kvar", "var", 3), Unit("Mvar", "var", 6),
        Unit("V.A", "V.A"), Unit("kV.A", "V.A", 3), Unit("MV.A", "V.A", 6),
        Unit("V", "V"), Unit("mV", "V", -3), Unit("kV", "V", 3),
        Unit("A", "A"), Unit("mA", "A", -3), Unit("kA", "A", 3),
        Unit("Hz", "Hz"), Unit("mHz", "Hz", -3),
        Unit("W.h", "W.h"), Unit("kW.h", "W.h", 3), Unit("MW.h", "W.h", 6), Unit("GW.h", "W.h", 9),
        Unit("var.h", "var.h"), Unit("kvar.h", "var.h", 3), Unit("Mvar.h", "var.h", 6),
        Unit("V.A.h", "V.A.h"), Unit("kV.A.h", "V.A.h", 3), Unit("MV.A.h", "V.A.h", 6),
        Unit("J", "J"), Unit("kJ", "J", 3), Unit("MJ", "J", 6), Unit("GJ", "J", 9),
        Unit("m3", "m3"), Unit("L", "m3", -3), Unit("mL", "m3", -6),
        Unit("m3/h", "m3/h"), Unit("L/h", "m3/h", -3), Unit("L/min", "L/min"), Unit("L/s", "L/s"),
        Unit("m3/s", "L/s", 3),
        Unit("kg", "kg"), Unit("t", "kg", 3), Unit("kg/h", "kg/h"), Unit("t/h", "kg/h", 3),
        Unit("Cel", "Cel"), Unit("K", "K"),
        Unit("Pa", "Pa"), Unit("kPa", "Pa", 3), Unit("bar", "Pa", 5), Unit("mbar", "Pa", 2), Unit("MPa", "Pa", 6),
        Unit("deg", "deg"),
        Unit("s", "s"), Unit("ms", "s", -3), Unit("min", "min"), Unit("h", "h"), Unit("d", "d"),
        Unit("%", "1", -2), Unit("1", "1"), Unit("lx", "lx"), Unit("lm", "lm"), Unit("m/s", "m/s"), Unit("m", "m"),
        Unit("mm", "m", -3),
        Unit("A.h", "A.h"), Unit("Ohm", "Ohm"), Unit("dB", "dB"), Unit("[ppm]", "1", -6),
    ]

    private static let bySymbol = Dictionary(uniqueKeysWithValues: all.map { ($0.symbol, $0) })

    /// Looks a unit up by its symbol, case and all.
    public init?(symbol: some StringProtocol) {
        guard let known = Unit.bySymbol[String(symbol)] else { return nil }
        self = known
    }

    /// The power of ten that turns a number in this unit into one in `other`; nil when they do not convert.
    public func powerOfTen(to other: Unit) -> Int32? {
        dimension == other.dimension ? powerOfTen - other.powerOfTen : nil
    }
}
