import Glibc
import Telemetry
import TestSupport
import Testing

/// The day on which a site is put into operation, command by command as docs/commissioning.md has it, with our programs on a
/// simulated street: nothing is known of it but which port is what.
///
/// The bus has its true speed: `scripts/soak --only commissioning` does it with 64 lamps and ten meters and keeps the transcript;
/// CANDELA_COMMISSIONING_LAMPS=5 is a short day with two meters.
@Suite(
    .serialized, .timeLimit(.minutes(30)),
    .enabled(
        if: getenv("CANDELA_COMMISSIONING_LAMPS") != nil,
        "minutes of true bus time: scripts/soak --only commissioning runs it"))
struct CommissioningDayTests {
    private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    static let lamps = environment("CANDELA_COMMISSIONING_LAMPS").flatMap { Int($0) } ?? 5
    static let meters = lamps > 8 ? 10 : 2
    static let transcript = environment("CANDELA_COMMISSIONING_TRANSCRIPT")

    /// A night on a loaded machine; a bus of 64 needs five minutes by itself.
    static let patience: Duration = .seconds(lamps > 8 ? 900 : 240)

    /// Most are as they came from the factory. Two share an address, two more will draw the same random address, and some are odd.
    static var scenario: String {
        let gear = (0..<lamps).map { index in
            let odd: [Int: String] = [
                0: #", "address": 5"#, 1: #", "address": 5"#, 2: #", "personality": ["duplicate-random"]"#,
                3: #", "personality": ["duplicate-random"]"#, 5: #", "personality": ["dali1"]"#,
                6: #", "personality": ["slow-answers"]"#, 7: #", "personality": ["no-verify", "no-random-query"]"#,
                8: #", "personality": ["keeps-random"], "random_address": "00A1B2""#,
                9: #", "personality": ["keeps-random"], "random_address": "0C0FFE""#,
            ]
            return #"{"name": "gear-\#(index)", "identification": \#(70_000 + index)\#(odd[index] ?? "")}"#
        }
        let products = ["eastron-sdm120", "abb-b23", "eastron-sdm630", "janitza-umg96rm"]
        let devices = (0..<meters).map {
            #"{"name": "m\#($0)", "product": "\#(products[$0 % products.count])", "address": \#($0 + 1), "latency_ms": 12}"#
        }
        return """
            {"seed": 23, "ports": [
              {"name": "rs485-1", "kind": "modbus", "baud": 9600, "parity": "even", "devices": [\(devices.joined(separator: ",\n"))]},
              {"name": "rs232-1", "kind": "dali", "interface": "luba", "bus": "lamps", "gear": [\(gear.joined(separator: ",\n"))]}]}
            """
    }

    /// A site in a folder: the simulator, the daemon once it is started, and what was typed and shown.
    private final class Site {
        let folder = TemporaryFolder("candela-day")
        let simulator: ChildProcess
        private(set) var daemon: ChildProcess?
        private var shown: [String] = []

        init() async throws {
            _ = mkdir(folder("devices"), 0o755)
            simulator = try ChildProcess(
                Project.program("candela-sim"),
                [
                    "--directory", folder("field"), "--until-stdin-closes", "--scenario",
                    folder.write("field.json", CommissioningDayTests.scenario),
                ])
            try await simulator.line(containing: "ready", within: .seconds(60))
            configure(including: [])
        }

        func configure(including files: [String]) {
            folder.write(
                "gateway.yaml",
                """
                gateway: {id: harbour-street, location: {latitude: 51.45, longitude: 6.73, timezone: Europe/Berlin}}
                clock: {sources: [system]}
                \(files.isEmpty ? "" : "include: [\(files.joined(separator: ", "))]\n")buses:
                  meters: {driver: modbus, port: \(folder("field"))/rs485-1, baud: 9600, parity: even}
                  lamps: {driver: dali, port: \(folder("field"))/rs232-1, interface: luba}
                """ + "\n")
        }

        /// `candela` in the site's folder.
        @discardableResult
        func candela(_ arguments: String..., typing: [String] = [], status: Int32 = 0) async throws -> [String] {
            let process = try ChildProcess(
                Project.program("candela"),
                arguments + ["--config", "gateway.yaml", "--drivers", Project.root + "/Drivers"],
                environment: ["CANDELA_SOCKET": folder("control.sock")], directory: folder.path, merged: true)
            for line in typing { process.write(line + "\n") }
            let ended = try await process.exitStatus(within: CommissioningDayTests.patience)
            note(["$ candela \(arguments.joined(separator: " "))"] + process.lines)
            #expect(
                ended == status,
                "candela \(arguments.joined(separator: " ")):\n\(process.lines.joined(separator: "\n"))")
            return process.lines
        }

        func note(_ lines: [String]) {
            shown += lines + [""]
            if let path = CommissioningDayTests.transcript {
                TestFiles.write(path, shown.joined(separator: "\n"))
            }
        }

