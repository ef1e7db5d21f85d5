import ControlProtocol
import Telemetry
import TestSupport
import Testing

/// What people see.
struct ViewTests {
    @Test(arguments: [
        ("status", ["status"]), ("devices", ["devices"]), ("device", ["devices", "feeder-a"]),
        ("queue", ["queue", "status"]),
        ("read", ["read", "feeder-a", "voltage.L1", "active_power", "frequency"]),
        ("lamp", ["lamp", "set", "north-side", "60"]),
        ("lock", ["lock", "all", "--for", "2h", "--reason", "contactor"]), ("unlock", ["unlock", "all"]),
        ("lighting", ["lighting", "show"]), ("explain", ["lighting", "explain", "lamp-001"]),
        ("faults", ["lamp", "faults"]),
    ])
    func `each table is the one that was looked at`(name: String, arguments: [String]) async throws {
        try await FakeDaemon.with { socket in
            Snapshot.expect(try await Candela.run(arguments + ["--socket", socket]).text, is: "view-" + name)
        }
    }

    @Test(arguments: [(80, 24), (120, 40), (60, 12), (20, 5), (200, 60)])
    func `a frame of top fits its terminal`(width: Int, height: Int) async throws {
        try await FakeDaemon.with { socket in
            let size = ["COLUMNS": "\(width)", "LINES": "\(height)"]
            let frame = try await Candela.run(["top", "--once", "--socket", socket], environment: size)
            #expect(frame.lines.count <= height)
            #expect(frame.lines.allSatisfy { $0.count <= width }, "\(frame.text)")
            Snapshot.expect(frame.text, is: "top-\(width)x\(height)")
        }
    }

    @Test func `a frame of a gateway where all is well`() async throws {
        try await FakeDaemon.with(Canned.well) { socket in
            Snapshot.expect(try await Candela.run(["top", "--once", "--socket", socket]).text, is: "top-well")
        }
    }

    @Test func `troubles stand first and what has no room is counted`() async throws {
        try await FakeDaemon.with { socket in
            let lines = try await Candela.run(["top", "--once", "--socket", socket]).lines
            let devices = try #require(lines.firstIndex { $0.hasPrefix("DEVICES") })
            #expect(lines[devices + 1].hasPrefix("! feeder-b"))
            #expect(lines.last?.hasSuffix("more") == true)
        }
    }

    @Test func `no view shows a value of a household`() async throws {
        var snapshot = Canned.snapshot
        let index = try #require(snapshot.devices.devices.firstIndex { $0.household })
        var planted = ControlPointValue()
        planted.point = "active_power"
        planted.value = "31337.25"
        planted.quality = "good"
        snapshot.devices.devices[index].points = [planted]
        try await FakeDaemon.with(snapshot) { socket in
            let wide = ["COLUMNS": "200", "LINES": "100"]
            for arguments in [["top", "--once"], ["devices"], ["devices", "flat-3"], ["status"]] {
                let shown = try await Candela.run(arguments + ["--socket", socket], environment: wide)
                #expect(!shown.text.contains("31337"), "\(arguments)")
            }
        }
    }

    @Test func `what a device says cannot command the terminal`() async throws {
        var snapshot = Canned.snapshot
        snapshot.devices.devices[0].points[4].value = JSONValue.string("\u{1B}[2J\u{9B}31mred\u{7}").description
        snapshot.devices.devices[1].detail = "\u{1B}]0;owned\u{7}"
        snapshot.status.alarms[0].detail = "\u{1B}[31m"
        try await FakeDaemon.with(snapshot) { socket in
            for arguments in [
                ["top", "--once"], ["devices"], ["devices", "feeder-a"], ["status"], ["read", "feeder-a"],
            ] {
                let shown = try await Candela.run(arguments + ["--socket", socket])
                let controls = shown.text.unicodeScalars.filter {
                    ($0.value < 0x20 && $0 != "\n") || (0x7F...0x9F).contains($0.value)
                }
                #expect(controls.isEmpty, "\(arguments)")
            }
        }
    }
}
