import ControlProtocol
import Glibc
import Telemetry
import TestSupport
import Testing

/// The technician's tools with a daemon.
struct ToolTests {
    private func run(_ arguments: [String], merged: Bool = true) async throws -> Candela {
        try await FakeDaemon.with { socket in try await Candela.run(arguments + ["--socket", socket], merged: merged) }
    }

    @Test(arguments: [
        ("why", ["why", "feeder-b"], 1), ("why-well", ["why", "feeder-a"], 0), ("events", ["events"], 0),
        ("raw", ["raw", "meters", "--unit", "1", "--function", "3", "--at", "0x0000", "--count", "2"], 0),
        ("raw-lamps", ["raw", "lamps", "--frame", "A3 QUERY STATUS"], 0),
        ("lamp-scan", ["lamp", "scan", "lamps"], 0),
        ("lamp-commission", ["lamp", "commission", "lamps", "--yes"], 1),
        ("lamp-query", ["lamp", "query", "lamp-001"], 0), ("lamp-memory", ["lamp", "memory", "lamp-001", "202"], 0),
        ("lamp-replace", ["lamp", "replace", "lamp-001", "--yes"], 0),
        ("scan", ["scan", "meters"], 0), ("trace", ["trace", "meters", "--seconds", "1"], 0),
    ])
    func `each tool shows what was looked at`(name: String, arguments: [String], status: Int32) async throws {
        let shown = try await run(arguments)
        #expect(shown.status == status, "\(shown.text)")
        Snapshot.expect(shown.text, is: "tool-" + name)
        if name.hasPrefix("why") {
            #expect(
                shown.text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "at most 80 columns: \(shown.text)")
        }
    }

    @Test(arguments: [
        (["raw", "meters", "--unit", "9", "--function", "3", "--at", "0"], 4, "no answer"),
        (["raw", "meters", "--unit", "1", "--function", "6", "--at", "0", "--values", "5"], 2, "add --write"),
        (["raw", "meters", "--unit", "1", "--function", "66"], 2, "may write"),
        (["raw", "meters", "--unit", "1", "--function", "6", "--at", "0", "--values", "5", "--write"], 2, "add --yes"),
        (["raw", "meters", "--unit", "300", "--function", "3"], 2, "0 to 255"),
        (["raw", "meters", "--unit", "1", "--function", "3", "--baud", "9600"], 2, "go with a port"),
        (["raw", "--unit", "1", "--function", "3"], 2, "which bus?"),
        (["raw", "lamps", "--frame", "A3 OFF"], 2, "add --write"),
        (["raw", "lamps", "--frame", "05 A0"], 0, "A3 QUERY STATUS"),
        (["raw", "lamps", "--frame", "all OFF", "--write"], 2, "add --yes"),
        (["raw", "lamps", "--frame", "A3 OFF", "--unit", "1"], 2, "stands alone"),
        (["raw", "lamps"], 2, "--frame for DALI"),
        (["lamp", "commission", "lamps"], 2, "00:01:40; 2 lamps"),
        (["lamp", "commission", "lamps", "--first", "64"], 2, "0 to 63"),
        (["lamp", "scan", "lamps", "--addresses", "60-64"], 2, "0 to 63"),
        (["lamp", "query", "nobody"], 2, "no device nobody"), (["lamp", "replace", "lamp-001"], 2, "add --yes"),
        (["lamp", "identify"], 2, "--walk BUS"), (["lamp", "identify", "lamp-001", "--write", "x"], 2, "--walk"),
        (["scan", "meters", "--parities", "odds"], 2, "not \"odds\""),
        (["scan", "meters", "--bauds", "19200"], 2, "add --yes"),
        (["scan", "meters", "--addresses", "9-1"], 2, "--addresses"),
        (["scan", "meters", "--bauds", "19200", "--yes"], 0, "3 devices"),
        (["sniff", "meters", "--yes", "--seconds", "x"], 2, "--seconds"),
        (["why", "lamp-001"], 1, "fault        feeder_dead of f1 since"),
        (["events", "--since", "yesterday"], 2, "neither a time nor a span"),
        (["events", "--since", "2h"], 0, "device_offline"),
        (["events", "--device", "nobody"], 0, "no events"),
        (["device", "exchange", "feeder-a", "--final", "48151.6", "--initial", "0.3"], 2, "add --yes"),
        (["device", "exchange", "feeder-a", "--final", "much", "--initial", "0.3", "--yes"], 2, "no display"),
        (
            ["device", "exchange", "feeder-a", "--final", "48151.6", "--initial", "0.3", "--serial", "20117", "--yes"],
            0,
            "48151.6 to 0.3, serial 20117"
        ), (["why", "nobody"], 2, "no device nobody"), (["report", "--reading", "feeder-a"], 2, "DEVICE=DISPLAY"),
        (["report", "--reading", "nobody=1"], 2, "no device nobody"),
        (["report", "--reading", "feeder-a/voltage.L1=230.0"], 0, "agrees"),
        (["report", "--reading", "feeder-a/voltage.L1=231"], 1, "DIFFERS"),
        (["report", "--lamps"], 0, "FADE TIME"),
    ])
    func `each tool ends as documented`(arguments: [String], status: Int32, says: String) async throws {
        let ended = try await run(arguments)
        #expect(ended.status == status, "\(arguments): \(ended.text)")
        #expect(ended.text.contains(says), "\(ended.text)")
    }

    @Test func `what was found is written into a new file, and into no other`() async throws {
        let folder = TemporaryFolder("candela-cli")
        let first = try await run(["scan", "meters", "--write", folder("found.yaml")])
        #expect(first.status == 0, "\(first.text)")
        let written = try #require(TestFiles.text(folder("found.yaml")))
        #expect(
            written
                == "# Found by candela scan; check each entry before it is used.\ndevices:\n  meter-7: {bus: meters, address: 7, profile: eastron-sdm120}\n"
        )
        let second = try await run(["scan", "meters", "--write", folder("found.yaml")])
        #expect(second.status == 2)
        #expect(second.text.contains("there already"))
        #expect(TestFiles.text(folder("found.yaml")) == written)
    }

    @Test(arguments: [SIGINT, SIGTERM]) func `Ctrl-C ends a sniff, and the driver's summary is still shown`(
        signal: Int32
    ) async throws {
        let daemon = try FakeDaemon()
        let process = try ChildProcess(
            Project.program("candela"), ["sniff", "meters", "--yes", "--socket", daemon.socket], merged: true)
        try await process.line(containing: "nothing is sent")
        process.signal(signal)
        #expect(try await process.exitStatus() == 0)
        #expect(process.lines.contains { $0.contains("called off") })
        #expect(process.lines.contains { $0.hasPrefix("frames") && $0.hasSuffix(" 17") }, "\(process.lines)")
        await daemon.stop()
    }

    // MARK: - Reports

    /// The length of the text decides how it is padded: 64 in a row meet every case.
    @Test(arguments: Array(stride(from: 0, to: 64, by: 9))) func `the hash under a report is its SHA-256`(length: Int)
        async throws
    {
        let shown = try await run(["report", "--by", String(repeating: "x", count: length)], merged: false)
        let last = try #require(shown.lines.last)
        let folder = TemporaryFolder("candela-cli")
        let file = folder.write("report", shown.lines.dropLast().map { $0 + "\n" }.joined())
        let hashed = try await TestSupport.run("/usr/bin/sha256sum", [file])
        #expect(last == "sha256 " + (hashed.lines.first?.split(separator: " ").first ?? "?"))
    }

    @Test func `a report shows no value of a household`() async throws {
        var snapshot = Canned.snapshot
        let index = try #require(snapshot.devices.devices.firstIndex { $0.household })
        snapshot.devices.devices[index].points = [snapshot.devices.devices[0].points[2]]
        snapshot.devices.devices[index].points[0].value = "31337.25"
        try await FakeDaemon.with(snapshot) { socket in
            let shown = try await Candela.run(
                ["report", "--reading", "flat-3=31337.2", "--socket", socket])
            #expect(shown.status == 0, "\(shown.text)")
            #expect(shown.text.contains("agrees"))
            #expect(!shown.text.contains("31337"))
        }
    }

    // MARK: - Captures

    private static let tshark = "/usr/bin/tshark"

    @Test(.enabled(if: access(tshark, X_OK) == 0, "tshark is not installed"))
    func `tshark decodes a capture as Modbus, and finds nothing wrong in it`() async throws {
        let folder = TemporaryFolder("candela-cli")
        let file = folder("bus.pcap")
        let traced = try await run(["trace", "meters", "--seconds", "1", "--pcap", file])
        #expect(traced.status == 0, "\(traced.text)")
        // The record without bytes and the household's are not in it.
        #expect(traced.text.contains("4 frames written"), "\(traced.text)")
        let home = ["HOME": folder.path, "PATH": "/usr/bin:/bin"]
        let decoded = try await TestSupport.run(
            Self.tshark,
            [
                "-r", file, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields", "-E",
                "separator=;", "-e", "frame.protocols", "-e", "mbtcp.unit_id", "-e", "modbus.func_code", "-e",
                "modbus.reference_num", "-e", "modbus.regval_uint16", "-e", "tcp.checksum.status", "-e",
                "ip.checksum.status",
            ], environment: home)
        #expect(
            decoded.lines.filter { $0.contains("eth:") } == [
                "eth:ethertype:ip:tcp:mbtcp:modbus;1;4;0;;1;1",
                "eth:ethertype:ip:tcp:mbtcp:modbus;1;4;;17254,6554;1;1",
                "eth:ethertype:ip:tcp:mbtcp:modbus;2;4;0;;1;1", "eth:ethertype:ip:udp:data;;;;;;1",
            ], "\(decoded.lines)")
    }

    @Test func `a capture overwrites no file`() async throws {
        let folder = TemporaryFolder("candela-cli")
        let file = folder.write("bus.pcap", "precious")
        let traced = try await run(["trace", "meters", "--seconds", "1", "--pcap", file])
        #expect(traced.status == 2)
        #expect(TestFiles.text(file) == "precious")
    }

    @Test func `a trace of one device shows no other`() async throws {
        let traced = try await run(["trace", "meters", "--device", "feeder-b", "--seconds", "1", "--json"])
        let devices = traced.lines.compactMap { (try? JSONValue(parsing: $0))?["device"]?.text }
        #expect(devices == ["feeder-b", "feeder-b"], "\(traced.text)")
    }
}
