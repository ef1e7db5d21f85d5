import Glibc
import Telemetry
import TestSupport
import Testing

/// Lamps under a calendar, from the clock to the gear.
@Suite(.serialized) struct `Lighting, end to end` {
    /// HH:MM:SS in UTC, so many seconds from now.
    static func clock(in seconds: Int) -> String {
        let second = ((Int(time(nil)) + seconds) % 86_400 + 86_400) % 86_400
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
    }

    /// A street of all eight lamps under one program, in UTC.
    ///
    /// - Parameter beside: sections that stand beside it, in place of the broker's uplink alone.
    static func street(
        _ broker: Broker, program: String, outbox: String = "{flush: 200ms}", beside: String = ""
    ) -> String {
        """
        gateway: {id: e2e, location: {latitude: 51.4508, longitude: 6.7339, timezone: Etc/UTC}}
        clock: {sources: [system]}
        board: simulated
        profiles: [profiles]
        outbox: \(outbox)
        buses:
          cabinet: {driver: modbus, port: rs485-2, baud: 9600, parity: even, stop_bits: 1, response_timeout: 500ms}
          lamps: {driver: dali, port: rs232-1, interface: luba, defaults: {profile: dali-luminaire, interval: 10s}}
        devices:
          door: {bus: cabinet, address: 2, profile: cabinet, interval: 1s}
          lamp-{01..08}: {bus: lamps, address: "{0..7}", groups: [north-side]}
        lighting:
          programs: {night: \(program)}
          calendars: {standard: {default: night}}
          groups: {north-side: {calendar: standard}}
        uplinks:
          head-end: {type: mqtt, url: "\(broker.url)", commands: all}
        """ + "\n"
    }

    static let lamps = (1...8).map { "lamp-0\($0)" }

    @Test func `lamps go to the level that is right now within ten seconds and are sent no other`() async throws {
        // Within its active period, between two steps.
        let program = """
            {active: [{from: "\(Self.clock(in: -7200))", to: "\(Self.clock(in: 7200))"}],
                steps: [{at: "\(Self.clock(in: -3600))", level: 30%}, {at: "\(Self.clock(in: 3600))", level: 80%}]}
            """
        let street = try await Street { Self.street($0, program: program) }
        try await eventually("all lamps at 30 %", within: .seconds(10)) {
            let levels = try await street.levels()
            return Self.lamps.allSatisfy { levels[$0] == 210 }
        }
        #expect(
            try await street.frames().sorted() == (0..<8).map { "0\(String($0 * 2, radix: 16, uppercase: true))D2" })

