internal import Telemetry

/// What was read of a memory bank.
struct BankImage: Sendable, Hashable {
    /// Last accessible location: location 0 of the bank.
    var lastLocation: UInt8
    /// By location; what is missing was not asked for, or the gear has nothing there.
    var bytes: [UInt8: UInt8] = [:]
    /// Fields whose bytes changed under every attempt to read them twice the same.
    var torn: Set<BankField> = []
    /// Somebody else froze the bank and left it so: its values are of an earlier moment.
    var isFrozenByOther = false

    /// The value of a field and how far it can be trusted.
    ///
    /// MASK (the gear does not have or know it) and a location without an answer are bad `notSupported`; TMASK (temporarily
    /// unavailable) is bad `deviceReported`; a number beyond its range is bad `outOfRange`.
    func read(_ field: BankField) -> (value: Value?, quality: Quality) {
        guard field.locations.upperBound <= lastLocation || field.coding == .text else {
            return (nil, .bad(.notSupported))
        }
        var raw: [UInt8] = []
        for location in field.locations {
            guard let byte = bytes[location] else {
                if field.coding == .text, !raw.isEmpty { break }
                return (nil, .bad(.notSupported))
            }
            raw.append(byte)
        }
        let (value, quality) = field.decode(raw)
        guard quality == .good else { return (nil, quality) }
        if isFrozenByOther { return (value, .uncertain(.stale)) }
        return torn.contains(field) ? (value, .uncertain(.implausible)) : (value, .good)
    }
}

extension BankField {
    private static let scales: ClosedRange<Int8> = -6...6

    /// - Parameter raw: all bytes of the field; a text may be shorter.
    func decode(_ raw: [UInt8]) -> (value: Value?, quality: Quality) {
        if coding == .text { return Self.text(raw) }
        var digits = raw[...]
        var power: Int32 = 0
        if coding == .scaled {
            let scale = Int8(bitPattern: digits.removeFirst())
            guard Self.scales.contains(scale) else { return (nil, .bad(.outOfRange)) }
            power = Int32(scale)
        }
        let number = digits.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let ones = digits.count >= 8 ? UInt64.max : (1 << UInt64(8 * digits.count)) - 1
        if hasMask, number == ones { return (nil, .bad(.notSupported)) }
        if hasTemporaryMask, number == ones - 1 { return (nil, .bad(.deviceReported)) }
        guard range.contains(number) else { return (nil, .bad(.outOfRange)) }
        switch coding {
        case .number(let own): return Self.number(number, own)
        case .scaled: return Self.number(number, power)
        case .temperature: return (.number(ExactDecimal(Int64(number) - 60)), .good)
        case .flag: return (.flag(number == 1), .good)
        case .identifier: return (.text(String(number)), .good)
        case .version: return Self.version(raw)
        case .text: return Self.text(raw)
        }
    }

    /// With the fewest digits: 420 tenths of a watt are 42, whatever scale the gear chose to tell them in.
    private static func number(_ number: UInt64, _ power: Int32) -> (Value?, Quality) {
        guard let digits = Int64(exactly: number) else { return (nil, .bad(.outOfRange)) }
        return (.number(ExactDecimal(mantissa: digits, exponent: power).normalized), .good)
    }

    /// `.version` of one byte has the major number in its upper six bits; FFh says that the part is not implemented.
    private static func version(_ raw: [UInt8]) -> (Value?, Quality) {
        guard raw.count == 1 else { return (.text(raw.map(String.init).joined(separator: ".")), .good) }
        guard raw[0] != 0xFF else { return (nil, .bad(.notSupported)) }
        return (.text("\(raw[0] >> 2).\(raw[0] & 3)"), .good)
    }

    private static func text(_ raw: [UInt8]) -> (Value?, Quality) {
        let used = raw.prefix { $0 != 0 }
        guard !used.isEmpty, !used.allSatisfy({ $0 == 0xFF }) else { return (nil, .bad(.notSupported)) }
        guard used.allSatisfy({ (0x20...0x7E).contains($0) }) else { return (nil, .bad(.outOfRange)) }
        return (.text(String(decoding: used, as: UTF8.self)), .good)
    }
}
