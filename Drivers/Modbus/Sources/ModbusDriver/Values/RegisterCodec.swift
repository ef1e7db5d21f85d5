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
    /// Another way of writing numbers than the type's own.
    var coding = NumberCoding.plain
    /// The number is these bits only, shifted down.
    var field: UInt64?
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
    func decode(_ words: ArraySlice<UInt16>) -> Decoded {
        let raw: Decoded
        switch type {
        case .text, .wideText: return text(words)
        default: raw = number(words)
        }
        guard case .number(let number)? = raw.value else { return raw }
        return scaled(number)
    }

    func decode(_ words: [UInt16]) -> Decoded { decode(words[...]) }

    func decode(bit: Bool) -> Decoded { .good(.flag(bit)) }

    /// The value before scale and inversion: a number where it is one, otherwise what ``decode(_:)`` gives.
    func number(_ words: ArraySlice<UInt16>) -> Decoded {
        if type.isText { return text(words) }
        if coding.isText {
            let ordered = layout.ordered(words)
            if isAbsent(ordered) { return .bad(.deviceReported) }
            return coding.text(ordered).map { .good(.text($0)) } ?? .bad(.outOfRange)
        }
        guard type.width <= 4 else { return .bad(.configuration) }
        var raw = layout.number(of: words)
        if !absent.isEmpty, absent.contains(raw) { return .bad(.deviceReported) }
        if let mask { return .good(.flag(raw & mask != 0)) }
        if let field { raw = (raw & field) >> UInt64(field.trailingZeroBitCount) }
        if !names.isEmpty { return named(raw) }
        return unscaled(raw).map { .good(.number($0)) } ?? .bad(.outOfRange)
    }

    private func unscaled(_ raw: UInt64) -> ExactDecimal? {
        switch coding {
        case .plain: break
        case .fourQuadrantPowerFactor:
            // The fold is at 1, so it is undone on the scaled number.
            return
                (type == .f32
                ? ExactDecimal(shortest: Float(bitPattern: UInt32(truncatingIfNeeded: raw)))
                : ExactDecimal(Int64(Int16(truncatingIfNeeded: raw))))
        default: return coding.number(raw, registers: type.width)
        }
        return switch type {
        case .f32: ExactDecimal(shortest: Float(bitPattern: UInt32(truncatingIfNeeded: raw)))
        case .f64: ExactDecimal(shortest: Double(bitPattern: raw))
        case .i16: ExactDecimal(Int64(Int16(truncatingIfNeeded: raw)))
        case .i32: ExactDecimal(Int64(Int32(truncatingIfNeeded: raw)))
        case .i64: ExactDecimal(Int64(bitPattern: raw))
        case .u16, .u32, .u48, .u64, .bit, .words: Int64(exactly: raw).map { ExactDecimal($0) }
        case .bcd(let registers): NumberCoding.decimalDigits(raw, registers: registers)
        case .text, .wideText: nil
        }
    }

    private func isAbsent(_ words: [UInt16]) -> Bool {
        guard !absent.isEmpty, words.count <= 4 else { return false }
        return absent.contains(words.reduce(0) { $0 << 16 | UInt64($1) })
    }

    private func scaled(_ raw: ExactDecimal) -> Decoded {
        guard var value = raw.multiplied(by: scale) else { return .bad(.outOfRange) }
        if coding == .fourQuadrantPowerFactor {
            guard let unfolded = NumberCoding.unfolded(value) else { return .bad(.outOfRange) }
            value = unfolded
        }
        if isIdentifier { return .good(.text(value.description)) }
        return .good(.number(isInverted ? value.negated : value))
    }

    private func named(_ raw: UInt64) -> Decoded {
        if let name = names[raw] { return .good(.text(name)) }
        // A code that the profile does not know is told as it is, and not trusted.
        return Decoded(value: .text("code \(raw)"), quality: .uncertain(.outOfRange))
    }

    private func text(_ words: ArraySlice<UInt16>) -> Decoded {
        if case .wideText = type { return wideText(words) }
        let bytes = layout.bytes(of: words)
        var characters = Array(bytes.prefix { $0 != 0 })
        while let last = characters.last, last == 0x20 || last == 0xFF { characters.removeLast() }
        if characters.isEmpty && bytes.contains(0xFF) { return .bad(.deviceReported) }
        guard characters.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            // Vendors write their umlauts in UTF-8 or in Latin-1 if at all; control characters are no text.
            guard characters.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return .bad(.outOfRange) }
            if let text = String(validating: characters, as: UTF8.self) { return .good(.text(text)) }
            guard characters.allSatisfy({ !(0x80..<0xA0).contains($0) }) else { return .bad(.outOfRange) }
            return .good(.text(String(String.UnicodeScalarView(characters.map { Unicode.Scalar($0) }))))
        }
        return .good(.text(String(decoding: characters, as: UTF8.self)))
    }

    private func wideText(_ words: ArraySlice<UInt16>) -> Decoded {
        let ordered = layout.ordered(words)
        var units = Array(ordered.prefix { $0 != 0 })
        while let last = units.last, last == 0x20 || last == 0xFFFF { units.removeLast() }
        if units.isEmpty && ordered.contains(0xFFFF) { return .bad(.deviceReported) }
        guard units.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && !(0x80..<0xA0).contains($0) }),
            let text = String(validating: units, as: UTF16.self)
        else { return .bad(.outOfRange) }
        return .good(.text(text))
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
        guard coding == .plain, field == nil else { throw Unwritable(reason: "values of this coding are not written") }
        let number = isInverted ? wanted.negated : wanted
        switch type {
        case .f32:
            guard let raw = divided(number) else { break }
            return layout.words(of: Self.bytes(UInt64(Float(raw.approximation).bitPattern), count: 4))
        case .f64:
            guard let raw = divided(number) else { break }
            return layout.words(of: Self.bytes(raw.approximation.bitPattern, count: 8))
        case .u16, .u32, .u48, .u64:
            guard let raw = divided(number)?.integer, raw >= 0 else { break }
            return try words(of: UInt64(raw))
        case .i16, .i32, .i64:
            guard let raw = divided(number)?.integer else { break }
            let limit = type == .i64 ? Int64.max : Int64(1) << (type.width * 16 - 1) - 1
            guard raw >= -limit - 1, raw <= limit else { break }
            return layout.words(of: Self.bytes(UInt64(bitPattern: raw), count: type.width * 2))
        case .bit, .bcd, .text, .wideText, .words: throw Unwritable(reason: "values of this type are not written")
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

    private func divided(_ number: ExactDecimal) -> ExactDecimal? { number.divided(by: scale) }

    private static func bytes(_ raw: UInt64, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: raw >> UInt64(8 * (count - 1 - $0))) }
    }
}
