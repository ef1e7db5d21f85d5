import Lighting
import Telemetry
import Testing

@Suite struct StaggerAndHoldTests {
    static func engine(lamps count: Int = 64, stagger: Int = 8) throws -> LightingEngine {
        LightingEngine(
            plan: LightingPlan(
                place: Fixtures.duisburg, zone: try TimeZoneRules.load(name: "Europe/Berlin"),
                programs: [try Fixtures.night()], calendars: [.init(name: "c", defaultProgram: "night")],
                groups: [.init(name: "g", calendar: "c", lamps: (100..<100 + count).map { "lamp-\($0)" })],
                stagger: stagger))
    }

    /// Follows the engine's wakes for a while; when which lamps were ordered on, in ms.
    static func run(_ engine: inout LightingEngine, _ clock: inout TestClock, for span: Duration) -> [(Int64, String)] {
        let begin = clock.uptime
        var log: [(Int64, String)] = []
        while clock.uptime.duration(since: begin) < span {
            for order in engine.tick(clock.now) {
                log.append((clock.uptime.duration(since: begin).wholeMilliseconds, order.lamp))
                engine.confirmed(lamp: order.lamp, percent: order.percent)
            }
            clock.run(max(.milliseconds(1), engine.nextWake(after: clock.now)))
        }
        return log
    }

    /// The most orders within any 100 ms.
    static func peak(_ log: [(Int64, String)]) -> Int {
        log.map { entry in log.filter { $0.0 >= entry.0 && $0.0 < entry.0 + 100 }.count }.max() ?? 0
    }

    @Test(arguments: [1, 8, 64])
    func `when a district's power returns, at most so many lamps are ordered on within 100 ms, and each once`(
        stagger: Int
    ) throws {
        var engine = try Self.engine(stagger: stagger)
        var clock = try TestClock("2028-01-05T21:00:00Z")
        engine.plan.lamps.forEach { engine.lampLost($0) }
        #expect(engine.tick(clock.now).isEmpty)
        engine.plan.lamps.forEach { engine.lampBack($0) }
        let log = Self.run(&engine, &clock, for: .seconds(10))
        #expect(Self.peak(log) == stagger)
        #expect(log.map(\.1).sorted() == engine.plan.lamps)
        #expect(log.last?.0 == Int64((64 - 1) / stagger) * 100)
        print("stagger \(stagger): peak of \(Self.peak(log)) lamps in 100 ms, all on after \(log.last?.0 ?? 0) ms")
    }

    @Test func `dimming and switching off are not staggered`() throws {
        var engine = try Self.engine()
        var clock = try TestClock("2028-01-05T21:59:30Z")
        _ = Self.run(&engine, &clock, for: .seconds(10))
        clock.utc = try Fixtures.utc("2028-01-05T22:00:00Z")
        #expect(engine.tick(clock.now).count == 64)
    }

    @Test func `a person's order comes on first`() throws {
        var engine = try Self.engine()
        let clock = try TestClock("2028-01-05T21:00:00Z")
        try engine.override(lamps: ["lamp-163"], percent: ExactDecimal(70), author: "x", clock: clock.now)
        #expect(engine.tick(clock.now).first?.lamp == "lamp-163")
    }

