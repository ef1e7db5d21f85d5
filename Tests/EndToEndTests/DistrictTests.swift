import Glibc
import Telemetry
import TestSupport
import Testing

/// A whole line of lamps through what a night may bring, judged by every frame that told a lamp a level.
@Suite(.serialized) struct `A district of lamps, end to end` {
    private static func candela(_ street: Street, _ arguments: [String]) async throws -> (status: Int32, text: String) {
        let done = try await run(Project.program("candela"), arguments + ["--socket", street.gateway.socket])
        return (done.status, done.lines.joined(separator: "\n"))
    }

    /// Waits until every lamp was sent its right level after the first `before` frames; fails when any was sent another.
    private static func rightLevels(
        _ street: Street, after before: Int, _ right: [String], when: String, within limit: Duration = .seconds(30),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let began = ContinuousClock.now
        let wanted = Set(right)
        try await eventually("every lamp has its right level \(when)", within: limit) {
            Set(try await street.frames().dropFirst(before)).isSuperset(of: wanted)
        }
        let sent = try await street.frames().dropFirst(before)
        #expect(Set(sent) == wanted, "\(when)", sourceLocation: sourceLocation)
        print("\(right.count) lamps right \(when): \(ContinuousClock.now - began)")
    }

    @Test func `restarts, kills and a broken line in the night: no lamp is ever sent any level but its right one`()
        async throws
    {
        let street = try await Street(scenario: District.scenario()) { District.configuration($0) }
        let right = District.frames()
        // What is told needs the curve of each gear first, once in its life.
        try await Self.rightLevels(street, after: 0, right, when: "at the first start", within: .seconds(60))
        try await street.ready(devices: 66)

        // An override that ends by itself, one that ends while the gateway is off, one that lasts.
        #expect(try await Self.candela(street, ["lamp", "set", "lamp-03", "80%", "--for", "2s"]).status == 0)
        try await street.headEnd.event("the end of an override is told") {
            $0.kind == "override" && $0.device == "lamp-03" && $0.detail["ended"]?.text == "expired"
        }
        try await street.waitForLevel("lamp-03", District.thirty)
        #expect(try await Self.candela(street, ["lamp", "set", "lamp-02", "80%"]).status == 0)
        #expect(try await Self.candela(street, ["lamp", "set", "lamp-01", "80%", "--for", "2s"]).status == 0)
        let placed = ContinuousClock.now

        try await street.gateway.stopForRestart()
        try await eventually("its time is over") { ContinuousClock.now - placed > .seconds(2) }
        // Meanwhile somebody's remote control darkens the street.
        try await street.remoteControl("FE00")
        var before = try await street.frames().count
        try street.gateway.start()
        var now = right
        now[1] = District.frame(1, District.eighty)
        try await Self.rightLevels(street, after: before, now, when: "after a restart")
        try await street.headEnd.event("the end while it was off is told") {
            $0.kind == "override" && $0.device == "lamp-01" && $0.detail["ended"]?.text == "expired"
        }
        #expect(try await Self.candela(street, ["lamp", "release", "all"]).status == 0)
        try await street.waitForLevel("lamp-02", District.thirty)

        // Killed, and started again.
        try await street.gateway.kill()
        try await street.remoteControl("FEFE")
        before = try await street.frames().count
        try street.gateway.start()
        try await Self.rightLevels(street, after: before, right, when: "after the daemon was killed")

        before = try await street.frames().count
        let driver = try #require(street.gateway.drivers.first { $0.command.contains("dali") })
        kill(driver.process, SIGKILL)
        try await Self.rightLevels(street, after: before, right, when: "after the driver was killed")

        // The line loses its voltage: gear goes to its own level.
        let seen = street.headEnd.events("dali_bus_down").count
        try await street.field.control("bus lamps down")
        try await street.headEnd.first("the line's loss is told") {
            $0.events("dali_bus_down").count > seen ? true : nil
        }
        before = try await street.frames().count
        try await street.field.control("bus lamps up")
        try await Self.rightLevels(street, after: before, right, when: "after the line had no voltage")
        let levels = try await street.levels()
        #expect(District.lamps.enumerated().allSatisfy { levels[$1] == ($0 < 32 ? District.thirty : District.sixty) })
    }

