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

    /// Reads what `Float.description` and `Double.description` write: `230.1`, `1e+16`, `5e-324`, at most 18 digits. The same result as
    /// ``init(_:)-swift.init`` in a fraction of its time; a driver makes one for every register.
    init?(shortestDigits text: String) {
        var text = text
        let parsed = text.withUTF8 { bytes -> (mantissa: Int64, exponent: Int32)? in
            var index = 0
            let isNegative = bytes.first == UInt8(ascii: "-")
            if isNegative { index = 1 }
            var digits: UInt64 = 0
            var places: Int32 = 0
            var seenPoint = false
            while index < bytes.count {
                let byte = bytes[index]
                if byte == UInt8(ascii: ".") {
                    seenPoint = true
                } else {
                    let digit = byte &- UInt8(ascii: "0")
                    guard digit < 10 else { break }
                    digits = digits &* 10 &+ UInt64(digit)
                    if seenPoint { places += 1 }
                }
                index += 1
            }
            while places > 0, digits % 10 == 0 {
                digits /= 10
                places -= 1
            }
            var power: Int32 = 0
            if index < bytes.count {
                guard bytes[index] == UInt8(ascii: "e"), index + 2 < bytes.count else { return nil }
                let isSmall = bytes[index + 1] == UInt8(ascii: "-")
                for byte in bytes[(index + 2)...] { power = power &* 10 &+ Int32(byte &- UInt8(ascii: "0")) }
                if isSmall { power = -power }
            }
            guard let magnitude = Int64(exactly: digits) else { return nil }
            return (isNegative ? -magnitude : magnitude, power - places)
        }
        guard let parsed else { return nil }
        self.init(mantissa: parsed.mantissa, exponent: parsed.exponent)
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
