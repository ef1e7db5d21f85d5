/// How registers hold a value: the names that stand after `as:` in a profile.
enum ValueType: Sendable, Hashable {
    case u16, i16, u32, i32, u48, u64, i64, f32, f64
    /// One coil or discrete input.
    case bit
    /// Binary coded decimal, in so many registers of four digits.
    case bcd(registers: Int)
    /// Two characters per register.
    case text(registers: Int)
    /// One UTF-16 unit per register.
    case wideText(registers: Int)
    /// Registers that only a named coding can read.
    case words(registers: Int)

    static let names =
        "u16, i16, u32, i32, u48, u64, i64, f32, f64, bit, bcd16, bcd32, bcd48, bcd64, text[REGISTERS], text_utf16[CHARACTERS], words[REGISTERS]"
    /// Longest text, in registers: what one request can carry.
    static let longestText = 125

    private static let plain: [String: ValueType] = [
        "u16": .u16, "i16": .i16, "u32": .u32, "i32": .i32, "u48": .u48, "u64": .u64, "i64": .i64, "f32": .f32,
        "f64": .f64, "bit": .bit, "bcd16": .bcd(registers: 1), "bcd32": .bcd(registers: 2), "bcd48": .bcd(registers: 3),
        "bcd64": .bcd(registers: 4),
    ]

    init?(_ name: String) {
        if let known = Self.plain[name] {
            self = known
            return
        }
        guard name.hasSuffix("]"), let bracket = name.firstIndex(of: "[") else { return nil }
        let digits = name[name.index(after: bracket)...].dropLast()
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let count = Int(digits),
            (1...Self.longestText).contains(count)
        else { return nil }
        switch name[..<bracket] {
        case "text": self = .text(registers: count)
        case "text_utf16": self = .wideText(registers: count)
        case "words": self = .words(registers: count)
        default: return nil
        }
    }

    /// As it is written after `as:`.
    var name: String {
        switch self {
        case .text(let registers): "text[\(registers)]"
        case .wideText(let registers): "text_utf16[\(registers)]"
        case .words(let registers): "words[\(registers)]"
        case .bcd(let registers): "bcd\(registers * 16)"
        default: "\(self)"
        }
    }

    /// Registers (or bits) that it takes.
    var width: Int {
        switch self {
        case .u16, .i16, .bit: 1
        case .u32, .i32, .f32: 2
        case .u48: 3
        case .u64, .i64, .f64: 4
        case .bcd(let registers), .text(let registers), .wideText(let registers), .words(let registers): registers
        }
    }

    var isFloat: Bool { self == .f32 || self == .f64 }
    var isText: Bool {
        switch self {
        case .text, .wideText: true
        default: false
        }
    }
    var isSigned: Bool { self == .i16 || self == .i32 || self == .i64 }
    /// Flags and enumerations are of these.
    var isUnsignedInteger: Bool { self == .u16 || self == .u32 || self == .u48 || self == .u64 }
}

/// Which register of a value comes first, and which byte of a register.
struct WordLayout: Sendable, Hashable {
    var isLowWordFirst = false
    var isByteSwapped = false

    /// Bytes of a value from the most significant on.
    func bytes(of words: some BidirectionalCollection<UInt16>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(words.count * 2)
        func append(_ word: UInt16) {
            bytes.append(UInt8(isByteSwapped ? word & 0xFF : word >> 8))
            bytes.append(UInt8(isByteSwapped ? word >> 8 : word & 0xFF))
        }
        if isLowWordFirst {
            for word in words.reversed() { append(word) }
        } else {
            for word in words { append(word) }
        }
        return bytes
    }

    /// A value of up to four registers as one number.
    @inline(__always)
    func number(of words: ArraySlice<UInt16>) -> UInt64 {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        if isLowWordFirst {
            for word in words {
                number |= UInt64(isByteSwapped ? word.byteSwapped : word) << shift
                shift += 16
            }
        } else {
            for word in words { number = number << 16 | UInt64(isByteSwapped ? word.byteSwapped : word) }
        }
        return number
    }

    /// The registers of a value from the most significant on, bytes in their order.
    func ordered(_ words: ArraySlice<UInt16>) -> [UInt16] {
        let ordered = isByteSwapped ? words.map(\.byteSwapped) : Array(words)
        return isLowWordFirst ? ordered.reversed() : ordered
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
