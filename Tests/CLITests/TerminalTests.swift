import CLinux
import TestSupport
import Testing

/// On a terminal: asking, the live view, and leaving everything as it was.
struct TerminalTests {
    private static let otherScreen = "\u{1B}[?1049h"
    private static let ownScreen = "\u{1B}[?25h\u{1B}[?1049l"

    @Test(arguments: [nil, SIGINT, SIGTERM, SIGHUP])
    func `top gives the terminal back however it ends`(signal: Int32?) async throws {
        try await FakeDaemon.with { socket in
            let top = try TerminalProcess(
                Project.program("candela"), ["top", "--interval", "200ms", "--socket", socket])
            try await eventually("a frame", within: TerminalProcess.patience) { top.text.contains("NOT WELL") }
            #expect(top.text.hasPrefix(Self.otherScreen))
            #expect(!top.isCooked)
            if let signal { top.signal(signal) } else { top.type("q") }
            #expect(try await top.exitStatus() == 0)
            #expect(top.text.hasSuffix(Self.ownScreen))
            #expect(top.isCooked)
        }
    }

    @Test func `top gives the terminal back when the daemon goes away`() async throws {
        let daemon = try FakeDaemon()
        let top = try TerminalProcess(Project.program("candela"), ["top", "--socket", daemon.socket])
        try await eventually("a frame", within: TerminalProcess.patience) { top.text.contains("NOT WELL") }
        await daemon.stop()
        #expect(try await top.exitStatus() == 3)
        #expect(top.isCooked)
        let end = try #require(top.text.components(after: Self.ownScreen))
        #expect(end.contains("closed the connection"))
    }

    @Test func `write asks, tells what stands there now, and obeys a no`() async throws {
        try await FakeDaemon.with { socket in
            let arguments = ["write", "lamp-001", "level", "60", "--socket", socket]
            let refused = try TerminalProcess(Project.program("candela"), arguments)
            try await eventually("the question", within: TerminalProcess.patience) {
                refused.text.contains("Write 60 to level of lamp-001 (now 60 %)? [y/N]")
            }
            refused.type("n\n")
            #expect(try await refused.exitStatus() == 1)
            #expect(refused.text.contains("nothing was written"))

            let agreed = try TerminalProcess(Project.program("candela"), arguments)
            try await eventually("the question", within: TerminalProcess.patience) { agreed.text.contains("[y/N]") }
            agreed.type("y\n")
            #expect(try await agreed.exitStatus() == 0)
            #expect(agreed.text.contains("verified"))
        }
    }
}

extension String {
    /// What follows the last `mark`.
    fileprivate func components(after mark: String) -> String? {
        let (text, sought) = (Array(utf8), Array(mark.utf8))
        guard text.count >= sought.count else { return nil }
        for start in (0...(text.count - sought.count)).reversed()
        where Array(text[start..<start + sought.count]) == sought {
            return String(decoding: text[(start + sought.count)...], as: UTF8.self)
        }
        return nil
    }
}
