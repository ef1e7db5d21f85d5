/// A table for people: columns as wide as they need, numbers to the right.
struct Table {
    enum Alignment { case left, right }

    private let titles: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    init(_ columns: [(String, Alignment)]) {
        titles = columns.map(\.0)
        alignments = columns.map(\.1)
    }

    mutating func add(_ cells: String...) { add(cells: cells) }
    mutating func add(cells: [String]) { rows.append(cells.map(Formats.clean)) }

    var lines: [String] { lines(within: .max) }

    /// - Parameter width: of the screen; a last column that does not fit goes on below itself, broken between words.
    func lines(within width: Int) -> [String] {
        let widths = titles.indices.map { column in
            ([titles[column]] + rows.map { $0[column] }).map(\.count).max() ?? 0
        }
        let indent = widths.dropLast().reduce(0) { $0 + $1 + 2 }
        return ([titles] + rows).flatMap { cells -> [String] in
            let last = Self.folded(cells.last ?? "", to: max(Self.leastRoom, width - indent))
            let cells = cells.dropLast() + [last[0]]
            var line = ""
            for (column, cell) in cells.enumerated() {
                let isLast = column == cells.count - 1
                let gap = String(repeating: " ", count: max(0, widths[column] - cell.count))
                line += alignments[column] == .right ? gap + cell : (isLast ? cell : cell + gap)
                if !isLast { line += "  " }
            }
            return [line] + last.dropFirst().map { String(repeating: " ", count: indent) + $0 }
        }
    }

    /// Narrower than this, words are not broken off any more.
    private static let leastRoom = 20

    /// A text as lines of at most so many characters, broken between words; a longer word stands alone.
    static func folded(_ text: String, to room: Int) -> [String] {
        guard text.count > room else { return [text] }
        var lines: [String] = [""]
        for word in text.split(separator: " ") {
            let line = lines[lines.count - 1]
            if line.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if line.count + 1 + word.count <= room {
                lines[lines.count - 1] = line + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    var text: String { lines.joined(separator: "\n") }
}
