internal import Telemetry

/// One line of a profile's `identify:`: a register and what it must hold for the device to be this product.
struct Identification: Sendable, Hashable {
    enum Wanted: Sendable, Hashable {
        /// A code, with the model that it stands for (empty: just this product).
        case oneOf([ValueRecipe.Code: String])
        case startsWith(String)
    }

    var source: RegisterSource
    /// The register must be a request of its own.
    var isAlone = false
    var wanted: Wanted

    var request: ModbusRequest {
        .read(table: source.table, at: UInt16(clamping: source.address), count: source.width)
    }

    /// What an answer to ``request`` says.
    func verdict(_ answer: ModbusAnswer) -> Verdict {
        switch answer {
        case .words(let words) where words.count >= source.width:
            verdict(of: source.codec.decode(words[words.startIndex..<words.startIndex + source.width]))
        case .bits(let bits) where !bits.isEmpty: verdict(of: source.codec.decode(bit: bits[0]))
        case .exception: .refused
        default: .differs("nothing")
        }
    }

    func verdict(of decoded: RegisterCodec.Decoded) -> Verdict {
        guard let value = decoded.value else {
            return .differs("nothing that can be read as \(source.codec.type.name)")
        }
        switch wanted {
        case .oneOf(let models):
            if let code = ValueRecipe.Code(value), let model = models[code] { return .matches(model: model) }
        case .startsWith(let beginning):
            if case .text(let text) = value, text.hasPrefix(beginning) { return .matches(model: "") }
        }
        return .differs(Self.spell(value))
    }

    /// What is expected, for messages: `341 or 342`.
    var words: String {
        switch wanted {
        case .startsWith(let beginning): "a text that begins with \(beginning)"
        case .oneOf(let models):
            models.keys.map { key in
                switch key {
                case .number(let number): Self.spell(.number(ExactDecimal(number)))
                case .text(let text): text
                }
            }.sorted().joined(separator: " or ")
        }
    }

    private static func spell(_ value: Value) -> String {
        guard let number = value.number?.integer, let word = UInt16(exactly: number) else { return "\(value)" }
        return "\(number) (\(hex(word)))"
    }

    enum Verdict: Sendable, Hashable {
        /// The model is empty where the profile names none.
        case matches(model: String)
        /// The device has no such register.
        case refused
        /// What it holds instead.
        case differs(String)

        var isMatch: Bool { if case .matches = self { true } else { false } }
    }
}

extension ModbusProfile {
    /// Whether a device is this product, from the answers to the requests of ``identification``, in their order.
    ///
    /// - Returns: nil when the profile says nothing that could tell; the model where one of the lines names it.
    func recognises(_ answers: [ModbusAnswer]) -> Identification.Verdict? {
        guard !identification.isEmpty, answers.count == identification.count else { return nil }
        var model = ""
        for (line, answer) in zip(identification, answers) {
            switch line.verdict(answer) {
            case .matches(let named): if model.isEmpty { model = named }
            case let other: return other
            }
        }
        return .matches(model: model)
    }
}
