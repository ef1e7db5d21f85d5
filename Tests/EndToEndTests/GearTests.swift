import Glibc
import Telemetry
import TestSupport
import Testing

/// Between a program's level and the gear that gives the light: the level pipeline, and gear that is exchanged.
@Suite(.serialized) struct `Gear, end to end` {
    private static func candela(_ street: Street, _ arguments: [String]) async throws -> (status: Int32, text: String) {
        let done = try await run(Project.program("candela"), arguments + ["--socket", street.gateway.socket])
        return (done.status, done.lines.joined(separator: "\n"))
    }

    private static func scenario(_ count: Int) -> String {
        let gear = (1...count).map {
            #"{"name": "lamp-0\#($0)", "address": \#($0 - 1), "identification": \#(7000 + $0)}"#
        }
        return """
            {"seed": 3, "ports": [{"name": "rs232-1", "kind": "dali", "interface": "luba", "baud": 38400, "bus": "lamps",
              "gear": [\(gear.joined(separator: ", "))]}]}
            """
    }

    private static func configuration(_ broker: Broker, lamps: String, groups: String) -> String {
        """
        gateway: {id: e2e, location: {latitude: 51.4508, longitude: 6.7339, timezone: Etc/UTC}}
        clock: {sources: [system]}
        board: simulated
        outbox: {flush: 200ms}
        buses:
          lamps: {driver: dali, port: rs232-1, interface: luba, defaults: {profile: dali-luminaire, interval: 5s}}
        devices:
        \(lamps)
        lighting:
          programs: {full: {steps: [{at: "00:00", level: 100%}]}, low: {steps: [{at: "00:00", level: 30%}]}}
          calendars: {full: {default: full}, low: {default: low}}
          groups:
        \(groups)
        uplinks:
          head-end: {type: mqtt, url: "\(broker.url)", commands: all}
        """ + "\n"
    }

    /// Worked out by hand; arc levels by IEC 62386-102: 1 + 253 / 3 x (1 + log10 of the percentage).
    @Test func `what arrives at the gear is the program's level after the pipeline`() async throws {
        // Maintained today: the factor stays at 90 % (it rises by 0.003 % a day).
        let today = Street.utc(in: 0).prefix(10)
        let pipeline = "virtual_output: 80%, maintenance: {factor: 90%, last: \(today), period: 3650d}"
        let street = try await Street(scenario: Self.scenario(3)) {
            Self.configuration(
                $0,
                lamps: """
                      lamp-01: {bus: lamps, address: 0, groups: [plain]}
                      lamp-02: {bus: lamps, address: 1, groups: [full]}
                      lamp-03: {bus: lamps, address: 2, groups: [low]}
                    """,
                groups: """
                        plain: {calendar: full}
                        full: {calendar: full, \(pipeline)}
                        low: {calendar: low, \(pipeline), minimum: 25%}
                    """)
        }
        try await street.ready(devices: 3)
        // 100 %; 100 x 0.8 x 0.9 = 72 %; 30 x 0.8 x 0.9 = 21.6 %, not below 25 %.
        for (lamp, level) in [("lamp-01", 254), ("lamp-02", 242), ("lamp-03", 203)] {
            try await street.waitForLevel(lamp, level)
        }
        // An override goes the same way: 50 x 0.8 x 0.9 = 36 %.
        let set = try await Self.candela(street, ["lamp", "set", "lamp-02", "50%"])
        #expect(set.status == 0, "\(set.text)")
        #expect(try await street.levels()["lamp-02"] == 217)
        let explained = try await Self.candela(street, ["lighting", "explain", "lamp-02"])
        #expect(explained.text.contains("36 %") && explained.text.contains("50 %"), "\(explained.text)")
        #expect(try await street.frames().sorted() == ["00FE", "02D9", "02F2", "04CB"])
    }

    /// A commissioning takes the bus's true time: `scripts/soak --only district`.
    @Test(
        .timeLimit(.minutes(10)),
        .enabled(if: getenv("CANDELA_SOAK_SECONDS") != nil, "it takes minutes: scripts/soak --only district runs it"))
    func `an exchanged driver takes the old place when a person says so, and two at once are not confused`()
        async throws
    {
        let street = try await Street(scenario: Self.scenario(5)) {
            Self.configuration(
                $0, lamps: #"  lamp-{01..05}: {bus: lamps, address: "{0..4}", groups: [all-of-it]}"#,
                groups: "    all-of-it: {calendar: low}")
        }
        try await street.ready(devices: 5)
        for lamp in 1...5 { try await street.waitForLevel("lamp-0\(lamp)", District.thirty, within: .seconds(20)) }
        func commission() async throws -> String {
            // It ends with 1 where a person has to decide something.
            let done = try await Self.candela(street, ["lamp", "commission", "lamps", "--yes"])
            print(done.text)
            return done.text
        }
        /// Mains off, the driver changed, mains on.
        func exchange(_ lamp: String) async throws {
            try await street.field.control("mains \(lamp) off")
            try await street.field.control("lamp \(lamp) swap")
            try await street.field.control("mains \(lamp) on")
        }
        func address(_ lamp: String) async throws -> String { try await street.field.control("lamp \(lamp) get") }
        _ = try await commission()

        // One: it gets the missing lamp's address, is told, runs, and is accepted by a person.
        try await exchange("lamp-02")
        let one = try await commission()
        #expect(one.contains("candela lamp replace lamp-02"), "\(one)")
        try await street.headEnd.event("another gear is told", within: .seconds(120)) {
            $0.kind == "identity_changed" && $0.device == "lamp-02" && $0.active == true
        }
        try await street.waitForLevel("lamp-02", District.thirty, within: .seconds(60))
        let replaced = try await Self.candela(street, ["lamp", "replace", "lamp-02", "--yes"])
        #expect(replaced.status == 0, "\(replaced.text)")
        try await street.headEnd.event("the alarm ends", within: .seconds(30)) {
            $0.kind == "identity_changed" && $0.device == "lamp-02" && $0.active == false
        }

        // Two at once: nobody can say which is which, so neither gets a lamp's place.
        let before = try await street.frames().count
        try await exchange("lamp-03")
        try await exchange("lamp-04")
        let two = try await commission()
        #expect(two.contains("lamp-03") && two.contains("lamp-04"), "\(two)")
        for lamp in ["lamp-03", "lamp-04"] {
            let told = try await address(lamp)
            #expect(!told.contains("address=2") && !told.contains("address=3"), "\(lamp): \(told)")
        }
        // Addresses 2 and 3: nobody is there, and nobody else answers for them.
        let sent = try await street.frames().dropFirst(before)
        #expect(Set(sent).isSubset(of: District.frames(lamps: 10, north: District.thirty)), "\(sent)")
    }
}
