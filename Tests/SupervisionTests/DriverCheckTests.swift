import Glibc
import TestSupport
import Testing

/// The conformance kit for drivers: sound ones pass, and each kind of bad one is caught at its duty.
@Suite(.timeLimit(.minutes(5))) struct DriverCheckTests {
    private static let kit = Project.root + "/scripts/driver-check"
    private static let example = Project.root + "/docs/examples/python-driver"
    private static let running = [
        "--port", "any", "--idle-port", "missing", "--device", #"{"address": 1}"#, "--profile",
        example + "/Profiles/demo-heater.yaml", "--point", "1", "--value", "30",
    ]

    @Test func `the example driver keeps every duty`() async throws {
        let checked = try await run(Self.kit, [Self.example] + Self.running, within: .seconds(200))
        #expect(checked.status == 0, "\(checked.lines.joined(separator: "\n"))")
        #expect(checked.lines.last == "demo: 30 duties kept, 0 not kept, 0 left out")
    }

    @Test(arguments: ["Modbus", "DALI"])
    func `our own drivers keep every duty that needs no port`(name: String) async throws {
        let checked = try await run(
            Self.kit,
            [
                Project.root + "/Drivers/" + name, "--executable",
                Project.program("candela-driver-" + name.lowercased()),
            ], within: .seconds(200))
        #expect(checked.status == 0, "\(checked.lines.joined(separator: "\n"))")
        #expect(checked.lines.last?.contains("14 duties kept, 0 not kept") == true)
    }

    /// The example driver with one change for the worse, and the duty that it breaks.
    @Test(arguments: [
        ("if __name__ ==", "print('ready', flush=True)\nif __name__ ==", "says hello first"),
        ("protocol_version\": wire.VERSION", "protocol_version\": 2", "says hello first"),
        ("NAME, DRIVER_VERSION = \"demo\"", "NAME, DRIVER_VERSION = \"omed\"", "says hello first"),
        (
            "        frames = wire.Frames()", "        frames = wire.Frames(); self.send(heartbeat={\"turns\": 1})",
            "nothing before"
        ),
        ("!= wire.VERSION:", "== 7:", "another version"),
        (
            "diagnostics, described, addresses = [], [], {}",
            "diagnostics, described, addresses = [], [], {}; time.sleep(4)", "no I/O"
        ),
        ("diagnostics += unknown_keys", "unknown_keys", "unknown key of the bus"),
        ("\"index\": index, \"usable\": usable", "\"index\": 5, \"usable\": usable", "each device once"),
        ("\"failure\": \"the port is not open yet\"", "\"failure\": \"\"", "query before Start"),
        ("elif name != \"count\":", "elif name == \"\":", "a task that it does not know"),
        ("return  # The runtime has gone", "continue  # The runtime has gone", "before any message"),
        ("if self.read_only:", "if False:", "read_only"),
        ("self.tracing = bool(message.get(\"on\"))", "self.tracing = False", "traces"),
        ("\"mantissa\": [values[p][0] for p in points]", "\"mantissa\": [1]", "columns fit"),
        ("self.turns += 1", "self.turns -= 1", "turns only rise"),
        (
            "    def shutdown(self, _=None):", "    def shutdown(self, _=None):\n        sys.exit(3)",
            "Shutdown while it runs"
        ),
        ("self.send(statistics=", "str(", "answers statistics"),
    ])
    func `a driver that breaks a duty is caught at it`(before: String, after: String, duty: String) async throws {
        let folder = TemporaryFolder()
        let source = try #require(TestFiles.text(Self.example + "/demo-driver"))
        #expect(source.contains(before), "the example driver has changed: \(before)")
        let parts = source.components(around: before)
        _ = folder.write("candela_wire.py", TestFiles.text(Self.example + "/candela_wire.py") ?? "")
        _ = folder.write("driver.yaml", TestFiles.text(Self.example + "/driver.yaml") ?? "")
        _ = folder.write("demo-driver", parts.joined(separator: after))
        let checked = try await run(
            Self.kit, [folder.path] + Self.running + ["--only", duty], within: .seconds(100))
        #expect(checked.status == 1, "\(checked.lines.joined(separator: "\n"))")
        #expect(checked.lines.first?.hasPrefix("NOT KEPT") == true, "\(checked.lines.joined(separator: "\n"))")
    }

    @Test func `what is no program is said so`() async throws {
        let checked = try await run(Self.kit, ["/nonexistent/driver"])
        #expect(checked.status == 2)
    }
}

extension String {
    /// What stands before and behind the first place of `text`.
    fileprivate func components(around text: String) -> [String] {
        let (whole, part) = (Array(utf8), Array(text.utf8))
        for start in 0...max(0, whole.count - part.count) where Array(whole[start..<(start + part.count)]) == part {
            return [
                String(decoding: whole[..<start], as: UTF8.self),
                String(decoding: whole[(start + part.count)...], as: UTF8.self),
            ]
        }
        return [self]
    }
}