        func startDaemon(answering devices: Int) async throws {
            daemon = try ChildProcess(
                Project.program("candelad"),
                [
                    "--config", folder("gateway.yaml"), "--state-dir", folder("state"), "--socket",
                    folder("control.sock"), "--drivers", Project.root + "/Drivers",
                ], directory: folder.path)
            try await eventually("all devices answer", within: CommissioningDayTests.patience) {
                let shown = try await Candela.run(
                    ["devices"], environment: ["CANDELA_SOCKET": folder("control.sock")], directory: folder.path)
                return shown.lines.count { $0.contains(" online ") } == devices
            }
        }

        func stopDaemon() async {
            guard let daemon else { return }
            daemon.signal(SIGTERM)
            if (try? await daemon.exitStatus(within: .seconds(40))) == nil { daemon.signal(SIGKILL) }
        }

        func stop() async {
            await stopDaemon()
            await simulator.stop()
        }
    }

    @Test func `a site is found, addressed, named, started, commanded and reported`() async throws {
        let site = try await Site()
        do {
            try await day(site)
        } catch {
            await site.stop()
            throw error
        }
        await site.stop()
    }

    private func day(_ site: Site) async throws {
        let (lamps, meters) = (Self.lamps, Self.meters)
        try await site.candela("config", "check")
        try await site.candela("plan")
        let found = try await site.candela(
            "scan", "meters", "--addresses", "1-\(meters + 2)", "--write", "devices/meters.yaml")
        #expect(found.contains { $0.hasPrefix("\(meters) devices found") }, "\(found)")

        let scan = try await site.candela("lamp", "scan", "lamps", "--unaddressed")
        #expect(scan.contains { $0.contains("more than one gear answers at 5") }, "\(scan)")
        try await site.candela("lamp", "commission", "lamps", "--write", "devices/lamps.yaml", "--yes")
        let written = TestFiles.text(site.folder("devices/lamps.yaml")) ?? ""
        #expect(Set(Self.addresses(written)).count == lamps, "\(written)")

        let known = Self.entries(TestFiles.text(site.folder("devices/meters.yaml")) ?? "").count
        site.configure(including: ["devices/meters.yaml", "devices/lamps.yaml"])
        try await site.candela("config", "check")
        let plan = try await site.candela("plan", "lamps")
        #expect(plan.contains { $0.contains("\(lamps) lamps") }, "\(plan)")
        try await site.startDaemon(answering: known + lamps)

        // A wrong name is asked again, `r` blinks again, Enter keeps what is proposed.
        let names = ["pier-1", "r", "Pier 2", "pier-2"] + Array(repeating: "", count: lamps - 2)
        let walk = try await site.candela(
            "lamp", "identify", "--walk", "lamps", "--write", "devices/named.yaml", typing: names)
        #expect(walk.contains { $0.contains("a name is 1 to 64 of") }, "\(walk)")
        let named = TestFiles.text(site.folder("devices/named.yaml")) ?? ""
        #expect(Self.entries(named).count == lamps && named.contains("  pier-2: {"), "\(named)")

        await site.stopDaemon()
        site.configure(including: ["devices/meters.yaml", "devices/named.yaml"])
        try await site.candela("config", "check")
        try await site.startDaemon(answering: known + lamps)
        try await site.candela("devices")
        try await site.candela("read", "pier-1", "level")
        let set = try await site.candela("lamp", "set", "pier-1", "60%")
        #expect(set.contains { $0.hasPrefix("pier-1") && $0.contains("verified") }, "\(set)")
        try await site.candela("lamp", "query", "pier-1")
        // The bus is in order now, and nothing of it is changed a second time.
        let again = try await site.candela("lamp", "commission", "lamps", "--yes")
        #expect(again.contains { $0.hasPrefix("\(lamps) control gear, 0 changed") }, "\(again)")
        try await report(site)
    }

    private func report(_ site: Site) async throws {
        let value = try await site.candela("read", "meter-1", "active_energy_import", "--json")
        guard case .array(let values)? = try JSONValue(parsing: value.joined())["values"],
            let display = values.first?["value"]?.number
        else {
            return #expect(Bool(false), "\(value)")
        }
        let report = try await site.candela(
            "report", "--reading", "meter-1/active_energy_import=\(display)", "--tolerance", "1")
        #expect(report.contains { $0.contains("agrees") }, "\(report)")
        let file = site.folder.write("report", report.dropLast().map { $0 + "\n" }.joined())
        let hashed = try await TestSupport.run("/usr/bin/sha256sum", [file])
        #expect(report.last == "sha256 " + (hashed.lines.first?.split(separator: " ").first ?? "?"))
        site.note(["$ head -n -1 report.txt | sha256sum"] + hashed.lines.map { $0.split(separator: " ")[0] + "  -" })
    }

    private static func entries(_ file: String) -> [Substring] {
        file.split(separator: "\n").filter { $0.hasPrefix("  ") && $0.contains(": {") }
    }

    private static func addresses(_ file: String) -> [String] {
        entries(file).compactMap { line in
            line.split(separator: ",").first { $0.hasPrefix(" address: ") }.map { String($0.dropFirst(10)) }
        }
    }
}
