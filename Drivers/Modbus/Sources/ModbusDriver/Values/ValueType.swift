/// How registers hold a value: the names that stand after `as:` in a profile.
enum ValueType: Sendable, Hashable {
    case u16, i16, u32, i32, u64, i64, f32, f64
    /// One coil or discrete input.
    case bit
    /// Binary coded decimal, in so many registers of four digits.
    case bcd(registers: Int)
    /// Two characters per register.
    case text(registers: Int)

    static let names = "u16, i16, u32, i32, u64, i64, f32, f64, bit, bcd16, bcd32, bcd48, bcd64, text[REGISTERS]"
    /// Longest text, in registers: what one request can carry.
    static let longestText = 125

    init?(_ name: String) {
        switch name {
        case "u16": self = .u16
        case "i16": self = .i16
        case "u32": self = .u32
        case "i32": self = .i32
        case "u64": self = .u64
        case "i64": self = .i64
        case "f32": self = .f32
        case "f64": self = .f64
        case "bit": self = .bit
        case "bcd16": self = .bcd(registers: 1)
        case "bcd32": self = .bcd(registers: 2)
        case "bcd48": self = .bcd(registers: 3)
        case "bcd64": self = .bcd(registers: 4)
        default:
            guard name.hasPrefix("text["), name.hasSuffix("]"), let count = Int(name.dropFirst(5).dropLast()),
                (1...Self.longestText).contains(count)
            else { return nil }
            self = .text(registers: count)
        }
    }

    /// Registers (or bits) that it takes.
    var width: Int {
        switch self {
        case .u16, .i16, .bit: 1
        case .u32, .i32, .f32: 2
        case .u64, .i64, .f64: 4
        case .bcd(let registers), .text(let registers): registers
        }
    }

    var isFloat: Bool { self == .f32 || self == .f64 }
    var isText: Bool {
        if case .text = self { true } else { false }
    }
    var isSigned: Bool { self == .i16 || self == .i32 || self == .i64 }
    /// Flags and enumerations are of these.
    var isUnsignedInteger: Bool { self == .u16 || self == .u32 || self == .u64 }
}

/// Which register of a value comes first, and which byte of a register.
struct WordLayout: Sendable, Hashable {
    var isLowWordFirst = false
    var isByteSwapped = false

    /// Bytes of a value from the most significant on.
    func bytes(of words: some BidirectionalCollection<UInt16>) -> [UInt8] {
        let ordered: [UInt16] = isLowWordFirst ? words.reversed() : Array(words)
        return ordered.flatMap { word in
            let (high, low) = (UInt8(word >> 8), UInt8(word & 0xFF))
            return isByteSwapped ? [low, high] : [high, low]
        }
    }

    /// The registers that hold these bytes (most significant first, an even number of them).
    func words(of bytes: [UInt8]) -> [UInt16] {
        let words = stride(from: 0, to: bytes.count - 1, by: 2).map { index in
            let (first, second) = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
            return isByteSwapped ? second << 8 | first : first << 8 | second
        }
        return isLowWordFirst ? words.reversed() : words
    }
}
