import CLinux
import Glibc
import Synchronization

/// Set by a signal; looked at between two frames.
// Process-wide because a signal handler can reach nothing else.
private let stopSignal = Atomic<Bool>(false)

/// The terminal while `top` runs: its other screen, no cursor, no echo; everything as before when it is left.
struct TopScreen: ~Copyable {
    private let isLive: Bool
    private let hasColour: Bool
    private var before: termios?
    private var keysEnded = false
    private var isFirst = true

    /// - Parameters:
    ///   - isLive: the frames replace each other on a terminal.
    ///   - style: headings and troubles stand out.
    init(isLive: Bool, style: Bool) {
        self.isLive = isLive
        hasColour = style
    }

    mutating func enter() {
        guard isLive else { return }
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number) { _ in stopSignal.store(true, ordering: .relaxed) } }
        var settings = termios()
        if isatty(STDIN_FILENO) == 1, tcgetattr(STDIN_FILENO, &settings) == 0 {
            before = settings
            settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
            tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        } else {
            keysEnded = true
        }
        Output.write(STDOUT_FILENO, "\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J")
    }

    mutating func leave() {
        guard isLive else { return }
        Output.write(STDOUT_FILENO, "\u{1B}[?25h\u{1B}[?1049l")
        if var settings = before { tcsetattr(STDIN_FILENO, TCSANOW, &settings) }
        before = nil
    }

    /// A signal came, or somebody pressed q.
    var wantsToEnd: Bool {
        mutating get {
            if stopSignal.load(ordering: .relaxed) { return true }
            guard isLive, !keysEnded else { return false }
            var polled = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 0) > 0 else { return false }
            var keys = [UInt8](repeating: 0, count: 64)
            let count = read(STDIN_FILENO, &keys, keys.count)
            if count <= 0 {
                keysEnded = true
                return false
            }
            return keys[..<count].contains { $0 == UInt8(ascii: "q") || $0 == UInt8(ascii: "Q") }
        }
    }

    /// Shows a frame made for the size the terminal has now.
    mutating func draw(_ frame: (_ width: Int, _ height: Int) -> [TopLine]) {
        let (width, height) = Output.size
        let lines = frame(width, height)
        guard isLive else {
            if !isFirst { Output.print("") }
            isFirst = false
            Output.print(lines.map(\.text).joined(separator: "\n"))
            return
        }
        // One write per frame, nothing cleared that is not drawn again: no flicker. A full line is not cleared behind its
        // end, where some terminals would take its last character away.
        let drawn = lines.map { line in
            let text = line.text.count < width ? line.text + "\u{1B}[K" : line.text
            return hasColour ? line.style.start + text + line.style.end : text
        }
        Output.write(
            STDOUT_FILENO, "\u{1B}[H" + drawn.joined(separator: "\r\n") + (lines.count < height ? "\r\n\u{1B}[J" : ""))
    }
}

extension TopLine.Style {
    var start: String {
        switch self {
        case .plain: ""
        case .heading: "\u{1B}[1m"
        case .trouble: "\u{1B}[31m"
        }
    }

    var end: String { self == .plain ? "" : "\u{1B}[0m" }
}
