/// What a plain scalar means (YAML 1.2.2, section 10.3.2). `yes`, `no`, `on` and `off` are text.
enum CoreSchema {
    static func resolve(_ text: String) -> YAMLNode.Content {
        switch text {
        case "", "~", "null", "Null", "NULL": .null
        case "true", "True", "TRUE": .flag(true)
        case "false", "False", "FALSE": .flag(false)
        default: isNumber(text) ? .number(text) : .text(text)
        }
    }

    static func isNumber(_ text: String) -> Bool {
        var rest = Substring(text).utf8
        if rest.starts(with: "0o".utf8) { return all(rest.dropFirst(2)) { $0 >= 48 && $0 <= 55 } }
        if rest.starts(with: "0x".utf8) { return all(rest.dropFirst(2), isHexadecimal) }
        if text == ".nan" || text == ".NaN" || text == ".NAN" { return true }
        if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { rest = rest.dropFirst() }
        if rest.elementsEqual(".inf".utf8) || rest.elementsEqual(".Inf".utf8) || rest.elementsEqual(".INF".utf8) {
            return true
        }
        let whole = rest.prefix(while: isDigit)
        rest = rest.dropFirst(whole.count)
        var fraction = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: isDigit)
            rest = rest.dropFirst(fraction.count + 1)
        }
        guard !whole.isEmpty || !fraction.isEmpty else { return false }
        guard let mark = rest.first else { return true }
        guard mark == UInt8(ascii: "e") || mark == UInt8(ascii: "E") else { return false }
        rest = rest.dropFirst()
        if let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { rest = rest.dropFirst() }
        return all(rest, isDigit)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "f"))
    }

    private static func all(_ bytes: some Collection<UInt8>, _ test: (UInt8) -> Bool) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy(test)
    }
}
