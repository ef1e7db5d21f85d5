public import Telemetry

extension GatewayConfiguration {
    /// The configuration in force as YAML that can be read again: defaults filled in, ranges written out, ports resolved, secrets as their references.
    ///
    /// - Parameter origin: each value is followed by a comment with file and line, or `default`.
    public func explained(origin: Bool = false) -> String { Explanation.yaml(effective, origin: origin) }

    /// The same as a JSON document. With `origin` each value is `{"value": ..., "origin": "FILE:LINE:COLUMN"}`.
    public func explainedJSON(origin: Bool = false) -> JSONValue { Explanation.json(effective, origin: origin) }
}

/// Printing a tree with the places its values come from.
enum Explanation {
    // MARK: YAML

    static func yaml(_ node: YAMLNode, origin: Bool) -> String {
        var lines: [(text: String, origin: SourcePosition?)] = []
        for entry in node.entries ?? [] { write(entry, indentation: 0, into: &lines) }
        guard origin else { return lines.map { $0.text + "\n" }.joined() }
        // One column of comments, unless a line is long.
        let column = min(56, (lines.map(\.text.count).max() ?? 0) + 2)
        return lines.map { line in
            guard let origin = line.origin else { return line.text + "\n" }
            let gap = max(2, column - line.text.count)
            return line.text + String(repeating: " ", count: gap) + "# " + origin.short + "\n"
        }.joined()
    }

    private static func write(
        _ entry: YAMLEntry, indentation: Int, into lines: inout [(text: String, origin: SourcePosition?)]
    ) {
        let start = String(repeating: "  ", count: indentation) + scalarText(entry.key) + ":"
        if let entries = entry.value.entries, !entries.isEmpty {
            lines.append((start, nil))
            for inner in entries { write(inner, indentation: indentation + 1, into: &lines) }
        } else {
            lines.append((start + " " + flow(entry.value), entry.value.position))
        }
    }

    /// On one line, as lists and their items are printed.
    static func flow(_ node: YAMLNode) -> String {
        switch node.content {
        case .null: "null"
        case .flag(let flag): flag ? "true" : "false"
        case .number(let text): text
        case .text(let text): scalarText(text)
        case .list(let items): "[" + items.map(flow).joined(separator: ", ") + "]"
        case .map(let entries):
            "{" + entries.map { scalarText($0.key) + ": " + flow($0.value) }.joined(separator: ", ") + "}"
        }
    }

    /// A text, in quotes where it would otherwise be read as something else.
    static func scalarText(_ text: String) -> String {
        let isPlain =
            text.utf8.allSatisfy { byte in
                (byte | 0x20 >= 97 && byte | 0x20 <= 122) || (byte >= 48 && byte <= 57)
                    || " _./-+%:".utf8.contains(byte)
            } && (text.first?.isLetter == true || text.first?.isNumber == true || text.first == "/") && text.last != " "
            && text.last != ":" && ScalarParser.firstRange(of: ": ", in: text[...]) == nil
        if isPlain, CoreSchema.resolve(text) == .text(text) { return text }
        return JSONValue.string(text).description
    }

    // MARK: JSON

    static func json(_ node: YAMLNode, origin: Bool) -> JSONValue {
        let value: JSONValue
        switch node.content {
        case .map(let entries):
            return .object(entries.map { JSONValue.Member($0.key, json($0.value, origin: origin)) })
        case .list(let items): value = .array(items.map { json($0, origin: false) })
        case .null: value = .null
        case .flag(let flag): value = .bool(flag)
        case .number(let text): value = number(text)
        case .text(let text): value = .string(text)
        }
        guard origin else { return value }
        return .object([
            JSONValue.Member("value", value), JSONValue.Member("origin", .string(node.position.description)),
        ])
    }

    /// JSON knows neither `0x1F` nor `.inf` nor `+5`.
    private static func number(_ text: String) -> JSONValue {
        if let decimal = ExactDecimal(text) { return .number(decimal) }
        if let integer = ScalarParser.integer(text) { return .integer(integer) }
        return .string(text)
    }
}

extension SourcePosition {
    /// `gateway.yaml:12`, or `default`.
    var short: String { isBuiltIn ? "default" : "\(file):\(line)" }
}