    @Test(.enabled(if: getenv("CANDELA_SOAK_SECONDS") != nil, "it takes 45 s: scripts/soak --only district runs it"))
    func `power returns to a district without a clock and without a broker`() async throws {
        let street = try await Street(scenario: District.scenario(personality: ["slow-start"])) {
            District.configuration(
                $0, clock: "head-end", interval: "5s",
                lighting: "  faults: {settle: 5s, feeder: {dead: 2s}, day_burner: 3s}\n  stagger: 4")
        }
        // No clock: `lit`.
        let right = District.frames(north: 254, south: 254)
        try await Self.rightLevels(street, after: 0, right, when: "at a start without a clock", within: .seconds(60))
        try await street.ready(devices: 66)
        try await street.headEnd.reading("the feeder's voltage") { $0.device == "meter" && $0.isGood }

        try await street.field.control("feeder feeder off")
        try await street.headEnd.event("the feeder is dead") { $0.kind == "feeder_dead" && $0.active == true }
        try await street.headEnd.first("lamps are said to have no mains") { headEnd in
            Set(headEnd.readings.filter { $0.reason == "notPowered" }.map(\.device)).count >= 64 ? true : nil
        }
        await street.broker.stop()
        let before = try await street.frames().count
        try await street.field.control("feeder feeder on")
        try await Self.rightLevels(street, after: before, right, when: "after power returned", within: .seconds(40))
        try await street.broker.start()
        try await street.headEnd.event("the alarm ends", within: .seconds(40)) {
            $0.kind == "feeder_dead" && $0.active == false
        }
        try await street.headEnd.event("the loss is told", within: .seconds(40)) { $0.kind == "supply_loss" }

        // One event for the feeder, one alarm, and nothing for any lamp. The meter hangs on the feeder too.
        let told = street.headEnd.events
        #expect(told.filter { $0.kind == "supply_loss" }.count == 1)
        #expect(told.filter { $0.kind == "feeder_dead" && $0.active == true }.count == 1)
        let wrong = [
            "day_burner", "communication_failure", "device_offline", "lamp_failure", "cycling", "dimming_failure",
        ]
        #expect(told.filter { wrong.contains($0.kind) && $0.device != "meter" }.map(\.kind) == [])

        // Within any 100 ms no more lamps are ordered on than `stagger` says.
        let moments = try await street.field.control("bus lamps log 4000").split(separator: " ").compactMap {
            entry -> Int? in
            let parts = entry.split(separator: ":")
            guard parts.count >= 3, parts[1] == "master", right.contains(String(parts[2])) else { return nil }
            return Int(parts[0])
        }
        let peak = moments.map { first in moments.count { first <= $0 && $0 < first + 100 } }.max() ?? 0
        print("at most \(peak) lamps were ordered on within 100 ms")
        #expect(peak <= 4 && !moments.isEmpty)
        #expect(try await street.gateway.stopForRestart() == 0)
        let ledger = Ledger(street.headEnd.messages)
        #expect(ledger.violations.isEmpty, "\(ledger.violations.prefix(5)); \(ledger.figures)")
    }

    @Test(.enabled(if: getenv("CANDELA_SOAK_SECONDS") != nil, "it takes 45 s: scripts/soak --only district runs it"))
    func `movement and a contact drive a group, and lamps that go together get one frame`() async throws {
        let south = """
            steps: [{at: "00:00", level: 60%}], dynamic: [{source: eye.occupied, when: occupied, level: 100%}, \
            {source: door.switch_position, when: "= true", level: 80%}]
            """
        let street = try await Street(scenario: District.scenario(lamps: 8)) {
            District.configuration(
                $0, lamps: 8, interval: "5s", south: south,
                devices: "  eye: {bus: lamps, address: 3, profile: dali-occupancy-sensor, interval: 2s}")
        }
        try await Self.rightLevels(street, after: 0, District.frames(lamps: 8), when: "at a start")
        try await street.ready(devices: 11)

        try await street.field.control("sensor eye movement on")
        for lamp in ["lamp-05", "lamp-08"] { try await street.waitForLevel(lamp, 254) }
        let explained = try await Self.candela(street, ["lighting", "explain", "lamp-05"])
        #expect(explained.text.contains("eye.occupied"), "\(explained.text)")
        #expect(try await street.levels()["lamp-01"] == District.thirty)
        try await street.field.control("sensor eye movement off")

        // The line is known to the last stranger some time after a start; from then on a group's order is one frame. Until then
        // it is asked for rarely: the driver looks around while nothing else is to be done.
        var level = 20
        var asked = ContinuousClock.now
        try await eventually("one frame for all lamps of a group", within: .seconds(90)) {
            guard ContinuousClock.now - asked > .seconds(4) else { return false }
            level = level == 20 ? 40 : 20
            let before = try await street.frames().count
            let set = try await Self.candela(street, ["lamp", "set", "north", "\(level)%"])
            asked = ContinuousClock.now
            // 100AAAAS: a group's frame.
            let sent = try await street.frames().dropFirst(before)
            return set.status == 0 && sent.count == 1 && sent.allSatisfy { $0.hasPrefix("8") }
        }
        let levels = try await street.levels()
        #expect(Set((1...4).map { levels["lamp-0\($0)"] }).count == 1)
        let all = try await Self.candela(street, ["lamp", "off", "all", "--for", "10min"])
        #expect(all.status == 0 && all.text.contains("lamp-08"), "\(all.text)")
        let dark = try await street.levels()
        #expect((1...8).allSatisfy { dark["lamp-0\($0)"] == 0 })
        #expect(try await Self.candela(street, ["lamp", "release", "all"]).status == 0)
        try await street.waitForLevel("lamp-01", District.thirty)
    }
}
