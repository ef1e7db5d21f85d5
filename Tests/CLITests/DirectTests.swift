import CLinux
import Glibc
import Telemetry
import TestSupport
import Testing

/// `read`, `write` and `lamp` without a daemon, in the simulated field.
struct DirectTests {
    /// A simulated field with a configuration for it.
    final class Field {
        let folder = TemporaryFolder("candela-cli")
        let configuration: String
        private let simulator: ChildProcess

        init(_ gateway: String = "") async throws {
            let places = folder("sim")
            simulator = try ChildProcess(
                Project.program("candela-sim"), ["--directory", places, "--no-wire-timing", "--until-stdin-closes"])
            try await simulator.line(containing: "ready")
            configuration = folder.write(
                "gateway.yaml",
                """
                gateway: {id: g1, location: {latitude: 51.45, longitude: 6.73, timezone: Europe/Berlin}\(gateway)}
                buses:
                  meters: {driver: modbus, port: \(places)/rs485-1, baud: 9600, parity: even}
                  lamps: {driver: dali, port: \(places)/rs232-1, interface: luba}
                devices:
                  feeder-a: {bus: meters, address: 1, profile: eastron-sdm630, rating: 63 A}
                  silent: {bus: meters, address: 77, profile: eastron-sdm630, rating: 63 A}
                  flat: {bus: meters, address: 2, profile: eastron-sdm120, rating: 40 A, privacy: household}
                  lamp-{01..02}: {bus: lamps, address: "{0..1}", profile: dali-luminaire, groups: [north]}
                lighting:
                  programs: {night: {active: [{from: sunset, to: sunrise}], steps: [{at: "23:00", level: 50%}]}}
                  calendars: {standard: {default: night}}
                  groups: {north: {calendar: standard}}

                """)
        }

        func run(_ arguments: [String], merged: Bool = true) async throws -> Candela {
            try await Candela.run(
                arguments + ["--config", configuration, "--drivers", Project.root + "/Drivers"],
                environment: ["CANDELA_SOCKET": folder("no.sock")], merged: merged)
        }

        /// The lock that whoever uses the port holds; nil: somebody does.
        func lock(_ port: String) -> Int32? {
            let descriptor = open(folder("sim/" + port), O_RDWR | O_NOCTTY | O_CLOEXEC)
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
            close(descriptor)
            return nil
        }

        func stop() async { await simulator.stop() }
    }

    private func withField(_ gateway: String = "", _ body: (Field) async throws -> Void) async throws {
        let field = try await Field(gateway)
        do {
            try await body(field)
        } catch {
            await field.stop()
            throw error
        }
        await field.stop()
    }

    @Test func `a meter is read, and nothing holds its port afterwards`() async throws {
        try await withField { field in
            let shown = try await field.run(["read", "feeder-a", "voltage.L1", "active_power"])
            #expect(shown.status == 0, "\(shown.text)")
            #expect(shown.lines.contains("(no daemon: asking the device directly)"))
            #expect(shown.lines.count { $0.contains("good") } == 2, "\(shown.text)")
            let free = field.lock("rs485-1")
            #expect(free != nil, "somebody still holds the port")
            if let free { close(free) }
            let json = try await field.run(["read", "feeder-a", "voltage.L1", "--json"], merged: false)
            guard case .array(let values)? = try JSONValue(parsing: json.text)["values"] else {
                return #expect(Bool(false), "\(json.text)")
            }
            let volts = try #require(values.first?["value"]?.number).approximation
            #expect((180...260).contains(volts))
        }
    }

    @Test func `a silent meter ends with 4 and says what was asked`() async throws {
        try await withField { field in
            let shown = try await field.run(["read", "silent", "voltage.L1"])
            #expect(shown.status == 4, "\(shown.text)")
            #expect(shown.text.contains("silent did not answer"), "\(shown.text)")
        }
    }

    @Test(arguments: [
        (["read", "feeder-x"], 2, "did you mean feeder-a?"),
        (["read", "feeder-a", "voltage.L9"], 2, "did you mean voltage.L"),
        (["read", "flat"], 2, "--household"), (["write", "--yes", "feeder-a", "voltage.L1", "5"], 1, "notWritable"),
        (["write", "--yes", "lamp-01", "level", "150"], 1, "outOfRange"),
        (["lamp", "set", "nort", "5"], 2, "did you mean north?"),
        (["lamp", "set", "north", "bright"], 2, "no level"), (["lamp", "release", "north"], 3, "start the daemon"),
        (["lamp", "set", "north", "60", "--for", "2h"], 3, "start the daemon"),
        (["status"], 3, "no daemon is reachable"),
    ])
    func `what cannot be done is refused as the daemon would`(arguments: [String], status: Int32, says: String)
        async throws
    {
        try await withField { field in
            let shown = try await field.run(arguments)
            #expect(shown.status == status, "\(shown.text)")
            #expect(shown.text.contains(says), "\(shown.text)")
        }
    }

    @Test func `a group of lamps takes its level, with a word about its calendar`() async throws {
        try await withField { field in
            let shown = try await field.run(["lamp", "set", "north", "60%"])
            #expect(shown.status == 0, "\(shown.text)")
            #expect(shown.lines.count { $0.hasPrefix("lamp-0") && $0.contains("verified") } == 2, "\(shown.text)")
            #expect(shown.text.contains("a calendar rules this"))
            let level = try await field.run(["read", "lamp-01", "level"])
            // The nearest of the 254 steps of the logarithmic curve (IEC 62386-102, 9.3).
            #expect(level.text.contains("59.53"), "\(level.text)")
        }
    }

    @Test func `read_only is obeyed without the daemon too`() async throws {
        try await withField(", read_only: true") { field in
            for arguments in [
                ["write", "--yes", "lamp-01", "level", "5"], ["lamp", "off", "north"], ["lamp", "identify", "north"],
            ] {
                let shown = try await field.run(arguments)
                #expect(shown.status == 1, "\(shown.text)")
                #expect(shown.text.contains("readOnly"), "\(shown.text)")
            }
        }
    }

    @Test func `a port that is held is told in the driver's words`() async throws {
        try await withField { field in
            let held = try #require(field.lock("rs485-1"))
            defer { close(held) }
            let shown = try await field.run(["read", "feeder-a"])
            #expect(shown.status == 1, "\(shown.text)")
            #expect(shown.text.contains("is in use by"), "\(shown.text)")
        }
    }

    @Test func `a configuration that cannot be used ends with 2 and names the mistake`() async throws {
        let folder = TemporaryFolder("candela-cli")
        let file = folder.write("gateway.yaml", "buses: [\n")
        let shown = try await Candela.run(
            ["read", "feeder-a", "--config", file], environment: ["CANDELA_SOCKET": folder("no.sock")])
        #expect(shown.status == 2)
        #expect(shown.text.contains("\(file):"), "\(shown.text)")
    }

    @Test func `a daemon that was named and is not there is not bypassed`() async throws {
        try await withField { field in
            let shown = try await field.run(["read", "feeder-a", "--socket", field.folder("no.sock")])
            #expect(shown.status == 3, "\(shown.text)")
        }
    }
}
