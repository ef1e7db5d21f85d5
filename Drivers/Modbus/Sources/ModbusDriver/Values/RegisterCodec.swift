internal import Telemetry

/// Turns registers into a value and a value into registers, exactly.
struct RegisterCodec: Sendable, Hashable {
    var type: ValueType
    var layout = WordLayout()
    /// Value = register × scale.
    var scale = ExactDecimal(1)
    /// Raw numbers that mean "no value", compared with the register's bits.
    var absent: Set<UInt64> = []
    /// Names of the codes of an enumeration.
    var names: [UInt64: String] = [:]
    /// Flags are those bits; the value is true when any of them is set.
    var mask: UInt64?
    /// The number is a name (a serial number): told as text, never scaled or rounded.
    var isIdentifier = false
    /// The meter counts the other way round than this installation.
    var isInverted = false

    struct Decoded: Sendable, Hashable {
        let value: Value?
        let quality: Quality

        static func good(_ value: Value) -> Decoded { Decoded(value: value, quality: .good) }
        static func bad(_ reason: Quality.Reason) -> Decoded { Decoded(value: nil, quality: .bad(reason)) }
    }

    // MARK: from the wire

    /// - Parameter words: as many registers as the type is wide.
    func decode(_ words: some BidirectionalCollection<UInt16>) -> Decoded {
        let bytes = layout.bytes(of: words)
        if type.isText { return text(bytes) }
        let raw = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        if absent.contains(raw) { return .bad(.deviceReported) }
        if let mask { return .good(.flag(raw & mask != 0)) }
        if !names.isEmpty { return named(raw) }
        switch type {
        case .f32: return scaled(ExactDecimal(shortest: Float(bitPattern: UInt32(truncatingIfNeeded: raw))))
        case .f64: return scaled(ExactDecimal(shortest: Double(bitPattern: raw)))
        case .i16: return scaled(ExactDecimal(Int64(Int16(truncatingIfNeeded: raw))))
        case .i32: return scaled(ExactDecimal(Int64(Int32(truncatingIfNeeded: raw))))
        case .i64: return scaled(ExactDecimal(Int64(bitPattern: raw)))
        case .u16, .u32, .u64, .bit: return scaled(Int64(exactly: raw).map { ExactDecimal($0) })
        case .bcd: return scaled(Self.decimalDigits(bytes).map { ExactDecimal($0) })
        case .text: return .bad(.configuration)
        }
    }

    func decode(bit: Bool) -> Decoded { .good(.flag(bit)) }

    private func scaled(_ raw: ExactDecimal?) -> Decoded {
        guard let raw, let value = raw.multiplied(by: scale) else { return .bad(.outOfRange) }
        if isIdentifier { return .good(.text(value.description)) }
        return .good(.number(isInverted ? value.negated : value))
    }

    private func named(_ raw: UInt64) -> Decoded {
        if let name = names[raw] { return .good(.text(name)) }
        // A code that the profile does not know is told as it is, and not trusted.
        return Decoded(value: .text("code \(raw)"), quality: .uncertain(.outOfRange))
    }

    private func text(_ bytes: [UInt8]) -> Decoded {
        var characters = Array(bytes.prefix { $0 != 0 })
        while let last = characters.last, last == 0x20 || last == 0xFF { characters.removeLast() }
        if characters.isEmpty && bytes.contains(0xFF) { return .bad(.deviceReported) }
        guard characters.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            // Vendors write their umlauts in Latin-1 if at all; control characters are no text.
            guard characters.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && !(0x80..<0xA0).contains($0) }) else {
                return .bad(.outOfRange)
            }
            return .good(.text(String(String.UnicodeScalarView(characters.map { Unicode.Scalar($0) }))))
        }
        return .good(.text(String(decoding: characters, as: UTF8.self)))
    }

    private static func decimalDigits(_ bytes: [UInt8]) -> Int64? {
        var number: Int64 = 0
        for byte in bytes {
            for digit in [byte >> 4, byte & 0xF] {
                guard digit < 10 else { return nil }
                let (shifted, overflow) = number.multipliedReportingOverflow(by: 10)
                guard !overflow else { return nil }
                number = shifted + Int64(digit)
            }
        }
        return number
    }

    // MARK: to the wire

    /// Why a value cannot be written, in a sentence.
    struct Unwritable: Error, Sendable, Hashable {
        let reason: String
    }

    /// Registers that hold exactly this value.
    func encode(_ value: Value) throws(Unwritable) -> [UInt16] {
        if !names.isEmpty, case .text(let text) = value {
            guard let code = names.first(where: { $0.value == text })?.key else {
                throw Unwritable(reason: "\(text) is none of \(names.values.sorted().joined(separator: ", "))")
            }
            return try words(of: code)
        }
        guard case .number(let wanted) = value else {
            throw Unwritable(reason: "\(value) where a number is expected")
        }
        let number = isInverted ? wanted.negated : wanted
        switch type {
        case .f32:
            guard let raw = divided(number) else { break }
            return layout.words(of: Self.bytes(UInt64(Float(raw.approximation).bitPattern), count: 4))
        case .f64:
            guard let raw = divided(number) else { break }
            return layout.words(of: Self.bytes(raw.approximation.bitPattern, count: 8))
        case .u16, .u32, .u64:
            guard let raw = divided(number)?.integer, raw >= 0 else { break }
            return try words(of: UInt64(raw))
        case .i16, .i32, .i64:
            guard let raw = divided(number)?.integer else { break }
            let limit = type == .i64 ? Int64.max : Int64(1) << (type.width * 16 - 1) - 1
            guard raw >= -limit - 1, raw <= limit else { break }
            return layout.words(of: Self.bytes(UInt64(bitPattern: raw), count: type.width * 2))
        case .bit, .bcd, .text: throw Unwritable(reason: "values of this type are not written")
        }
        throw Unwritable(
            reason: "\(wanted) cannot be held exactly by the register (\(type), steps of \(scale))")
    }

    private func words(of raw: UInt64) throws(Unwritable) -> [UInt16] {
        let width = type.width * 16
        guard width >= 64 || raw < UInt64(1) << UInt64(width) else {
            throw Unwritable(reason: "\(raw) does not fit into \(width) bits")
        }
        return layout.words(of: Self.bytes(raw, count: type.width * 2))
    }

    /// `number` / scale, when that is a decimal number of 63 bits.
    private func divided(_ number: ExactDecimal) -> ExactDecimal? {
        let (top, divisor) = (number.normalized, scale.normalized)
        guard divisor.mantissa != 0 else { return nil }
        var (mantissa, power) = (top.mantissa, top.exponent - divisor.exponent)
        // Up to 18 more digits may be needed before the division leaves nothing over (1 / 8 = 0.125).
        for _ in 0...18 {
            if mantissa % divisor.mantissa == 0 {
                return ExactDecimal(mantissa: mantissa / divisor.mantissa, exponent: power)
            }
            let (more, overflow) = mantissa.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            mantissa = more
            power -= 1
        }
        return nil
    }

    private static func bytes(_ raw: UInt64, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: raw >> UInt64(8 * (count - 1 - $0))) }
    }
}
