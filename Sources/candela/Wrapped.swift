/// Text for a terminal of 80 columns, broken between words.
enum Wrapped {
    /// What a serial console and a telephone's terminal show without breaking lines themselves.
    static let width = 80

    /// One line as several of at most ``width`` characters; all but the first are indented.
    ///
    /// A word that is longer than a line is broken where the line ends.
    static func lines(_ text: String, indent: Int) -> [String] {
        guard text.count > width else { return [text] }
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var rest = Substring(text)
        while true {
            let room = lines.isEmpty ? width : width - indent
            guard rest.count > room else { break }
            // A blank right behind the last column ends a line too. One within the indent would begin the same line again.
            let least = lines.isEmpty ? indent + 1 : 1
            let start = rest.index(rest.startIndex, offsetBy: least)
            let end = rest.index(rest.startIndex, offsetBy: room + 1)
            let blank = rest[start..<end].lastIndex(of: " ")
            let cut = blank ?? rest.index(before: end)
            lines.append((lines.isEmpty ? "" : margin) + rest[..<cut])
            rest = rest[cut...].drop { $0 == " " }
        }
        if !rest.isEmpty { lines.append((lines.isEmpty ? "" : margin) + rest) }
        return lines
    }
}
