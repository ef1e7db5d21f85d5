import Glibc
import TestSupport
import Testing

/// What a newcomer sees after `scripts/run`, on a terminal of 80 columns and 24 rows.
@Suite(.serialized) struct `The run script on a terminal` {
    static let hasTerminal = ["/usr/bin/tmux", "/usr/local/bin/tmux"].contains { TestFiles.exists($0) }

    @Test(.enabled(if: hasTerminal, "tmux is not installed; it plays the terminal"))
    func `a newcomer sees what flows where`() async throws {
        let folder = TemporaryFolder("candela-run-test")
        TestFiles.makeFolder(folder("tmp"))
        let tmux = ["-S", folder("tmux"), "-f", "/dev/null"]
        let programs = "CANDELA_RUN_BIN='\(Project.programs)' TMPDIR='\(folder("tmp"))'"
        let command =
            "env \(programs) TERM=screen '\(Project.root)/scripts/run' --seconds 40; echo status=$?; exec sleep 60"
        let started = try await run("tmux", tmux + ["new-session", "-d", "-x", "80", "-y", "24", command])
        try #require(started.status == 0, "\(started.lines)")
        var screen: [String] = []
        do {
            try await eventually("the screen of the snapshot", within: .seconds(35)) {
                screen = try await run("tmux", tmux + ["capture-pane", "-p"]).lines
                return Self.masked(screen) == Self.snapshot
            }
        } catch {
            Issue.record(
                "the last screen was\n\(screen.joined(separator: "\n"))\nmasked\n\(Self.masked(screen).joined(separator: "\n"))"
            )
        }
        #expect(screen.count <= 24 && screen.allSatisfy { $0.count <= 80 })

        try await eventually("it ends by itself", within: .seconds(60)) {
            screen = try await run("tmux", tmux + ["capture-pane", "-p"]).lines
            return screen.contains { $0.hasPrefix("status=") }
        }
        #expect(screen.contains("status=0"), "\(screen)")
        // Nothing of it is left, neither files nor processes.
        #expect(TestFiles.names(in: folder("tmp")).filter { $0.hasPrefix("candela-run") } == [])
        _ = try await run("tmux", tmux + ["kill-server"])
        let left = TestFiles.names(in: "/proc").filter {
            TestFiles.text("/proc/\($0)/cmdline")?.contains(folder.path) == true
        }
        #expect(left == [])
    }

    /// Numbers become `#`, runs of spaces one space: values move, columns may shift with them.
    static func masked(_ screen: [String]) -> [String] {
        var rows = screen.map { row in
            var text = ""
            for character in row {
                let isNumber = character.isASCII && character.isNumber
                let continues = text.last == "#" && (character == "." || character == ":" || character == ",")
                if isNumber || continues {
                    if text.last != "#" { text.append("#") }
                } else if character != " " || text.last != " " {
                    text.append(character)
                }
            }
            while text.last == " " { text.removeLast() }
            return text
        }
        while rows.last?.isEmpty == true { rows.removeLast() }
        return rows
    }

    static let snapshot: [String] = """
        PLACEHOLDER
        """.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
}