    @Test func `a held lamp stays as it is, or goes to the level stated, and comes back by time or word`() throws {
        var engine = try Self.engine(lamps: 2)
        var clock = try TestClock("2028-01-05T21:00:00Z")
        _ = Self.run(&engine, &clock, for: .seconds(1))
        let until = clock.uptime.advanced(by: .seconds(2 * 3600))
        try engine.hold(lamps: ["lamp-100"], until: until, reason: "pole work", by: "uid 0")
        try engine.hold(lamps: ["lamp-101"], percent: .zero, until: until, reason: "pole work", by: "uid 0")
        #expect(engine.tick(clock.now).map(\.percent) == [.zero])
        engine.confirmed(lamp: "lamp-101", percent: .zero)
        // Neither the step at 23:00 nor an override moves them.
        clock.run(.seconds(3600))
        try engine.override(lamps: ["lamp-100", "lamp-101"], percent: ExactDecimal(77), author: "x", clock: clock.now)
        #expect(engine.tick(clock.now).isEmpty)
        clock.run(.seconds(3600))
        #expect(engine.tick(clock.now).map(\.percent) == [ExactDecimal(77), ExactDecimal(77)])
        #expect(engine.heldLamps.isEmpty)
        try engine.hold(
            lamps: ["lamp-100"], percent: ExactDecimal(5), until: clock.uptime.advanced(by: .seconds(60)), reason: "r",
            by: "x")
        #expect(engine.unhold(lamps: ["lamp-100", "lamp-101"]) == ["lamp-100"])
        #expect(throws: LightingProblem.self) {
            try engine.hold(lamps: ["lamp-999"], until: until, reason: "r", by: "x")
        }
    }

    @Test func `a retry that is due under a hold does not keep the engine awake`() throws {
        var engine = try Self.engine(lamps: 1)
        var clock = try TestClock("2028-01-05T21:00:00Z")
        #expect(engine.tick(clock.now).count == 1)
        engine.failed(lamp: "lamp-100", clock: clock.now)
        try engine.hold(
            lamps: ["lamp-100"], until: clock.uptime.advanced(by: .seconds(3600)), reason: "pole work", by: "x")
        clock.run(.seconds(30))
        #expect(engine.tick(clock.now).isEmpty)
        #expect(engine.nextWake(after: clock.now) >= .seconds(1))
    }

    @Test func `ninety days without any uplink, with a clock that drifts by 20 ppm, the levels are right`() throws {
        var engine = try Self.engine(lamps: 1)
        var clock = try TestClock("2028-01-05T12:00:00Z")
        let begin = clock.uptime
        var wrong = 0
        while clock.uptime.duration(since: begin) < .seconds(90 * 86_400) {
            // What the gateway believes; its clock gains 155 s in all, below `lighting_error`.
            let gained = clock.uptime.duration(since: begin) / 50_000
            var believed = clock
            believed.utc = clock.utc.advanced(by: gained)
            for order in engine.tick(believed.now) { engine.confirmed(lamp: order.lamp, percent: order.percent) }
            let right = [Duration.zero, gained].compactMap {
                engine.plan.level(for: "lamp-100", at: clock.utc.advanced(by: $0), clockTrusted: true)?.percent
            }
            if !right.contains(where: { $0 == engine.status(of: "lamp-100")?.confirmed }) { wrong += 1 }
            clock.run(.seconds(600))
        }
        #expect(wrong == 0)
    }

    @Test func `a zone's new rules are followed at once`() throws {
        var engine = try Self.engine(lamps: 1)
        let clock = try TestClock("2028-01-05T22:30:00Z")
        #expect(engine.tick(clock.now).map(\.percent) == [ExactDecimal(50)], "23:30 in Berlin")
        engine.confirmed(lamp: "lamp-100", percent: ExactDecimal(50))
        engine.replace(plan: engine.plan.with(zone: .utc))
        #expect(engine.tick(clock.now).map(\.percent) == [ExactDecimal(100)], "22:30 in UTC")
    }

    @Test func `the plan of a night lists its levels and samples a picture of them`() throws {
        let plan = try Self.engine().plan
        let night = try #require(plan.nightPlan(group: "g", night: CalendarDate(year: 2028, month: 10, day: 28)))
        #expect(night.rows.map(\.percent) == [.zero, ExactDecimal(100), ExactDecimal(50), ExactDecimal(100), .zero])
        #expect(night.rows.map { "\($0.local.hour):\($0.local.minute)" } == ["12:0", "18:22", "23:0", "5:0", "7:12"])
        // The night in which the clock is set back has 25 hours.
        #expect(night.end.duration(since: night.start) == .seconds(25 * 3600))
        #expect(night.samples(5).map(\.integer) == [0, 100, 50, 50, 0])
        #expect(plan.nightPlan(group: "none", night: night.night) == nil)
    }
}
