import TestSupport
import Testing

/// What a person meets first; every word of it was read once.
struct HelpTests {
    @Test(arguments: [
        "", "status", "devices", "top", "read", "write", "lamp", "lamp set", "lamp off", "lamp max", "lamp identify",
        "lamp release", "lamp scan", "lamp commission", "lamp query", "lamp memory", "lamp replace", "config",
        "config check", "config show", "queue", "queue status",
        "why", "events", "report", "trace", "raw", "sniff", "scan", "plan", "profile", "profile list", "profile show",
        "profile check", "profile try", "profile corrections", "device", "device exchange", "lighting", "lighting show",
        "lighting explain",
        "lock",
        "unlock", "lamp faults",
    ])
    func `the help of each command is the one that was looked at`(command: String) async throws {
        let words = command.split(separator: " ").map(String.init)
        let shown = try await Candela.run(words + ["--help"])
        #expect(shown.status == 0)
        #expect(
            shown.lines.allSatisfy { $0.count <= 80 || $0.hasPrefix("USAGE: ") },
            "wider than a terminal:\n\(shown.text)")
        Snapshot.expect(shown.text, is: (["help"] + words).joined(separator: "-"))
    }
}
