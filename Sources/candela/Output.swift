import CLinux
import Glibc
import Telemetry

/// Writing to the person's terminal.
enum Output {
    static func print(_ text: String) { write(STDOUT_FILENO, text + "\n") }
    static func complain(_ text: String) { write(STDERR_FILENO, text + "\n") }
    static func print(_ json: JSONValue) { print(json.description) }

    static func write(_ descriptor: Int32, _ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            // Nobody reads any more: there is nobody to tell.
            guard written > 0 else { exit(1) }
            rest = rest.dropFirst(written)
        }
    }

    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Colour only on a terminal, and never where NO_COLOR is set.
    static var hasColour: Bool { isTerminal && getenv("NO_COLOR") == nil }

    /// Columns and rows of the terminal; 80 by 24 where there is none.
    static var size: (width: Int, height: Int) {
        var window = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col >= 20, window.ws_row >= 5 else {
            return (80, 24)
        }
        return (Int(window.ws_col), Int(window.ws_row))
    }

    /// Asks a yes-or-no question on the terminal; without one the answer is no.
    static func confirm(_ question: String) -> Bool {
        guard isatty(STDIN_FILENO) == 1 else { return false }
        write(STDERR_FILENO, question + " [y/N] ")
        guard let answer = readLine() else { return false }
        return ["y", "yes"].contains(answer.lowercased())
    }
}

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

    mutating func add(_ cells: String...) { rows.append(cells) }

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
