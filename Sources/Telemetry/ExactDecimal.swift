/// A decimal number kept exactly: `mantissa` × 10^`exponent`.
///
/// Meter registers and their scales are carried in this form from the wire to the broker; nothing that
/// bills money is ever rounded through a binary fraction. Equality is of the number, not of the
/// form: 230.0 equals 230.
public struct ExactDecimal: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let mantissa: Int64
    public let exponent: Int32

    public static let zero = ExactDecimal(0)

    /// Far beyond every number of the field; what a faulty peer sends beyond it is held at the limit, so that no
    /// arithmetic on exponents can overflow.
    static let exponents: ClosedRange<Int32> = -1_000_000...1_000_000

    /// - Parameters:
    ///   - mantissa: the digits, with sign.
    ///   - exponent: the power of ten they are multiplied with; beyond ±1,000,000 it is held at that.
    public init(mantissa: Int64, exponent: Int32) {
        self.mantissa = mantissa
        let limits = mantissa == 0 ? -18...0 : Self.exponents
        self.exponent = min(max(exponent, limits.lowerBound), limits.upperBound)
    }

    public init(_ integer: Int64) {
        self.init(mantissa: integer, exponent: 0)
    }

    /// The shortest decimal that gives back the same 32 bits; nil for NaN and infinities.
    public init?(shortest value: Float) {
        guard value.isFinite else { return nil }
        if let ordinary = Self.ordinary(value) {
            self.init(mantissa: ordinary.mantissa, exponent: -ordinary.places)
        } else {
            self.init(shortestDigits: value.description)
        }
    }

    /// The shortest decimal of an ordinary measurement, found by trying: with as few decimal places as give back the same 32 bits, and among
    /// those the nearest. The same as from the digits that the standard library writes, in a third of the time.
    ///
    /// Below 2^24 neighbours are at most 1 apart, so that digits are never left out before the point; above 2^-10 the product is exact to
    /// the last digit and the quotient's two roundings come to the same float as one: a decimal of eight places is either a midpoint
    /// between two floats or farther from it than 2^-51 of its size. A tie goes to the even digit, as there.
    private static func ordinary(_ value: Float) -> (mantissa: Int64, places: Int32)? {
        guard value.magnitude < 0x1p24, value.magnitude >= 0x1p-10 else { return value == 0 ? (0, 0) : nil }
        let wide = Double(value)
        for places in 0...8 {
            let power = exactPowers[places]
            // Rounds to a whole number: beyond 2^52 a double has no places left.
            let digits = (wide * power + 0x1.8p52) - 0x1.8p52
            if Float(digits / power) == value { return (Int64(digits), Int32(places)) }
        }
        return nil
    }

    /// The shortest decimal that gives back the same 64 bits; nil for NaN and infinities.
    public init?(shortest value: Double) {
        guard value.isFinite else { return nil }
        self.init(shortestDigits: value.description)
    }

    /// The exact product; nil when its digits need more than 63 bits.
    public func multiplied(by other: ExactDecimal) -> ExactDecimal? {
        let (product, overflow) = mantissa.multipliedReportingOverflow(by: other.mantissa)
        if !overflow { return ExactDecimal(mantissa: product, exponent: exponent + other.exponent) }
        let (a, b) = (normalized, other.normalized)
        let (again, stillOverflow) = a.mantissa.multipliedReportingOverflow(by: b.mantissa)
        return stillOverflow ? nil : ExactDecimal(mantissa: again, exponent: a.exponent + b.exponent)
    }

    /// The exact sum; nil when its digits need more than 63 bits.
    public func adding(_ other: ExactDecimal) -> ExactDecimal? {
        combined(with: other) { $0.addingReportingOverflow($1) }
    }

    /// The exact difference; nil when its digits need more than 63 bits.
    public func subtracting(_ other: ExactDecimal) -> ExactDecimal? {
        combined(with: other) { $0.subtractingReportingOverflow($1) }
    }

    private func combined(
        with other: ExactDecimal, _ operation: (Int64, Int64) -> (partialValue: Int64, overflow: Bool)
    ) -> ExactDecimal? {
        // As they stand, and where that leaves the range, with the fewest digits.
        for (x, y) in [(self, other), (normalized, other.normalized)] {
            let common = min(x.exponent, y.exponent)
            guard let left = x.rescaled(to: common), let right = y.rescaled(to: common) else { continue }
            let (result, overflow) = operation(left, right)
            if !overflow { return ExactDecimal(mantissa: result, exponent: common) }
        }
        return nil
    }

    /// `self` × 10^`power`, always exact.
    public func scaled(byPowerOfTen power: Int32) -> ExactDecimal {
        let sum = Int64(exponent) + Int64(power)
        return ExactDecimal(mantissa: mantissa, exponent: Int32(clamping: sum))
    }

    /// The number with the other sign. The one mantissa without a counterpart, -2^63, becomes 2^63 - 1.
    public var negated: ExactDecimal { ExactDecimal(mantissa: mantissa == .min ? .max : -mantissa, exponent: exponent) }
    public var magnitude: ExactDecimal { mantissa < 0 ? negated : self }
    public var isNegative: Bool { mantissa < 0 }

    /// The same number with the fewest digits (2300e-1 becomes 23e1).
    public var normalized: ExactDecimal {
        guard mantissa != 0 else { return .zero }
        guard mantissa % 10 == 0 else { return self }
        var (digits, power) = (mantissa, exponent)
        while digits % 10 == 0 {
            digits /= 10
            power += 1
        }
        return ExactDecimal(mantissa: digits, exponent: power)
    }

    /// The nearest binary fraction: for comparing and drawing, never for a value that is sent.
    public var approximation: Double {
        if mantissa == 0 { return 0 }
        if exponent == 0 { return Double(mantissa) }
        // Both are binary fractions without rounding, and one operation rounds once: the nearest there is.
        if mantissa.magnitude <= 1 << 53, (-22...22).contains(exponent) {
            let power = Self.exactPowers[Int(exponent.magnitude)]
            return exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
        }
        return Double("\(mantissa)e\(exponent)") ?? (mantissa < 0 ? -.infinity : .infinity)
    }

    /// The powers of ten that a 64-bit binary float holds exactly.
    private static let exactPowers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20,
        1e21, 1e22,
    ]

    /// As an integer, when it is one.
    public var integer: Int64? {
        let short = normalized
        return short.exponent >= 0 ? short.rescaled(to: 0) : nil
    }

    public static func == (a: ExactDecimal, b: ExactDecimal) -> Bool {
        if a.exponent == b.exponent { return a.mantissa == b.mantissa }
        let (x, y) = (a.normalized, b.normalized)
        return x.mantissa == y.mantissa && x.exponent == y.exponent
    }

    public func hash(into hasher: inout Hasher) {
        let short = normalized
        hasher.combine(short.mantissa)
        hasher.combine(short.exponent)
    }

    public static func < (a: ExactDecimal, b: ExactDecimal) -> Bool {
        let (x, y) = (a.normalized, b.normalized)
        let common = min(x.exponent, y.exponent)
        // Where one does not fit, its magnitude is beyond everything the other, which stands at that exponent, can hold.
        guard let left = x.rescaled(to: common) else { return x.isNegative }
        guard let right = y.rescaled(to: common) else { return !y.isNegative }
        return left < right
    }

    private func rescaled(to wanted: Int32) -> Int64? {
        var value = mantissa
        guard value != 0 else { return 0 }
        var steps = exponent - wanted
        guard steps >= 0, steps <= 19 else { return nil }
        while steps > 0 {
            let (next, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            value = next
            steps -= 1
        }
        return value
    }

    /// A JSON number: plain digits (`12345.67`) where that is short, otherwise with an exponent (`4e-21`).
    public var description: String {
        if exponent == 0 { return String(mantissa) }
        let negative = mantissa < 0
        let digits = String(mantissa.magnitude)
        let sign = negative ? "-" : ""
        if exponent > 0 {
            guard mantissa != 0 else { return "0" }
            return exponent <= 18
                ? sign + digits + String(repeating: "0", count: Int(exponent)) : "\(mantissa)e\(exponent)"
        }
        let places = Int(-exponent)
        if digits.utf8.count > places {
            let point = digits.index(digits.endIndex, offsetBy: -places)
            return sign + digits[..<point] + "." + digits[point...]
        }
        guard places <= 24 else { return "\(mantissa)e\(exponent)" }
        return sign + "0." + String(repeating: "0", count: places - digits.utf8.count) + digits
    }
}
