import Telemetry

/// What a task says, as a person reads it, whatever it is: the words it gives, facts in two columns, lists of things as tables.
enum FindingView {
    /// A step: its line, or what it holds.
    static func step(_ content: JSONValue) -> String {
        if let line = content["line"]?.text { return line }
        return lines(content).joined(separator: "\n")
    }

    /// - Parameter leaving: keys that are shown elsewhere.
    static func lines(_ value: JSONValue, leaving out: Set<String> = []) -> [String] {
        switch value {
        case .null: []
        case .object(let members): object(members.filter { !out.contains($0.key) })
        case .array(let items): list(items)
        default: [plain(value)]
        }
    }

    private static func object(_ members: [JSONValue.Member]) -> [String] {
        if members.count == 1, members[0].key == "line" { return [plain(members[0].value)] }
        var lines: [String] = []
        let facts = members.filter { !isBlock($0.value) && $0.value != .null }
        let width = facts.map(\.key.count).max() ?? 0
        for fact in facts {
            lines.append(Formats.fit(title(fact.key), width) + "  " + plain(fact.value))
        }
        for member in members where isBlock(member.value) {
            if !lines.isEmpty { lines.append("") }
            lines.append(title(member.key) + ":")
            lines += self.lines(member.value).map { "  " + $0 }
        }
        return lines
    }

    private static func list(_ items: [JSONValue]) -> [String] {
        let rows = items.map { item -> [JSONValue.Member]? in
            guard case .object(let members) = item, !members.contains(where: { isBlock($0.value) }) else { return nil }
            return members
        }
        guard !rows.isEmpty, rows.allSatisfy({ $0 != nil }) else { return items.flatMap { lines($0) } }
        return table(rows.compactMap { $0 })
    }

    /// One row per object, one column per key, in the order of their first appearance.
    private static func table(_ rows: [[JSONValue.Member]]) -> [String] {
        var keys: [String] = []
        for row in rows {
            for member in row where !keys.contains(member.key) { keys.append(member.key) }
        }
        var table = Table(
            keys.map { key in
                let values = rows.compactMap { row in row.first { $0.key == key }?.value }
                let isNumeric = values.allSatisfy { $0 == .null || $0.number != nil } && values.contains { $0 != .null }
                return (title(key).uppercased(), isNumeric ? .right : .left)
            })
        for row in rows {
            table.add(
                cells: keys.map { key in
                    guard let value = row.first(where: { $0.key == key })?.value, value != .null else { return "-" }
                    return plain(value)
                })
        }
        return table.lines
    }

    /// Needs lines of its own.
    private static func isBlock(_ value: JSONValue) -> Bool {
        switch value {
        case .object(let members): !members.isEmpty
        case .array(let items): items.contains { if case .object = $0 { true } else { isBlock($0) } }
        case .string(let text): text.contains("\n")
        default: false
        }
    }

    private static func title(_ key: String) -> String { String(key.map { $0 == "_" ? " " : $0 }) }

    static func plain(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .array(let items): items.map(plain).joined(separator: ", ")
        case .object(let members): members.map { "\($0.key) \(plain($0.value))" }.joined(separator: ", ")
        default: value.description
        }
    }
}

/// Shows what a task says while it runs and what came of it.
struct FindingPrinter: Sendable {
    let json: Bool

    init(_ options: SharedOptions) { json = options.json }

    /// With --json each step is a line of its own, before the result.
    func step(_ content: JSONValue) {
        if json {
            Output.print(JSONValue.object([.init("step", content)]))
        } else {
            Output.print(FindingView.step(content))
        }
    }

    func result(_ result: JSONValue, leaving out: Set<String> = []) {
        if json { return Output.print(result) }
        let lines = FindingView.lines(result, leaving: out)
        if !lines.isEmpty { Output.print(lines.joined(separator: "\n")) }
    }
}
