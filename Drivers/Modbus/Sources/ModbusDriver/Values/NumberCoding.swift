internal import Telemetry

/// Ways in which vendors write numbers and dates that are none of the plain types: the names that stand after `codec:` in a profile.
enum NumberCoding: String, Sendable, Hashable, CaseIterable {
    /// Nothing but the type.
    case plain
    /// Schneider's power factor: beyond ±1 the current leads, and the factor is 2 - x or -2 - x.
    case fourQuadrantPowerFactor = "pf_four_quadrant"
    /// Four decimal digits in each register.
    case groupsOfFourDigits = "mod10000"
    case signMagnitude = "sign_magnitude"
    /// Iskra: signed decade exponent in the high byte, unsigned number in the low three.
    case iskraT5 = "iskra_t5"
    /// The same with a signed number.
    case iskraT6 = "iskra_t6"
    case binaryCodedDecimal = "bcd"
    /// The digits as text, for serial numbers that are written so.
    case hexadecimal = "hex"
    /// Each byte a number: 0x0203 is 2.3.
    case versionBytes = "version_bytes"
    /// Four registers as in IEC 870-5-4 (Schneider iEM3000 and PM5000 manuals).
    case schneiderDate = "schneider_datetime"
    /// Three registers: month and day, year since 1900 and hour, minute and second (PM800).
    case threeRegisterDate = "pm800_datetime"
    /// Six registers: year, month, day, hour, minute, second.
    case registerDate = "datetime_registers"
    case unixTime = "unix_time"

    /// What a profile may write; two manuals call the groups of digits by different names.
    static let names: [String: NumberCoding] = {
        var names = Dictionary(uniqueKeysWithValues: allCases.dropFirst().map { ($0.rawValue, $0) })
        names["decimal_groups"] = .groupsOfFourDigits
        return names
    }()

    /// Whether the result is a text.
    var isText: Bool {
        switch self {
        case .hexadecimal, .versionBytes, .schneiderDate, .threeRegisterDate, .registerDate, .unixTime: true
        default: false
        }
    }

    /// Types it can be applied to, in words; nil when `type` is one of them.
    func objection(to type: ValueType) -> String? {
        let registers = type.width
        switch self {
        case .plain, .hexadecimal, .versionBytes: return nil
        case .fourQuadrantPowerFactor: return type == .f32 || type == .i16 ? nil : "f32 or i16"
        case .groupsOfFourDigits:
            return (type.isUnsignedInteger || Self.isWords(type)) && (1...4).contains(registers)
                ? nil : "u32, u48, u64 or words[1] to words[4]"
        case .signMagnitude: return type == .u16 || type == .u32 ? nil : "u16 or u32"
        case .iskraT5, .iskraT6, .unixTime: return type == .u32 ? nil : "u32"
        case .binaryCodedDecimal: return type.isUnsignedInteger ? nil : "u16, u32, u48 or u64"
        case .schneiderDate: return Self.isWords(type) && registers == 4 ? nil : "words[4]"
        case .threeRegisterDate: return Self.isWords(type) && registers == 3 ? nil : "words[3]"
        case .registerDate: return Self.isWords(type) && registers == 6 ? nil : "words[6]"
        }
    }

    private static func isWords(_ type: ValueType) -> Bool {
        if case .words = type { true } else { false }
    }

    /// The number in `raw` (most significant register first), before any scale; nil when it is none.
    func number(_ raw: UInt64, registers: Int) -> ExactDecimal? {
        switch self {
        case .groupsOfFourDigits:
            var number: Int64 = 0
            for register in (0..<registers).reversed() {
                let group = Int64(raw >> UInt64(register * 16) & 0xFFFF)
                guard group < 10_000 else { return nil }
                number = number * 10_000 + group
            }
            return ExactDecimal(number)
        case .signMagnitude:
            let top = UInt64(1) << UInt64(registers * 16 - 1)
            let magnitude = Int64(raw & (top - 1))
            return ExactDecimal(raw & top == 0 ? magnitude : -magnitude)
        case .iskraT5, .iskraT6:
            let power = Int32(Int8(truncatingIfNeeded: raw >> 24))
            let digits = Int64(raw & 0xFF_FFFF)
            let isNegative = self == .iskraT6 && digits & 0x80_0000 != 0
            return ExactDecimal(mantissa: isNegative ? digits - 0x100_0000 : digits, exponent: power)
        case .binaryCodedDecimal: return Self.decimalDigits(raw, registers: registers)
        default: return nil
        }
    }

    /// Undoes Schneider's folding of the quadrant into the power factor.
    static func unfolded(_ factor: ExactDecimal) -> ExactDecimal? {
        let (one, two) = (ExactDecimal(1), ExactDecimal(2))
        if factor.magnitude <= one { return factor }
        guard factor.magnitude <= two else { return nil }
        return (factor.isNegative ? two.negated : two).subtracting(factor)
    }

    /// Four decimal digits of four bits in each register; nil when one of them is none.
    static func decimalDigits(_ raw: UInt64, registers: Int) -> ExactDecimal? {
        var number: Int64 = 0
        for digit in (0..<registers * 4).reversed() {
            let value = Int64(raw >> UInt64(digit * 4) & 0xF)
            guard value < 10 else { return nil }
            number = number * 10 + value
        }
        return ExactDecimal(number)
    }

    /// The text in these registers (in the order of the value), nil when they hold none.
    func text(_ words: [UInt16]) -> String? {
        switch self {
        case .hexadecimal: return words.map { String(hex($0).dropFirst(2)) }.joined()
        case .versionBytes:
            let bytes = words.flatMap { [Int($0 >> 8), Int($0 & 0xFF)] }
            return bytes.map { String($0) }.joined(separator: ".")
        case .unixTime:
            let seconds = words.reduce(Int64(0)) { $0 << 16 | Int64($1) }
            let time = CivilTime(UTCInstant(seconds: seconds))
            return Self.date(time.year, time.month, time.day, time.hour, time.minute, time.second)
        case .registerDate:
            let year = Int(words[0]) < 100 ? Int(words[0]) + 2_000 : Int(words[0])
            return Self.date(
                year, Int(words[1]), Int(words[2]), Int(words[3]), Int(words[4]), Int(words[5]))
        case .threeRegisterDate:
            return Self.date(
                1_900 + Int(words[1] >> 8), Int(words[0] >> 8), Int(words[0] & 0xFF), Int(words[1] & 0xFF),
                Int(words[2] >> 8), Int(words[2] & 0xFF))
        case .schneiderDate:
            // Year in bits 0-6; month 8-11 and day 0-4; hour 8-12 and minute 0-5; milliseconds.
            return Self.date(
                2_000 + Int(words[0] & 0x7F), Int(words[1] >> 8 & 0xF), Int(words[1] & 0x1F),
                Int(words[2] >> 8 & 0x1F), Int(words[2] & 0x3F), Int(words[3] / 1_000))
        default: return nil
        }
    }

    private static func date(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int)
        -> String?
    {
        guard (1970...2199).contains(year), (1...12).contains(month), (1...31).contains(day), (0...23).contains(hour),
            (0...59).contains(minute), (0...59).contains(second)
        else { return nil }
        return "\(year)-\(two(month))-\(two(day))T\(two(hour)):\(two(minute)):\(two(second))"
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
}
