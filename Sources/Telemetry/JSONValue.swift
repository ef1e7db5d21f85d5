/// A JSON document with exact numbers and the order of its keys kept.
///
/// Numbers are ``ExactDecimal``: 12345.67 stays 12345.67. Nothing here needs Foundation.
public indirect enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(ExactDecimal)
    case string(String)
    case array([JSONValue])
    case object([Member])

    public struct Member: Sendable, Hashable {
        public let key: String
        public let value: JSONValue
        public init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    public init(_ value: Telemetry.Value?) {
        switch value {
        case .none: self = .null
        case .number(let number)?: self = .number(number)
        case .flag(let flag)?: self = .bool(flag)
        case .text(let text)?: self = .string(text)
        }
    }

    public static func integer(_ value: some BinaryInteger) -> JSONValue {
        // Counters beyond 2^53 lose digits in readers that hold numbers as doubles; they go as text (docs/delivery.md).
        guard let fits = Int64(exactly: value), fits.magnitude <= 1 << 53 else { return .string(String(value)) }
        return .number(ExactDecimal(fits))
    }

    public subscript(key: String) -> JSONValue? {
        if case .object(let members) = self { members.first { $0.key == key }?.value } else { nil }
    }

    public var text: String? { if case .string(let text) = self { text } else { nil } }
    public var number: ExactDecimal? { if case .number(let number) = self { number } else { nil } }
}

extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral
{
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements.map(Member.init)) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .number(ExactDecimal(value)) }
    public init(nilLiteral: ()) { self = .null }
}

extension JSONValue: CustomStringConvertible {
    /// The document on one line, without spaces.
    public var description: String {
        var writer = JSONWriter()
        writer.write(self)
        return writer.text
    }
}
