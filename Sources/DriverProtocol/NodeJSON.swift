public import Telemetry

/// A piece of YAML as JSON and back: arguments and results of tasks cross the control socket as text.
extension DriverNode {
    /// Every JSON value has its node; numbers keep every digit.
    public init(json: JSONValue) {
        self.init()
        switch json {
        case .null: null = DriverNode.Null()
        case .bool(let flag): self.flag = flag
        case .number(let number): self.number = number.description
        case .string(let text): self.text = text
        case .array(let items): list.items = items.map { DriverNode(json: $0) }
        case .object(let members):
            // An empty map must still be a map.
            var map = DriverNode.Map()
            map.entries = members.map { member in
                var entry = DriverNode.Entry()
                entry.key = member.key
                entry.value = DriverNode(json: member.value)
                return entry
            }
            self.map = map
        }
    }

    /// A number that JSON cannot hold (`.inf`, `0x1F`, `0o17`) becomes a number where it is a whole one, and else its text.
    public var json: JSONValue {
        switch value {
        case .null?, nil: .null
        case .flag(let flag)?: .bool(flag)
        case .number(let text)?: Self.number(text)
        case .text(let text)?: .string(text)
        case .list(let list)?: .array(list.items.map(\.json))
        case .map(let map)?: .object(map.entries.map { JSONValue.Member($0.key, $0.value.json) })
        }
    }

    private static func number(_ text: String) -> JSONValue {
        if let number = ExactDecimal(text) { return .number(number) }
        let radix: Int? = text.hasPrefix("0x") ? 16 : text.hasPrefix("0o") ? 8 : nil
        if let radix, let whole = Int64(text.dropFirst(2), radix: radix) { return .number(ExactDecimal(whole)) }
        return .string(text)
    }
}
