import Lighting
import Telemetry
import Testing

@Suite struct LightingEngineTests {
    func engine(_ withoutClock: WithoutClock = .lit, fallback: Int64 = 80) throws -> LightingEngine {
        LightingEngine(plan: try Fixtures.plan(try Fixtures.night(), withoutClock: withoutClock, fallback: fallback))
    }

    /// One tick in which every order is taken at once; what was ordered, by lamp.
    func settle(_ engine: inout LightingEngine, _ clock: TestClock) -> [String: ExactDecimal] {
        var levels: [String: ExactDecimal] = [:]
        for order in engine.tick(clock.now) {
            levels[order.lamp] = order.percent
            engine.confirmed(lamp: order.lamp, percent: order.percent)
        }
        return levels
    }

    @Test func `after a restart in the night every lamp is ordered its right level at once, and no other`() throws {
        var engine = try engine()
        let clock = try TestClock("2026-11-22T01:00:00Z")
        let orders = engine.tick(clock.now)
        #expect(orders.map(\.lamp) == ["lamp-1", "lamp-2", "lamp-9"])
        #expect(orders.map(\.percent) == [ExactDecimal(50), ExactDecimal(50), ExactDecimal(30)])
        #expect(orders.allSatisfy { $0.fade == nil && $0.priority == .schedule && $0.attempt == 1 })
        #expect(engine.tick(clock.now).isEmpty)
    }

    @Test func `a night orders each lamp only when its level changes`() throws {
        var engine = try engine()
        var clock = try TestClock("2026-11-21T11:00:00Z")
        var seen: [ExactDecimal] = []
        for _ in 0..<(24 * 60) {
            if let level = settle(&engine, clock)["lamp-1"] { seen.append(level) }
            clock.run(.seconds(60))
        }
        #expect(seen == [.zero, ExactDecimal(100), ExactDecimal(50), ExactDecimal(100), .zero])
    }

    /// docs/lighting.md, "What rules a lamp", row by row.
    @Test(
        arguments: [
            // lamp, time, trusted, without_clock, override, level, reason
            ("lamp-9", "12:00", true, .lit, nil, 30, "default"), ("lamp-9", "12:00", false, .off, nil, 30, "default"),
            ("lamp-1", "12:00", true, .lit, nil, 0, "program"), ("lamp-1", "20:00", true, .lit, nil, 100, "program"),
            ("lamp-1", "23:00", true, .lit, nil, 50, "program"), ("lamp-1", "23:00", false, .lit, nil, 80, "default"),
            ("lamp-1", "12:00", false, .lit, nil, 80, "default"), ("lamp-1", "23:00", false, .off, nil, 0, "default"),
            ("lamp-1", "23:00", false, .last, nil, nil, "default"), ("lamp-1", "23:00", true, .lit, 70, 70, "override"),
            ("lamp-1", "12:30", true, .lit, 70, 70, "override"), ("lamp-1", "23:00", false, .off, 70, 70, "override"),
            ("lamp-9", "12:30", true, .lit, 0, 0, "override"), ("lamp-7", "12:00", true, .lit, nil, nil, nil),
        ] as [(String, String, Bool, WithoutClock, Int64?, Int64?, String?)])
    func `precedence`(
        lamp: String, time: String, trusted: Bool, mode: WithoutClock, override: Int64?, level: Int64?, reason: String?
    ) throws {
        var engine = try engine(mode)
        var clock = try TestClock("2026-11-21T\(time):00+01:00")
        clock.isTrusted = trusted
        if let override {
            try engine.override(lamps: [lamp], percent: ExactDecimal(override), author: "test", clock: clock.now)
        }
        let found = engine.level(for: lamp, clock: clock.now)
        #expect(found?.percent == level.map { ExactDecimal($0) })
        #expect(found?.reason.talq == reason)
        let order = engine.tick(clock.now).first { $0.lamp == lamp }
        #expect(order?.percent == level.map { ExactDecimal($0) })
    }

    @Test func `lit means light, even where the fallback is dark`() throws {
        var engine = try engine(.lit, fallback: 0)
        var clock = try TestClock("2026-11-21T12:00:00Z")
        clock.isTrusted = false
        #expect(settle(&engine, clock)["lamp-1"] == ExactDecimal(100))
    }

    @Test func `with last nothing is sent until the clock is trusted, then the right level`() throws {
        var engine = try engine(.last)
        var clock = try TestClock("1970-01-01T00:01:00Z")
        clock.isTrusted = false
        #expect(settle(&engine, clock)["lamp-1"] == nil)
        clock.utc = try Fixtures.utc("2026-11-22T01:00:00Z")
        clock.isTrusted = true
        #expect(settle(&engine, clock)["lamp-1"] == ExactDecimal(50))
    }

