/// A decimal number kept exactly: `mantissa` × 10^`exponent`.
///
/// Meter registers and their scales are carried in this form from the wire to the broker; nothing that
/// bills money is ever rounded through a binary fraction. Equality is of the number, not of the
/// form: 230.0 equals 230.
public struct ExactDecimal: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let mantissa: Int64
    public let exponent: Int32

    public static let zero = ExactDecimal(0)

    /// - Parameters:
    ///   - mantissa: the digits, with sign.
    ///   - exponent: the power of ten they are multiplied with.
    public init(mantissa: Int64, exponent: Int32) {
        self.mantissa = mantissa
        self.exponent = mantissa == 0 ? max(min(exponent, 0), -18) : exponent
    }

    public init(_ integer: Int64) {
        self.init(mantissa: integer, exponent: 0)
    }

    /// The shortest decimal that gives back the same 32 bits; nil for NaN and infinities.
    public init?(shortest value: Float) {
        guard value.isFinite else { return nil }
        self.init(value.description)
    }

    /// The shortest decimal that gives back the same 64 bits; nil for NaN and infinities.
    public init?(shortest value: Double) {
        guard value.isFinite else { return nil }
        self.init(value.description)
    }

    /// Reads `-12.50`, `1e3`, `2.5E-7`; nil when it is no decimal number or its digits need more than 63 bits.
    public init?(_ text: some StringProtocol) {
        var digits = text.utf8.makeIterator()
        var byte = digits.next()
        var negative = false
        if byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") {
            negative = byte == UInt8(ascii: "-")
            byte = digits.next()
        }
        var mantissa: Int64 = 0
        var exponent: Int32 = 0
        var seenDigit = false
        var seenPoint = false
        var pendingZeros: Int32 = 0
        while let current = byte {
            if current == UInt8(ascii: "."), !seenPoint {
                seenPoint = true
            } else if current >= UInt8(ascii: "0"), current <= UInt8(ascii: "9") {
                seenDigit = true
                if seenPoint { exponent -= 1 }
                if current == UInt8(ascii: "0"), seenPoint {
                    // Zeros after the point count only when a digit follows, so that a long tail of them costs no range.
                    pendingZeros += 1
                } else {
                    for _ in 0...pendingZeros {
                        let (shifted, overflow) = mantissa.multipliedReportingOverflow(by: 10)
                        guard !overflow else { return nil }
                        mantissa = shifted
                    }
                    pendingZeros = 0
                    let digit = Int64(current - UInt8(ascii: "0"))
                    let (sum, overflow) = mantissa.addingReportingOverflow(digit)
                    guard !overflow else { return nil }
                    mantissa = sum
                }
            } else {
                break
            }
            byte = digits.next()
        }
        guard seenDigit else { return nil }
        exponent += pendingZeros
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            byte = digits.next()
            var down = false
            if byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") {
                down = byte == UInt8(ascii: "-")
                byte = digits.next()
            }
            var power: Int32 = 0
            guard byte != nil else { return nil }
            while let current = byte, current >= UInt8(ascii: "0"), current <= UInt8(ascii: "9") {
                power = power * 10 + Int32(current - UInt8(ascii: "0"))
                guard power < 10_000 else { return nil }
                byte = digits.next()
            }
            exponent += down ? -power : power
        }
        guard byte == nil else { return nil }
        self.init(mantissa: negative ? -mantissa : mantissa, exponent: exponent)
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
        let common = min(exponent, other.exponent)
        guard let a = rescaled(to: common), let b = other.rescaled(to: common) else { return nil }
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? nil : ExactDecimal(mantissa: sum, exponent: common)
    }

    public func subtracting(_ other: ExactDecimal) -> ExactDecimal? { adding(other.negated) }

    /// `self` × 10^`power`, always exact.
    public func scaled(byPowerOfTen power: Int32) -> ExactDecimal {
        ExactDecimal(mantissa: mantissa, exponent: exponent + power)
    }

    public var negated: ExactDecimal { ExactDecimal(mantissa: mantissa == .min ? .max : -mantissa, exponent: exponent) }
    public var magnitude: ExactDecimal { mantissa < 0 ? negated : self }
    public var isNegative: Bool { mantissa < 0 }

    /// The same number with the fewest digits (2300e-1 becomes 23e1).
    public var normalized: ExactDecimal {
        guard mantissa != 0 else { return .zero }
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
        return Double("\(mantissa)e\(exponent)") ?? (mantissa < 0 ? -.infinity : .infinity)
    }

    /// As an integer, when it is one.
    public var integer: Int64? {
        let short = normalized
        return short.exponent >= 0 ? short.rescaled(to: 0) : nil
    }

    public static func == (a: ExactDecimal, b: ExactDecimal) -> Bool {
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
        if let left = x.rescaled(to: common), let right = y.rescaled(to: common) { return left < right }
        return x.approximation < y.approximation
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
            return exponent <= 18 ? sign + digits + String(repeating: "0", count: Int(exponent)) : "\(mantissa)e\(exponent)"
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
