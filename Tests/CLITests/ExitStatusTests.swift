import TestSupport
import Testing

/// 0 done, 1 failed or unhealthy, 2 wrong usage, 3 no daemon, 4 the device did not answer.
struct ExitStatusTests {
    static let nowhere = "/nonexistent/candela/control.sock"

    @Test(arguments: [
        (["--version"], 0, ""), ([], 0, "USAGE: candela"), (["nonsense"], 2, "nonsense"), (["read"], 2, "<device>"),
        (["status", "--colour"], 2, "--colour"), (["lamp", "set", "lamp-1", "60", "--for", "2x"], 2, "--for"),
        (["top", "--interval", "5"], 2, "--interval"),
        (["config", "check", "/nonexistent/gateway.yaml"], 2, "error: "),
        (["config", "show", "/nonexistent/gateway.yaml"], 2, "nothing to show"),
        (["status", "--socket", nowhere], 3, "start the daemon"),
        (["devices", "--socket", nowhere], 3, "start the daemon"),
        (["queue", "--socket", nowhere], 3, "start the daemon"),
        (["top", "--once", "--socket", nowhere], 3, "start the daemon"),
        (["read", "feeder-a", "--socket", nowhere], 3, "start the daemon"),
        (["lamp", "off", "lamp-1", "--socket", nowhere], 3, "start the daemon"),
        (["write", "feeder-a", "setpoint", "1"], 2, "add --yes"),
    ])
    func `without a daemon each command ends as documented`(arguments: [String], status: Int32, says: String)
        async throws
    {
        let ended = try await Candela.run(arguments)
        #expect(ended.status == status, "\(arguments): \(ended.text)")
        #expect(says.isEmpty || ended.text.contains(says), "\(ended.text)")
    }

    @Test(arguments: [
        (["status"], 1, "NOT HEALTHY"), (["queue"], 0, "1042"), (["devices"], 0, "lamp-024"),
        (["devices", "nobody"], 2, "no device nobody"),
        (["read", "feeder-a"], 0, "1234.5"), (["read", "nobody"], 2, "no device nobody"),
        (["read", "feeder-b"], 4, "did not answer"), (["read", "feeder-a", "frequency"], 4, "did not answer"),
        (["write", "--yes", "lamp-001", "level", "60"], 0, "verified"),
        (["write", "--yes", "lamp-001", "level", "999"], 1, "outOfRange"),
        (["write", "--yes", "lamp-001", "level", "14"], 1, "the gear shows"),
        (["write", "--yes", "lamp-001", "level", "13"], 4, "noAnswer"),
        (["write", "--yes", "lamp-001", "leve", "60"], 2, "did you mean level?"),
        (["lamp", "set", "north-side", "60%", "--for", "90min"], 0, "set north-side 60% 5400 s"),
        (["lamp", "off", "lamp-001"], 0, "off lamp-001"), (["lamp", "max", "lamp-001"], 0, "max lamp-001"),
        (["lamp", "identify", "lamp-001"], 0, "identify"),
        (["lamp", "release", "north-side"], 0, "release north-side"),
        (["lamp", "set", "lamp-001", "999"], 1, "rejected"), (["top", "--once"], 0, "FIELD"),
        (["top", "--seconds", "0"], 0, ""),
    ])
    func `with a daemon each command ends as documented`(arguments: [String], status: Int32, says: String) async throws
    {
        try await FakeDaemon.with { socket in
            let ended = try await Candela.run(arguments + ["--socket", socket])
            #expect(ended.status == status, "\(arguments): \(ended.text)")
            #expect(says.isEmpty || ended.text.contains(says), "\(ended.text)")
        }
    }

    @Test func `a healthy gateway ends status with 0`() async throws {
        try await FakeDaemon.with(Canned.well) { socket in
            let ended = try await Candela.run(["status", "--socket", socket])
            #expect(ended.status == 0, "\(ended.text)")
            #expect(ended.lines.contains("HEALTHY"))
        }
    }

    @Test func `the socket may be named by CANDELA_SOCKET`() async throws {
        try await FakeDaemon.with(Canned.well) { socket in
            let ended = try await Candela.run(["status"], environment: ["CANDELA_SOCKET": socket])
            #expect(ended.status == 0, "\(ended.text)")
        }
    }
}