    @Test func `the clock is trusted up to lighting_error`() throws {
        let now = try TestClock("2026-11-22T01:00:00Z")
        func trusted(_ error: Duration?) -> Bool {
            LightingClock(utc: now.utc, uptime: now.uptime, errorEstimate: error, lightingError: .seconds(900))
                .isTrusted
        }
        #expect(trusted(.seconds(900)))
        #expect(!trusted(.seconds(901)))
        #expect(!trusted(nil))
    }

    @Test func `an override lasts until the next noon, or as long as it says`() throws {
        var engine = try engine()
        var clock = try TestClock("2026-11-21T20:00:00Z")
        _ = settle(&engine, clock)
        try engine.override(lamps: ["lamp-1"], percent: ExactDecimal(70), author: "head-end", clock: clock.now)
        try engine.override(
            lamps: ["lamp-2"], percent: ExactDecimal(10), duration: .seconds(3600), author: "head-end", clock: clock.now
        )
        #expect(
            engine.overrides.map(\.until) == [
                try Fixtures.utc("2026-11-22T11:00:00Z"), try Fixtures.utc("2026-11-21T21:00:00Z"),
            ])
        #expect(settle(&engine, clock) == ["lamp-1": ExactDecimal(70), "lamp-2": ExactDecimal(10)])
        clock.run(.seconds(3599))
        #expect(settle(&engine, clock).isEmpty)
        clock.run(.seconds(1))
        #expect(settle(&engine, clock) == ["lamp-2": ExactDecimal(100)])
        clock.utc = try Fixtures.utc("2026-11-22T10:59:59Z")
        #expect(settle(&engine, clock)["lamp-1"] == nil)
        clock.run(.seconds(1))
        #expect(settle(&engine, clock)["lamp-1"] == .zero)
        #expect(engine.overrides.isEmpty)
    }

    @Test func `the latest override replaces the earlier, and release leads back to the program`() throws {
        var engine = try engine()
        let clock = try TestClock("2026-11-21T20:00:00Z")
        _ = settle(&engine, clock)
        for level in [Int64(20), 0, 60] {
            try engine.override(
                lamps: ["lamp-1", "lamp-2"], percent: ExactDecimal(level), author: "a", clock: clock.now)
            #expect(settle(&engine, clock) == ["lamp-1": ExactDecimal(level), "lamp-2": ExactDecimal(level)])
        }
        let revision = engine.overridesRevision
        #expect(engine.release(lamps: ["lamp-1", "lamp-9"]) == ["lamp-1"])
        #expect(engine.overridesRevision > revision)
        #expect(settle(&engine, clock) == ["lamp-1": ExactDecimal(100)])
        #expect(engine.release(lamps: ["lamp-1"]).isEmpty)
    }

    @Test func `an override that makes no sense is refused and changes nothing`() throws {
        var engine = try engine()
        let clock = try TestClock("2026-11-21T20:00:00Z")
        func code(_ lamps: [String], _ level: Int64, _ duration: Duration? = nil, fade: Duration? = nil)
            -> LightingProblem.Code?
        {
            let error = #expect(throws: LightingProblem.self) {
                try engine.override(
                    lamps: lamps, percent: ExactDecimal(level), fade: fade, duration: duration, author: "a",
                    clock: clock.now)
            }
            return error?.code
        }
        #expect(code(["lamp-1", "lamp-7"], 50) == .unknownLamp)
        #expect(code(["lamp-1"], 101) == .badLevel)
        #expect(code(["lamp-1"], -1) == .badLevel)
        #expect(code(["lamp-1"], 50, .zero) == .badDuration)
        #expect(code(["lamp-1"], 50, .seconds(40 * 86_400)) == .badDuration)
        #expect(code(["lamp-1"], 50, fade: .seconds(-1)) == .badDuration)
        #expect(engine.overrides.isEmpty)
        #expect(engine.overridesRevision == 0)
    }

    @Test func `overrides survive a restart, and those that ended meanwhile do not`() throws {
        var clock = try TestClock("2026-11-21T20:00:00Z")
        var before = try engine()
        try before.override(
            lamps: ["lamp-1"], percent: ExactDecimal(70), fade: .seconds(2), duration: .seconds(7200),
            author: "head-end",
            clock: clock.now)
        try before.override(
            lamps: ["lamp-2"], percent: ExactDecimal(10), duration: .seconds(60), author: "cli", clock: clock.now)
        let text = before.storedOverrides(clock.now).description

        clock.run(.seconds(3600))
        clock.uptime = BootInstant(nanoseconds: 5_000_000_000)
        var after = try engine()
        #expect(after.restoreOverrides(try JSONValue(parsing: text), clock: clock.now).isEmpty)
        #expect(after.overrides.map(\.lamp) == ["lamp-1"])
        #expect(after.overrides.map(\.fade) == [.seconds(2)])
        #expect(
            settle(&after, clock) == [
                "lamp-1": ExactDecimal(70), "lamp-2": ExactDecimal(100), "lamp-9": ExactDecimal(30),
            ])
        clock.run(.seconds(3599))
        #expect(settle(&after, clock)["lamp-1"] == nil)
        clock.run(.seconds(1))
        // 23:00 is over as well by now.
        #expect(settle(&after, clock)["lamp-1"] == ExactDecimal(50))
    }

    @Test func `in a boot without a clock a restored override counts running time until the clock is trusted`() throws {
        var clock = try TestClock("2026-11-21T20:00:00Z")
        var before = try engine()
        try before.override(
            lamps: ["lamp-1"], percent: ExactDecimal(70), duration: .seconds(7200), author: "h", clock: clock.now)
        let stored = before.storedOverrides(clock.now)

        clock.utc = UTCInstant(seconds: 30)
        clock.uptime = BootInstant(nanoseconds: 30_000_000_000)
        clock.isTrusted = false
        var after = try engine()
        after.restoreOverrides(stored, clock: clock.now)
        clock.run(.seconds(7199))
        #expect(after.level(for: "lamp-1", clock: clock.now)?.reason.talq == "override")
        var trusted = after
        clock.run(.seconds(1))
        #expect(settle(&after, clock)["lamp-1"] == ExactDecimal(80))
        clock.utc = try Fixtures.utc("2026-11-21T22:30:00Z")
        clock.isTrusted = true
        #expect(settle(&trusted, clock)["lamp-1"] == ExactDecimal(50))
    }

    @Test func `an override without a clock gets its end by the clock once that is trusted`() throws {
        var engine = try engine()
        var clock = try TestClock("1970-01-01T00:00:30Z")
        clock.isTrusted = false
        try engine.override(
            lamps: ["lamp-1"], percent: ExactDecimal(70), duration: .seconds(3600), author: "cli", clock: clock.now)
        #expect(engine.overrides[0].until == nil)
        clock.run(.seconds(600))
        clock.utc = try Fixtures.utc("2026-11-21T20:00:00Z")
        clock.isTrusted = true
        _ = settle(&engine, clock)
        #expect(engine.overrides[0].until == (try Fixtures.utc("2026-11-21T20:50:00Z")))
    }

    @Test(arguments: [
        "null", "{}", #"[1,"x",null]"#, #"[{"lamp":"lamp-1"}]"#,
        #"[{"lamp":"lamp-1","percent":300,"remaining_ms":1000}]"#,
        #"[{"lamp":"lamp-1","percent":50,"remaining_ms":-1}]"#,
        #"[{"lamp":"lamp-1","percent":50,"remaining_ms":1e300}]"#,
    ])
    func `damaged stored overrides are left out and named`(text: String) throws {
        var engine = try engine()
        let clock = try TestClock("2026-11-21T20:00:00Z")
        let damaged = engine.restoreOverrides(try JSONValue(parsing: text), clock: clock.now)
        #expect(!damaged.isEmpty)
        #expect(engine.overrides.isEmpty)
    }

    @Test func `a failed order is repeated with growing pauses and never given up`() throws {
        var engine = try engine()
        var clock = try TestClock("2026-11-22T01:00:00Z")
        var tries: [Int64] = []
        for second in 0..<300 {
            for order in engine.tick(clock.now) where order.lamp == "lamp-1" {
                tries.append(Int64(second))
                #expect(order.attempt == tries.count)
                engine.failed(lamp: "lamp-1", clock: clock.now)
            }
            clock.run(.seconds(1))
        }
        #expect(tries == [0, 2, 6, 14, 30, 62, 122, 182, 242])
        #expect(engine.status(of: "lamp-1")?.failures == 9)
    }

    @Test func `a new level waits for no retry and overtakes an order under way`() throws {
        var engine = try engine()
        let clock = try TestClock("2026-11-22T01:00:00Z")
        _ = engine.tick(clock.now)
        engine.failed(lamp: "lamp-1", clock: clock.now)
        #expect(engine.tick(clock.now).isEmpty)
        try engine.override(lamps: ["lamp-1", "lamp-2"], percent: ExactDecimal(70), author: "a", clock: clock.now)
        let orders = engine.tick(clock.now)
        #expect(orders.map(\.lamp) == ["lamp-1", "lamp-2"])
        #expect(orders.allSatisfy { $0.priority == .person && $0.attempt == 1 })
        // The late answer to the first order of lamp-2 does not pass for the second.
        engine.confirmed(lamp: "lamp-2", percent: ExactDecimal(50))
        #expect(engine.status(of: "lamp-2")?.ordered == ExactDecimal(70))
        engine.confirmed(lamp: "lamp-2", percent: ExactDecimal(70))
        #expect(engine.status(of: "lamp-2")?.ordered == nil)
        #expect(engine.tick(clock.now).isEmpty)
    }

    @Test func `an order without an answer is taken as lost`() throws {
        var engine = try engine()
        var clock = try TestClock("2026-11-22T01:00:00Z")
        _ = engine.tick(clock.now)
        clock.run(LightingEngine.orderTimeout)
        #expect(engine.tick(clock.now).isEmpty)
        clock.run(LightingEngine.firstRetry)
        #expect(engine.tick(clock.now).map(\.attempt) == [2, 2, 2])
    }

    @Test func `a lost lamp is ordered nothing, and its right level once it is back`() throws {
        var engine = try engine()
        var clock = try TestClock("2026-11-21T20:00:00Z")
        _ = settle(&engine, clock)
        engine.lampLost("lamp-1")
        clock.run(.seconds(3 * 3600))
        #expect(settle(&engine, clock) == ["lamp-2": ExactDecimal(50)])
        engine.lampBack("lamp-1")
        #expect(settle(&engine, clock) == ["lamp-1": ExactDecimal(50)])
    }

    @Test func `a step fades where its change is seen, and not after a restart`() throws {
        let program = LightingProgram(
            name: "p", active: [],
            steps: [try Fixtures.step("23:00", 50, fade: .seconds(30)), try Fixtures.step("05:00", 100)])
        var clock = try TestClock("2026-11-21T21:59:59Z")
        var engine = LightingEngine(plan: try Fixtures.plan(program))
        _ = settle(&engine, clock)
        clock.run(.seconds(1))
        #expect(engine.tick(clock.now).first?.fade == .seconds(30))
        var restarted = LightingEngine(plan: try Fixtures.plan(program))
        #expect(restarted.tick(clock.now).first?.fade == nil)
    }

    @Test func `a clock that jumps is followed at once`() throws {
        var engine = try engine()
        var clock = try TestClock("2026-11-21T20:00:00Z")
        #expect(settle(&engine, clock)["lamp-1"] == ExactDecimal(100))
        clock.utc = try Fixtures.utc("2027-02-01T01:00:00Z")
        #expect(settle(&engine, clock)["lamp-1"] == ExactDecimal(50))
        clock.utc = try Fixtures.utc("2026-11-21T12:00:00Z")
        #expect(settle(&engine, clock)["lamp-1"] == .zero)
    }

    @Test func `a changed plan orders only what it changes`() throws {
        var engine = try engine()
        let clock = try TestClock("2026-11-21T20:00:00Z")
        _ = settle(&engine, clock)
        try engine.override(lamps: ["lamp-9"], percent: ExactDecimal(1), author: "a", clock: clock.now)
        _ = settle(&engine, clock)
        engine.replace(
            plan: try Fixtures.plan(LightingProgram(name: "p", active: [], steps: [try Fixtures.step("12:00", 60)])))
        #expect(settle(&engine, clock) == ["lamp-1": ExactDecimal(60), "lamp-2": ExactDecimal(60)])
        engine.replace(plan: LightingPlan(place: nil, zone: .utc, programs: [], calendars: [], groups: []))
        #expect(engine.tick(clock.now).isEmpty)
        #expect(engine.overrides.isEmpty)
    }

    @Test func `the next wake is the next step, retry or end of an override`() throws {
        var engine = try engine()
        var clock = try TestClock("2026-11-21T21:59:30Z")
        _ = settle(&engine, clock)
        #expect(engine.nextWake(after: clock.now) == .seconds(30))
        try engine.override(
            lamps: ["lamp-1"], percent: ExactDecimal(1), duration: .seconds(10), author: "a", clock: clock.now)
        #expect(engine.nextWake(after: clock.now) == .seconds(10))
        _ = engine.tick(clock.now)
        engine.failed(lamp: "lamp-1", clock: clock.now)
        #expect(engine.nextWake(after: clock.now) == .seconds(2))
        clock.run(.seconds(5))
        #expect(engine.nextWake(after: clock.now) == .zero)
    }

    @Test func `on a lasting stop every lamp goes to its fallback`() throws {
        let engine = try engine()
        #expect(engine.fallbackOrders().map(\.percent) == [ExactDecimal(80), ExactDecimal(80), ExactDecimal(30)])
    }
}
