/// What a point was read to be: a number, a state or a text.
public enum Value: Sendable, Hashable {
    case number(ExactDecimal)
    case flag(Bool)
    /// Boxed: texts are rare, and every value would be as large as the largest.
    indirect case text(String)

    public var number: ExactDecimal? {
        if case .number(let value) = self { value } else { nil }
    }
}

extension Value: CustomStringConvertible {
    public var description: String {
        switch self {
        case .number(let value): value.description
        case .flag(let value): value ? "true" : "false"
        case .text(let value): value
        }
    }
}
