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
        try await eventually("no process of it is left") {
            !TestFiles.names(in: "/proc").contains {
                TestFiles.text("/proc/\($0)/cmdline")?.contains(folder.path) == true
            }
        }
    }

    /// What does not depend on the moment: numbers become `#`, bars and runs of spaces are shortened, rows are cut where
    /// they do not fit, and of a device only its name and state are left.
    static func masked(_ screen: [String]) -> [String] {
        var rows: [String] = []
        var isDevice = false
        for row in screen {
            var words = row.split(separator: " ").map(mask)
            if isDevice, row.hasPrefix("  ") { words = Array(words.prefix(2)) }
            if row.hasPrefix("DEVICES") { isDevice = true }
            // The clock's source is the machine's, what follows a truncation or a rate moves with the width of numbers.
            if rows.isEmpty, words.count > 4 { words = words.prefix(4) + words.suffix(2) }
            if let cut = words.firstIndex(where: { $0.hasSuffix("~") || $0.hasSuffix("/s,") || $0.hasPrefix("mqtt:") })
            {
                words = Array(words[..<cut])
            }
            rows.append(words.joined(separator: " "))
        }
        while rows.last?.isEmpty == true { rows.removeLast() }
        return rows
    }

    private static func mask(_ word: Substring) -> String {
        if word.hasPrefix("["), word.hasSuffix("]") { return "[bar]" }
        if word == "kB" { return "MB" }
        var text = ""
        for character in word {
            let continues = text.last == "#" && (character == "." || character == ":")
            if character.isASCII && character.isNumber || continues {
                if text.last != "#" { text.append("#") }
            } else {
                text.append(character)
            }
        }
        return text
    }

    static let snapshot: [String] = """
        demo up # clock ALL WELL

        FIELD ------------> DRIVERS ----------> OUTBOX on disk ---> BROKER
        # of # answer # of # buses run # to be sent # of # connected
        # readings/s busiest load # % # MB of # MB # delivered
        # meters, # lamps # restarts # not yet on disk

        NO ALARMS
        BUSES
        meters running load # % [bar] # of # answer modbus rs#-#
        lamps running load # % [bar] # of # answer dali rs#-#
        UPLINKS
        head-end connected # batches wait, # in flight
        DEVICES (# well, # not; last answer, values)
        feeder-a online
        flat online
        supply online
        workshop online
        heat online
        lamp-# online
        lamp-# online
        lamp-# online
        lamp-# online
        ... #
        """.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
}
