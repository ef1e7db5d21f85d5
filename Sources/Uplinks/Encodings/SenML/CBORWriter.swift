import Telemetry

/// Writes CBOR (RFC 8949): definite lengths, shortest heads, and numbers that lose nothing.
struct CBORWriter {
    private enum Major: UInt8 {
        case unsigned = 0
        case negative = 1
        case text = 3
        case array = 4
        case map = 5
        case tag = 6
    }

    /// Of decimal fractions (RFC 8949, 3.4.4).
    private static let decimalFraction: UInt64 = 4

    private(set) var bytes: [UInt8] = []

    init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// As many elements must follow.
    mutating func beginArray(_ count: Int) { head(.array, UInt64(count)) }

    /// As many pairs of key and value must follow.
    mutating func beginMap(_ count: Int) { head(.map, UInt64(count)) }

    mutating func write(_ integer: Int64) {
        if integer >= 0 {
            head(.unsigned, UInt64(integer))
        } else {
            // -1 is 0, -2 is 1, and so on: the same as all bits turned over.
            head(.negative, UInt64(~integer))
        }
    }

    mutating func write(_ text: String) {
        head(.text, UInt64(text.utf8.count))
        bytes += text.utf8
    }

    /// Integers as such, all other numbers as decimal fractions: a binary fraction has no 0.1.
    mutating func write(_ number: ExactDecimal) {
        if let integer = number.integer {
            write(integer)
            return
        }
        let short = number.normalized
        head(.tag, Self.decimalFraction)
        beginArray(2)
        write(Int64(short.exponent))
        write(short.mantissa)
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: bytes.append(0xF6)
        case .bool(let flag): bytes.append(flag ? 0xF5 : 0xF4)
        case .number(let number): write(number)
        case .string(let text): write(text)
        case .array(let elements):
            beginArray(elements.count)
            for element in elements { write(element) }
        case .object(let members):
            beginMap(members.count)
            for member in members {
                write(member.key)
                write(member.value)
            }
        }
    }

    private mutating func head(_ major: Major, _ argument: UInt64) {
        let type = major.rawValue << 5
        switch argument {
        case 0..<24: bytes.append(type | UInt8(argument))
        case 24...0xFF:
            bytes.append(type | 24)
            bytes.append(UInt8(argument))
        case 0x100...0xFFFF: big(type | 25, argument, 2)
        case 0x1_0000...0xFFFF_FFFF: big(type | 26, argument, 4)
        default: big(type | 27, argument, 8)
        }
    }

    private mutating func big(_ first: UInt8, _ argument: UInt64, _ width: Int) {
        bytes.append(first)
        for index in (0..<width).reversed() { bytes.append(UInt8(truncatingIfNeeded: argument >> UInt64(index * 8))) }
    }
}
