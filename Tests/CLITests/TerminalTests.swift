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
    @Test func `a walk goes from lamp to lamp, takes names and writes nothing before its end`() async throws {
        let folder = TemporaryFolder("candela-cli")
        try await FakeDaemon.with { socket in
            let file = folder("lamps.yaml")
            let walk = try TerminalProcess(
                Project.program("candela"),
                ["lamp", "identify", "--walk", "lamps", "--write", file, "--socket", socket])
            try await eventually("the first lamp", within: TerminalProcess.patience) {
                walk.text.contains("short address 0 blinks. Name [lamp-001]: ")
            }
            walk.type("Main Street\n")
            try await eventually("what a name is", within: TerminalProcess.patience) {
                walk.text.contains("a name is 1 to 64 of")
            }
            #expect(TestFiles.text(file) == nil)
            walk.type("main-street-1\n")
            try await eventually("the second lamp", within: TerminalProcess.patience) {
                walk.text.contains("2 of 2, short address 5 blinks. Name [lamp-005]: ")
            }
            walk.type("\n")
            #expect(try await walk.exitStatus() == 0)
            let written = try #require(TestFiles.text(file))
            #expect(
                written.contains(
                    "  main-street-1: {bus: lamps, address: 0, profile: dali-d4i, gear: 9900000004242/70001, was: lamp-001}\n"
                        + "  lamp-005: {bus: lamps, address: 5, profile: dali-luminaire}\n"), "\(written)")
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
