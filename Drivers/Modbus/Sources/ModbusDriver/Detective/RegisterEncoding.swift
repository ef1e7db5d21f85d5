internal import Telemetry

/// One way to read a number out of registers: what a profile says with `as`, `word_order`, `byte_order` and `scale`.
struct RegisterEncoding: Sendable, Hashable {
    let type: ValueType
    let layout: WordLayout
    let scale: ExactDecimal

    /// All that real meters use for voltages, currents and powers; floats first, for they are the least ambiguous.
    static let all: [RegisterEncoding] = floats + wide + narrow

    private static let orders = [
        WordLayout(isLowWordFirst: false, isByteSwapped: false), WordLayout(isLowWordFirst: true, isByteSwapped: false),
        WordLayout(isLowWordFirst: false, isByteSwapped: true), WordLayout(isLowWordFirst: true, isByteSwapped: true),
    ]
    private static let floats = orders.map { RegisterEncoding(type: .f32, layout: $0, scale: ExactDecimal(1)) }
    private static let wide = orders.prefix(2).flatMap { layout in
        [0, -1, -2, -3].map {
            RegisterEncoding(type: .i32, layout: layout, scale: ExactDecimal(mantissa: 1, exponent: $0))
        }
    }
    private static let narrow = [0, -1, -2, -3].map {
        RegisterEncoding(type: .u16, layout: orders[0], scale: ExactDecimal(mantissa: 1, exponent: $0))
    }

    /// The same registers at another power of ten: meters count frequency in 0.01 Hz beside voltage in 0.1 V.
    func scaled(by exponent: Int32) -> RegisterEncoding {
        RegisterEncoding(type: type, layout: layout, scale: ExactDecimal(mantissa: 1, exponent: exponent))
    }

    /// - Returns: nil when the registers are not there or hold no number.
    func value(in image: RegisterImage, _ table: RegisterTable, at address: Int) -> Double? {
        guard let words = image.words(table, at: address, count: type.width) else { return nil }
        var codec = RegisterCodec(type: type, layout: layout)
        codec.scale = scale
        guard case .number(let number)? = codec.decode(words).value else { return nil }
        return number.approximation
    }

    /// As it stands in a profile: `as: f32, word_order: low_first`.
    var words: String {
        var text = "as: \(type.profileName)"
        if layout.isLowWordFirst { text += ", word_order: low_first" }
        if layout.isByteSwapped { text += ", byte_order: swapped" }
        if scale != ExactDecimal(1) { text += ", scale: \(scale)" }
        return text
    }
}

extension ValueType {
    /// The name that stands after `as:`.
    var profileName: String {
        switch self {
        case .bcd(let registers): "bcd\(registers * 16)"
        case .text(let registers): "text[\(registers)]"
        default: "\(self)"
        }
    }
}
