public import DriverProtocol
public import Telemetry

/// A piece of configuration with its place; reading it as the wrong thing writes a diagnostic and gives nil.
public struct NodeValue {
    public let node: DriverNode
    public let place: NodePlace
    public let diagnostics: Diagnostics

    public init(_ node: DriverNode, place: NodePlace, diagnostics: Diagnostics) {
        self.node = node
        self.place = place
        self.diagnostics = diagnostics
    }

    /// Written as nothing or `null`.
    public var isNull: Bool {
        switch node.value {
        case .null?, nil: true
        default: false
        }
    }

    public func error(_ message: String) { diagnostics.error(message, at: place) }
    public func warning(_ message: String) { diagnostics.warning(message, at: place) }

    /// As people wrote it, for messages.
    public var written: String {
        switch node.value {
        case .text(let text)?: "\"\(String(text.prefix(60)))\""
        case .number(let number)?: number
        case .flag(let flag)?: flag ? "true" : "false"
        case .list?: "a list"
        case .map?: "a map"
        case .null?, nil: "nothing"
        }
    }

    /// A text or a number, as written; quoted or not.
    public func text() -> String? {
        switch node.value {
        case .text(let text)?: return text
        case .number(let number)?: return number
        default:
            error("\(written) where a text was expected")
            return nil
        }
    }

    public func flag() -> Bool? {
        if case .flag(let flag)? = node.value { return flag }
        error("\(written) where true or false was expected")
        return nil
    }

    /// A whole number, decimal or in 0x form.
    public func integer(in range: ClosedRange<Int>) -> Int? {
        guard let number = scalar.flatMap(Self.parseInteger), range.contains(number) else {
            error("\(written) where a whole number from \(range.lowerBound) to \(range.upperBound) was expected")
            return nil
        }
        return number
    }

    /// A whole number out of a few, such as the baud rates that there are.
    public func integer(oneOf numbers: [Int]) -> Int? {
        guard let number = scalar.flatMap(Self.parseInteger), numbers.contains(number) else {
            error("\(written) where one of \(numbers.map(String.init).joined(separator: ", ")) was expected")
            return nil
        }
        return number
    }

    /// A decimal number, exactly as written.
    public func decimal() -> ExactDecimal? {
        if let scalar, let number = ExactDecimal(scalar) { return number }
        if let scalar, let number = Self.parseInteger(scalar) { return ExactDecimal(Int64(number)) }
        error("\(written) where a decimal number was expected")
        return nil
    }

    /// `500ms`, `10s`, `1.5s`, `15min`, `2h`, `1d`.
    public func duration(in range: ClosedRange<Duration>) -> Duration? {
        guard case .text(let text)? = node.value, let duration = Self.parseDuration(text) else {
            error("\(written) where a duration with its unit was expected, such as 500ms, 10s or 15min")
            return nil
        }
        guard range.contains(duration) else {
            error(
                "\(text) is out of range; expected \(Self.spell(range.lowerBound)) to \(Self.spell(range.upperBound))")
            return nil
        }
        return duration
    }

    /// `5%`, as a fraction (0.05) kept exactly.
    public func percent(in range: ClosedRange<Int>) -> ExactDecimal? {
        if case .text(let text)? = node.value, text.hasSuffix("%"),
            let number = ExactDecimal(trimmed(text.dropLast())),
            number >= ExactDecimal(Int64(range.lowerBound)), number <= ExactDecimal(Int64(range.upperBound))
        {
            return number.scaled(byPowerOfTen: -2)
        }
        error("\(written) where a share from \(range.lowerBound)% to \(range.upperBound)% was expected")
        return nil
    }

    /// One of a few words.
    public func choice<Choice>(_ choices: KeyValuePairs<String, Choice>) -> Choice? {
        let word = scalar ?? ""
        if let found = choices.first(where: { $0.key == word }) { return found.value }
        let words = choices.map(\.key)
        let nearest = NearestKey.find(word, in: words).map { "; did you mean \($0)?" } ?? ""
        error("\(written) where one of \(words.joined(separator: ", ")) was expected\(nearest)")
        return nil
    }

    public func list() -> [NodeValue]? {
        guard case .list(let list)? = node.value else {
            error("\(written) where a list was expected")
            return nil
        }
        return list.items.enumerated().map {
            NodeValue($0.element, place: place.appending($0.offset), diagnostics: diagnostics)
        }
    }

    public func map() -> NodeMap? {
        guard case .map = node.value else {
            error("\(written) where a map of keys was expected")
            return nil
        }
        return NodeMap(node, place: place, diagnostics: diagnostics)
    }

    /// Whether it is a list, without complaint.
    public var isList: Bool { if case .list? = node.value { true } else { false } }
    public var isMap: Bool { if case .map? = node.value { true } else { false } }

    private var scalar: String? {
        switch node.value {
        case .number(let text)?, .text(let text)?: text
        default: nil
        }
    }

    /// Decimal, or hexadecimal with 0x; nil for anything else.
    public static func parseInteger(_ text: String) -> Int? {
        let negative = text.hasPrefix("-")
        let digits = negative || text.hasPrefix("+") ? text.dropFirst() : text[...]
        let value: Int? =
            if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
                digits.dropFirst(2).first == "+" || digits.dropFirst(2).first == "-"
                    ? nil : Int(digits.dropFirst(2), radix: 16)
            } else if digits.hasPrefix("0o") {
                Int(digits.dropFirst(2), radix: 8)
            } else {
                digits.allSatisfy({ $0.isASCII && $0.isNumber }) ? Int(digits) : nil
            }
        return value.map { negative ? -$0 : $0 }
    }

    /// nil when it is no number followed by ms, s, min, h or d.
    public static func parseDuration(_ text: String) -> Duration? {
        let units: [(suffix: String, nanoseconds: Int64)] = [
            ("ms", 1_000_000), ("us", 1_000), ("min", 60_000_000_000), ("s", 1_000_000_000), ("h", 3_600_000_000_000),
            ("d", 86_400_000_000_000),
        ]
        for unit in units where text.hasSuffix(unit.suffix) {
            guard let number = ExactDecimal(trimmed(text.dropLast(unit.suffix.count))), !number.isNegative,
                let product = number.multiplied(by: ExactDecimal(unit.nanoseconds)), let whole = product.integer
            else { continue }
            return .nanoseconds(whole)
        }
        return nil
    }

    /// A duration as a technician writes it.
    public static func spell(_ duration: Duration) -> String {
        let nanoseconds = duration.wholeNanoseconds
        let units: [(Int64, String)] = [
            (86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "min"), (1_000_000_000, "s"),
            (1_000_000, "ms"), (1_000, "us"),
        ]
        for (size, suffix) in units where nanoseconds != 0 && nanoseconds % size == 0 {
            return "\(nanoseconds / size)\(suffix)"
        }
        return nanoseconds == 0 ? "0s" : "\(ExactDecimal(mantissa: nanoseconds, exponent: -9).normalized)s"
    }
}

private func trimmed(_ text: some StringProtocol) -> String {
    var rest = Substring(text)
    while rest.last == " " { rest.removeLast() }
    while rest.first == " " { rest.removeFirst() }
    return String(rest)
}
