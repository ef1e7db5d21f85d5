extension ExactDecimal {
    /// Exponents written with more than this are no measurement.
    private static let largestPower: Int32 = 10_000
    /// More zeros than this between two digits are an attack on the reader, not a number.
    private static let mostZeros: Int32 = 10_000

    /// Reads `-12.50`, `1e3`, `2.5E-7`; nil when it is no decimal number or its digits need more than 63 bits.
    public init?(_ text: some StringProtocol) {
        var bytes = text.utf8.makeIterator()
        var byte = bytes.next()
        let isNegative = Self.sign(&byte, &bytes)
        // Gathered below zero, where there is room for one more: -2^63 is a register value too.
        var mantissa: Int64 = 0
        var exponent: Int32 = 0
        var zeros: Int32 = 0
        var seenDigit = false
        var seenPoint = false
        while let current = byte {
            if current == UInt8(ascii: "."), !seenPoint {
                seenPoint = true
            } else if current >= UInt8(ascii: "0"), current <= UInt8(ascii: "9") {
                seenDigit = true
                if seenPoint { exponent -= 1 }
                if current == UInt8(ascii: "0") {
                    // Zeros count only when a digit follows, so that a long tail of them costs no range.
                    zeros += 1
                    guard zeros <= Self.mostZeros else { return nil }
                } else {
                    guard let shifted = Self.shifted(mantissa, by: zeros + 1) else { return nil }
                    let (sum, overflow) = shifted.subtractingReportingOverflow(Int64(current - UInt8(ascii: "0")))
                    guard !overflow else { return nil }
                    mantissa = sum
                    zeros = 0
                }
            } else {
                break
            }
            byte = bytes.next()
        }
        guard seenDigit else { return nil }
        exponent += zeros
        // Zeros before the point belong to the digits where there is room: 100 is 100, not 1e2.
        if exponent > 0, let whole = Self.shifted(mantissa, by: exponent) {
            mantissa = whole
            exponent = 0
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            byte = bytes.next()
            guard let power = Self.power(&byte, &bytes) else { return nil }
            exponent += power
        }
        guard byte == nil else { return nil }
        if !isNegative {
            guard mantissa != .min else { return nil }
            mantissa = -mantissa
        }
        self.init(mantissa: mantissa, exponent: exponent)
    }

    private static func sign(_ byte: inout UInt8?, _ bytes: inout some IteratorProtocol<UInt8>) -> Bool {
        guard byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") else { return false }
        let isNegative = byte == UInt8(ascii: "-")
        byte = bytes.next()
        return isNegative
    }

    private static func power(_ byte: inout UInt8?, _ bytes: inout some IteratorProtocol<UInt8>) -> Int32? {
        let isNegative = sign(&byte, &bytes)
        var power: Int32 = 0
        guard byte != nil else { return nil }
        while let current = byte, current >= UInt8(ascii: "0"), current <= UInt8(ascii: "9") {
            power = power * 10 + Int32(current - UInt8(ascii: "0"))
            guard power < largestPower else { return nil }
            byte = bytes.next()
        }
        return isNegative ? -power : power
    }

    /// `value` × 10^`places`; nil when it does not fit.
    private static func shifted(_ value: Int64, by places: Int32) -> Int64? {
        guard value != 0 else { return 0 }
        guard places <= 19 else { return nil }
        var result = value
        for _ in 0..<places {
            let (next, overflow) = result.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            result = next
        }
        return result
    }
}
