import DriverProtocol

/// As much YAML as profiles use: block maps and lists, flow maps and lists, plain and double-quoted scalars, comments.
/// The runtime's own reader is another room; this one keeps the driver's tests to themselves.
struct MiniYAML {
    struct Problem: Error, CustomStringConvertible { let description: String }

    private var lines: [(indent: Int, text: Substring)] = []
    private var row = 0

    static func parse(_ text: String) throws -> DriverNode {
        var parser = MiniYAML()
        for line in text.split(separator: "\n") {
            let clean = uncommented(line)
            let indent = clean.prefix { $0 == " " }.count
            if indent < clean.count { parser.lines.append((indent, clean.dropFirst(indent))) }
        }
        return try parser.block(at: parser.lines.first?.indent ?? 0)
    }

    private static func uncommented(_ line: Substring) -> Substring {
        var quoted = false
        var previous: Character = " "
        var end = line.endIndex
        for index in line.indices {
            if line[index] == "\"" { quoted.toggle() }
            if line[index] == "#" && !quoted && previous == " " {
                end = index
                break
            }
            previous = line[index]
        }
        var clean = line[..<end]
        while clean.last == " " { clean.removeLast() }
        return clean
    }

    private mutating func block(at indent: Int) throws -> DriverNode {
        var node = DriverNode()
        guard row < lines.count else { return node }
        if lines[row].text.hasPrefix("{") || lines[row].text.hasPrefix("[") {
            var rest = lines[row].text
            row += 1
            return try Self.flow(&rest)
        }
        if lines[row].text.hasPrefix("- ") {
            node.list = DriverNode.List()
            while row < lines.count, lines[row].indent == indent, lines[row].text.hasPrefix("- ") {
                let rest = lines[row].text.dropFirst(2)
                if rest.hasPrefix("{") || Self.colon(rest) == nil {
                    var text = rest
                    row += 1
                    node.list.items.append(try Self.flow(&text))
                } else {
                    lines[row] = (indent + 2, rest)
                    node.list.items.append(try block(at: indent + 2))
                }
            }
            return node
        }
        node.map = DriverNode.Map()
        while row < lines.count, lines[row].indent == indent, let colon = Self.colon(lines[row].text) {
            var entry = DriverNode.Entry()
            entry.key = String(lines[row].text[..<colon])
            var rest = lines[row].text[lines[row].text.index(after: colon)...].drop { $0 == " " }
            row += 1
            if !rest.isEmpty {
                // An answer's hex bytes are one plain scalar; everything else is read as flow.
                entry.value =
                    rest.hasPrefix("{") || rest.hasPrefix("[") ? try Self.flow(&rest) : Self.scalar(String(rest))
            } else if row < lines.count, lines[row].indent > indent {
                entry.value = try block(at: lines[row].indent)
            }
            node.map.entries.append(entry)
        }
        return node
    }

    private static func colon(_ text: Substring) -> Substring.Index? {
        text.indices.first { index in
            text[index] == ":" && (text.index(after: index) == text.endIndex || text[text.index(after: index)] == " ")
        }
    }

    private static func flow(_ text: inout Substring) throws -> DriverNode {
        var node = DriverNode()
        text = text.drop { $0 == " " }
        switch text.first {
        case "{":
            node.map = DriverNode.Map()
            text.removeFirst()
            while true {
                text = text.drop { $0 == " " || $0 == "," }
                if text.first == "}" { break }
                guard let colon = colon(text) else { throw Problem(description: "no value in \(text)") }
                var entry = DriverNode.Entry()
                entry.key = String(text[..<colon])
                text = text[text.index(after: colon)...]
                entry.value = try flow(&text)
                node.map.entries.append(entry)
            }
            text.removeFirst()
        case "[":
            node.list = DriverNode.List()
            text.removeFirst()
            while true {
                text = text.drop { $0 == " " || $0 == "," }
                if text.first == "]" { break }
                if text.isEmpty { throw Problem(description: "a list without its end") }
                node.list.items.append(try flow(&text))
            }
            text.removeFirst()
        case "\""?, "'"?:
            let quote = text.removeFirst()
            node.text = String(text.prefix { $0 != quote })
            text = text.drop { $0 != quote }.dropFirst()
        default:
            let plain = text.prefix { $0 != "," && $0 != "}" && $0 != "]" }
            text = text[plain.endIndex...]
            node = scalar(String(plain))
        }
        return node
    }

    private static func scalar(_ text: String) -> DriverNode {
        var node = DriverNode()
        if text.hasPrefix("\""), text.hasSuffix("\""), text.count > 1 {
            node.text = String(text.dropFirst().dropLast())
        } else if text == "true" || text == "false" {
            node.flag = text == "true"
        } else if text == "null" {
            node.null = DriverNode.Null()
        } else if text.hasPrefix("0x")
            ? Int(text.dropFirst(2), radix: 16) != nil || text.count > 16 && !text.contains("-") : Double(text) != nil
        {
            node.number = text
        } else {
            node.text = text
        }
        return node
    }
}
