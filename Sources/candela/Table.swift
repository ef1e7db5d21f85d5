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

    var lines: [String] {
        let widths = titles.indices.map { column in
            ([titles[column]] + rows.map { $0[column] }).map(\.count).max() ?? 0
        }
        return ([titles] + rows).map { cells in
            var line = ""
            for (column, cell) in cells.enumerated() {
                let isLast = column == cells.count - 1
                let gap = String(repeating: " ", count: max(0, widths[column] - cell.count))
                line += alignments[column] == .right ? gap + cell : (isLast ? cell : cell + gap)
                if !isLast { line += "  " }
            }
            return line
        }
    }

    var text: String { lines.joined(separator: "\n") }
}
