import CLinux
import Glibc
import Telemetry

/// Writing to the person's terminal.
enum Output {
    /// A text of one or more lines. What a device or driver said may stand in it, so it is made harmless for a terminal.
    static func print(_ text: String) { write(STDOUT_FILENO, clean(text) + "\n") }
    static func complain(_ text: String) { write(STDERR_FILENO, clean(text) + "\n") }

    private static func clean(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map(Formats.clean).joined(separator: "\n")
    }

    static func print(_ json: JSONValue) { write(STDOUT_FILENO, json.description + "\n") }

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

    /// Columns and rows of the terminal; where there is none, COLUMNS and LINES, or 80 by 24.
    static var size: (width: Int, height: Int) {
        var window = winsize()
        if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 {
            return (Int(window.ws_col), Int(window.ws_row))
        }
        return (environment("COLUMNS") ?? 80, environment("LINES") ?? 24)
    }

    private static func environment(_ name: String) -> Int? {
        guard let text = getenv(name), let number = Int(String(cString: text)), (1...1000).contains(number) else {
            return nil
        }
        return number
    }

    /// Whether somebody is there who can be asked.
    static var canAsk: Bool { isatty(STDIN_FILENO) == 1 }

    /// Asks a yes-or-no question on the terminal; without one the answer is no.
    static func confirm(_ question: String) -> Bool {
        guard canAsk else { return false }
        write(STDERR_FILENO, Formats.clean(question) + " [y/N] ")
        guard let answer = readLine() else { return false }
        return ["y", "yes"].contains(answer.lowercased())
    }
}