        // Overrides by the head-end and by a person at the cabinet.
        try await street.ready(devices: 9)
        try await street.send("o-1", Street.level("lamp-01", "80"))
        #expect(try await street.result("o-1").status == "verified")
        let set = try await run(
            Project.program("candela"),
            ["lamp", "set", "lamp-02", "70%", "--socket", street.gateway.socket])
        #expect(set.status == 0, "\(set.lines)")
        var levels = try await street.levels()
        #expect(levels["lamp-01"] == 246 && levels["lamp-02"] == 241)
        try await street.headEnd.event("the person's write is told") {
            $0.kind == "command" && $0.device == "lamp-02" && $0.detail["by"]?.text == "cli uid \(getuid())"
        }
        let override = try await street.headEnd.event("the override is told") {
            $0.kind == "override" && $0.device == "lamp-01"
        }
        #expect(
            override.detail["percent"] == 80
                && override.detail["by"]?.text?.hasPrefix("uplink head-end, command ") == true)

        // They survive a restart, and no lamp is sent what its program alone would say.
        let before = try await street.frames().count
        try await street.restart()
        try await eventually("every lamp has its level again") {
            try await street.frames().count >= before + 8
        }
        #expect(
            try await street.frames().dropFirst(before).sorted()
                == ["00F6", "02F1"] + (2..<8).map { "0\(String($0 * 2, radix: 16, uppercase: true))D2" })

        try await street.send("o-2", #""group":"north-side","action":"release""#)
        let released = try await street.results("o-2", count: 8)
        #expect(released.allSatisfy { $0.isVerified(at: 30) }, "\(released)")
        levels = try await street.levels()
        #expect(Self.lamps.allSatisfy { levels[$0] == 210 })
    }

    @Test(arguments: [("lit", 254), ("off", 0), ("last", nil as Int?)])
    func `without a clock lamps do what the file says`(_ choice: String, _ level: Int?) async throws {
        let street = try await Street { Street.configuration($0, clock: "head-end", withoutClock: choice) }
        try await street.ready()
        if let level {
            try await street.waitForLevel("lamp-01", level)
            try await street.waitForLevel("lamp-02", level)
        }
        // Lamps that were read have had their time to be sent something.
        for lamp in ["lamp-01", "lamp-02", "lamp-03", "lamp-04"] {
            try await street.headEnd.reading("level of \(lamp)") {
                $0.device == lamp && $0.point == "level" && $0.isGood
            }
        }
        #expect(try await street.sent(to: 0) == (level.map { [$0] } ?? []))
        #expect(try await street.sent(to: 1) == (level.map { [$0] } ?? []))
    }

    @Test func `lamps outside of a calendar are left alone at a start`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-02", 229)
        #expect(try await street.sent(to: 2) == [])
        #expect(try await street.sent(to: 3) == [])
    }

    // MARK: Lighting first

    /// A program that changes every lamp between 20 % and 60 % every three seconds for two minutes from now.
    static var blinking: String {
        let steps = (0..<40).map { "{at: \"\(clock(in: $0 * 3 - 3))\", level: \($0 % 2 == 0 ? 20 : 60)%}" }
        return "{steps: [\(steps.joined(separator: ", "))]}"
    }

    /// Waits until lamp-08 has been sent two more levels: one of them would be under way already.
    static func switches(_ street: Street, while trouble: String) async throws {
        let before = try await street.sent(to: 7).count
        try await eventually("lamps go on switching while \(trouble)", within: .seconds(12)) {
            try await street.sent(to: 7).count >= before + 2
        }
    }

    @Test func `lamps go on switching whatever else fails, each in turn`() async throws {
        let street = try await Street { Self.street($0, program: Self.blinking) }
        try await street.ready(devices: 9)
        let start = (
            moment: ContinuousClock.now, busy: try #require(Self.processorSeconds(of: street.gateway.process))
        )
        try await Self.switches(street, while: "all is well")
        await street.broker.stop()
        try await Self.switches(street, while: "the broker is dead")
        try await street.broker.start()

        try await street.field.control("gone rs485-2 on")
        try await Self.switches(street, while: "another bus has lost its port")
        let modbus = try #require(street.gateway.drivers.first { $0.command.contains("modbus") })
        kill(modbus.process, SIGSTOP)
        defer { kill(modbus.process, SIGKILL) }
        try await Self.switches(street, while: "another bus's driver hangs")
        #expect(Set(try await street.sent(to: 7)).isSubset(of: [194, 195, 235]))
        // It waits for moments; it does not spin until they come.
        let busy = try #require(Self.processorSeconds(of: street.gateway.process)) - start.busy
        let passed = ContinuousClock.now - start.moment
        #expect(busy < Double(passed.components.seconds) / 2, "\(busy) s of processor time in \(passed)")
    }

    /// What a process has used of processors so far, user and system.
    static func processorSeconds(of process: ChildProcess?) -> Double? {
        guard let process, let line = TestFiles.text("/proc/\(process.processIdentifier)/stat"),
            let rest = line.split(separator: ")").last
        else { return nil }
        // proc(5): utime and stime are the 14th and 15th field; two stand before the closing parenthesis.
        let fields = rest.split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    @Test func `lamps switch and are commanded with nowhere to store anything`() async throws {
        let street = try await Street(started: false) { Self.street($0, program: Self.blinking) }
        // A file where the state directory should be.
        street.gateway.folder.write("state", "in the way")
        try street.gateway.start()
        try await street.ready(devices: 9)
        try await Self.switches(street, while: "nothing can be stored")
        let alarm = try await street.headEnd.event("the storage alarm") { $0.kind == "storage" }
        #expect(alarm.active == true && alarm.severity == "alarm")
        try await street.send("s-1", Street.level("lamp-01", "100"))
        #expect(try await street.result("s-1").status == "verified")
        try await Self.switches(street, while: "an override is in memory only")
        #expect(try await street.levels()["lamp-01"] == 254)
    }

    @Test func `a lamp whose mains go twice in a row gets its level each time`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-02", 229)
        // The second time comes before any poll could hear that the first is over.
        for _ in 0..<2 {
            let before = try await street.sent(to: 1).count
            try await street.field.control("mains lamp-02 off")
            try await street.field.control("mains lamp-02 on")
            try await eventually("it is sent its level again", within: .seconds(30)) {
                try await street.sent(to: 1).count > before
            }
            try await street.waitForLevel("lamp-02", 229, within: .seconds(20))
        }
    }

    @Test func `lamps get their level when their own bus comes back`() async throws {
        let street = try await Street { Street.configuration($0) }
        try await street.ready()
        try await street.waitForLevel("lamp-02", 229)
        try await street.field.control("gone rs232-1 on")
        try await street.headEnd.event("the lamps' bus is down") { $0.kind == "bus_down" && $0.active == true }
        try await street.field.control("bus lamps send 00FE")
        try await street.field.control("bus lamps send FE00")
        try await street.field.control("gone rs232-1 off")
        try await street.waitForLevel("lamp-01", 229, within: .seconds(20))
        try await street.waitForLevel("lamp-02", 229, within: .seconds(20))
    }
}
