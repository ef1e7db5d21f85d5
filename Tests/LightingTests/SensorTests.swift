import Lighting
import Telemetry
import Testing

/// Sensors that begin and end periods and change levels, in virtual time.
@Suite struct SensorTests {
    static let pir = "pir.occupied"
    static let lux = "mast.illuminance"

    /// One lamp, `g`, under one program that is active at all times unless it says otherwise.
    struct Bench {
        var engine: LightingEngine
        var clock: TestClock
        var inputs = LightingInputs()

        init(
            _ program: LightingProgram, at time: String = "2028-05-01T22:00:00Z",
            place: SolarPosition.Place? = Fixtures.duisburg
        ) throws {
            engine = LightingEngine(
                plan: LightingPlan(
                    place: place, zone: .utc, programs: [program],
                    calendars: [.init(name: "c", defaultProgram: program.name)],
                    groups: [.init(name: "g", calendar: "c", lamps: ["a"])]))
            #expect(engine.plan.problems.isEmpty)
            clock = try TestClock(time)
        }

        mutating func hear(_ point: String, _ value: Value, isGood: Bool = true) {
            inputs.note(point, value, isGood: isGood, at: clock.uptime)
        }

        /// The level that is right now.
        mutating func level() -> ExactDecimal? {
            for order in engine.tick(clock.now, inputs: inputs) {
                engine.confirmed(lamp: order.lamp, percent: order.percent)
            }
            return engine.level(for: "a", clock: clock.now)?.percent
        }
    }

    static func control(
        _ source: String = pir, when: SensorCondition? = .occupied, until: SensorCondition? = nil, level: Int64 = 100,
        operation: LevelOperation = .set, hold: Duration = .zero, period: ActivePeriod.Span? = nil
    ) -> DynamicControl {
        DynamicControl(
            source: SensorSource(source), when: when, until: until, effect: .level(ExactDecimal(level)),
            operation: operation, hold: hold, period: period)
    }

    static func program(_ dynamic: [DynamicControl], active: [ActivePeriod] = [], base: Int64 = 40) throws
        -> LightingProgram
    {
        LightingProgram(name: "p", active: active, steps: [try Fixtures.step("12:00", base)], dynamic: dynamic)
    }

    @Test func `occupancy drives a group and holds its level`() throws {
        var bench = try Bench(try Self.program([Self.control(hold: .seconds(300))]))
        #expect(bench.level() == ExactDecimal(40))
        bench.hear(Self.pir, .flag(true))
        #expect(bench.level() == ExactDecimal(100))
        bench.clock.run(.seconds(60))
        bench.hear(Self.pir, .flag(false))
        #expect(bench.level() == ExactDecimal(100))
        bench.clock.run(.seconds(299))
        #expect(bench.level() == ExactDecimal(100))
        #expect(bench.engine.nextWake(after: bench.clock.now) == .seconds(1))
        bench.clock.run(.seconds(1))
        #expect(bench.level() == ExactDecimal(40))
    }

    @Test func `a light sensor with hysteresis raises the light below 20 and until above 40`() throws {
        let control = Self.control(
            Self.lux, when: .compare(.below, .number(ExactDecimal(20))),
            until: .compare(.above, .number(ExactDecimal(40))), level: 90, operation: .max)
        var bench = try Bench(try Self.program([control]))
        for (lux, level) in [(30, 40), (19, 90), (30, 90), (40, 90), (41, 40), (25, 40)] as [(Int64, Int64)] {
            bench.clock.run(.seconds(30))
            bench.hear(Self.lux, .number(ExactDecimal(lux)))
            #expect(bench.level() == ExactDecimal(level), "\(lux) lx")
        }
    }

    @Test func `traffic of five vehicles in ten minutes acts, and its counter may be reset`() throws {
        let control = Self.control(
            "road.vehicles", when: .count(atLeast: ExactDecimal(5), within: .seconds(600)), level: 80)
        var bench = try Bench(try Self.program([control]))
        var levels: [Int64?] = []
        // Two a minute from the third minute on, a reset in the fifth; silence from the ninth.
        for count in [100, 100, 102, 104, 3, 5, 7, 9] + Array(repeating: 9, count: 12) as [Int64] {
            bench.hear("road.vehicles", .number(ExactDecimal(count)))
            levels.append(bench.level()?.integer)
            bench.clock.run(.seconds(60))
        }
        // 2, 4, 4 (the reset), 6: from minute 5 on; 10 in all, of which the last five leave the window in minute 16.
        #expect(
            levels == Array(repeating: 40, count: 5) + Array(repeating: 80, count: 10) + Array(repeating: 40, count: 5))
    }

    @Test func `the first control of the list that acts wins`() throws {
        var bench = try Bench(
            try Self.program([Self.control(level: 70), Self.control(Self.lux, when: .occupied, level: 20)]))
        bench.hear(Self.lux, .flag(true))
        #expect(bench.level() == ExactDecimal(20))
        bench.hear(Self.pir, .flag(true))
        #expect(bench.level() == ExactDecimal(70))
    }

    @Test(
        arguments: [
            (LevelOperation.set, 30, 30), (.max, 30, 40), (.max, 50, 50), (.min, 30, 30), (.min, 50, 40),
            (.add, 30, 70),
            (.add, 90, 100), (.sub, 30, 10), (.sub, 90, 0), (.mul, 50, 20),
        ] as [(LevelOperation, Int64, Int64)])
    func `an operation over 40 percent`(operation: LevelOperation, level: Int64, outcome: Int64) throws {
        var bench = try Bench(try Self.program([Self.control(level: level, operation: operation)]))
        bench.hear(Self.pir, .flag(true))
        #expect(bench.level() == ExactDecimal(outcome))
    }

    @Test func `a silent sensor is as if it were not there, and that is remarked`() throws {
        var bench = try Bench(try Self.program([Self.control(hold: .seconds(3600))]))
        #expect(bench.level() == ExactDecimal(40))
        #expect(bench.engine.remarks(bench.clock.now).first?.contains("no good value since the start") == true)
        bench.hear(Self.pir, .flag(true))
        #expect(bench.level() == ExactDecimal(100))
        #expect(bench.engine.remarks(bench.clock.now).isEmpty)
        bench.clock.run(.seconds(15 * 60))
        bench.hear(Self.pir, .flag(true), isGood: false)
        #expect(bench.level() == ExactDecimal(100))
        bench.clock.run(.seconds(1))
        #expect(bench.level() == ExactDecimal(40))
        #expect(bench.engine.remarks(bench.clock.now).first?.contains("no good value for 15 min") == true)
        let explained = bench.engine.explanation(of: "a", clock: bench.clock.now)
        #expect(explained?.lines.last?.rule == "sensor")
        bench.hear(Self.pir, .text("broken"))
        #expect(bench.level() == ExactDecimal(40))
    }

    @Test func `no control acts outside the active periods or its own period`() throws {
        let night = ActivePeriod(from: try Fixtures.clock("20:00"), to: try Fixtures.clock("06:00"))
        let late = ActivePeriod.Span(from: try Fixtures.clock("23:00"), to: try Fixtures.clock("05:00"))
        var bench = try Bench(try Self.program([Self.control(period: late)], active: [night]))
        for (time, level) in [
            ("2028-05-01T19:59:00Z", 0), ("2028-05-01T22:59:00Z", 40), ("2028-05-01T23:00:00Z", 100),
            ("2028-05-02T05:00:00Z", 40), ("2028-05-02T06:00:00Z", 0),
        ] as [(String, Int64)] {
            let moment = try Fixtures.utc(time)
            bench.clock.run(moment.duration(since: bench.clock.utc))
            bench.clock.uptime = bench.clock.uptime.advanced(by: .seconds(86_400))
            bench.hear(Self.pir, .flag(true))
            #expect(bench.level() == ExactDecimal(level), "\(time)")
        }
    }

    static func sensor(early: Duration = .zero, earlyEnd: Duration = .zero) -> PeriodSensor {
        PeriodSensor(
            source: SensorSource(lux), rule: .level(on: ExactDecimal(20), off: ExactDecimal(40)), early: early,
            earlyEnd: earlyEnd)
    }

    @Test func `a period by a sensor alone goes by its two levels, and by the sun while the sensor is silent`() throws {
        let program = try Self.program([], active: [ActivePeriod(sensor: Self.sensor())], base: 100)
        var bench = try Bench(program, at: "2028-05-01T12:00:00Z")
        #expect(bench.level() == .zero)
        for (lux, level) in [(30, 0), (19, 100), (40, 100), (41, 0)] as [(Int64, Int64)] {
            bench.clock.run(.seconds(60))
            bench.hear(Self.lux, .number(ExactDecimal(lux)))
            #expect(bench.level() == ExactDecimal(level), "\(lux) lx")
        }
        bench.clock.run(.seconds(10 * 3600))
        #expect(bench.level() == ExactDecimal(100), "22:00, nothing heard for ten hours")
    }

    @Test func `without a place a period of a silent sensor is lit`() throws {
        let program = try Self.program([], active: [ActivePeriod(sensor: Self.sensor())], base: 100)
        var bench = try Bench(program, at: "2028-05-01T12:00:00Z", place: nil)
        #expect(bench.level() == ExactDecimal(100))
    }

    @Test func `a sensor may begin a night early and end it early, and no more`() throws {
        let period = ActivePeriod(
            from: try Fixtures.clock("20:00"), to: try Fixtures.clock("06:00"),
            sensor: Self.sensor(early: .seconds(3600), earlyEnd: .seconds(1800)))
        for (time, lux, level) in [
            ("2028-05-01T18:59:00Z", 1, 0), ("2028-05-01T19:00:00Z", 1, 100), ("2028-05-01T19:00:00Z", 90, 0),
            ("2028-05-01T19:30:00Z", nil, 0), ("2028-05-01T20:00:00Z", 90, 100), ("2028-05-02T05:29:00Z", 90, 100),
            ("2028-05-02T05:30:00Z", 90, 0), ("2028-05-02T05:30:00Z", 1, 100), ("2028-05-02T05:30:00Z", nil, 100),
            ("2028-05-02T06:00:00Z", 1, 0),
        ] as [(String, Int64?, Int64)] {
            var bench = try Bench(try Self.program([], active: [period], base: 100), at: time)
            if let lux { bench.hear(Self.lux, .number(ExactDecimal(lux))) }
            #expect(bench.level() == ExactDecimal(level), "\(time), \(lux ?? -1) lx")
        }
    }

    @Test func `what sensors said survives a restart until they speak again or are stale`() throws {
        var bench = try Bench(try Self.program([Self.control(hold: .seconds(600))]))
        bench.hear(Self.pir, .flag(true))
        _ = bench.level()
        bench.clock.run(.seconds(60))
        bench.hear(Self.pir, .flag(false))
        #expect(bench.level() == ExactDecimal(100))
        bench.clock.run(.seconds(100))
        let stored = try JSONValue(parsing: Array(bench.engine.storedOverrides(bench.clock.now).description.utf8))

        var fresh = try Bench(try Self.program([Self.control(hold: .seconds(600))]))
        fresh.clock.uptime = BootInstant(nanoseconds: 5_000_000_000)
        #expect(fresh.engine.restoreOverrides(stored, clock: fresh.clock.now).isEmpty)
        #expect(fresh.level() == ExactDecimal(100))
        fresh.clock.run(.seconds(499))
        #expect(fresh.level() == ExactDecimal(100))
        fresh.clock.run(.seconds(1))
        #expect(fresh.level() == ExactDecimal(40))
    }

    @Test func `the source's own value can be the level`() throws {
        let control = DynamicControl(source: SensorSource("plc.level"), when: nil, effect: .source)
        var bench = try Bench(try Self.program([control]))
        #expect(bench.level() == ExactDecimal(40))
        for (value, level) in [(65, 65), (250, 100), (-3, 0)] as [(Int64, Int64)] {
            bench.clock.run(.seconds(1))
            bench.hear("plc.level", .number(ExactDecimal(value)))
            #expect(bench.level() == ExactDecimal(level))
        }
    }

    @Test func `the explanation ranks what has a say and names what rules`() throws {
        var bench = try Bench(try Self.program([Self.control(hold: .seconds(600))]))
        bench.hear(Self.pir, .flag(true))
        try bench.engine.override(lamps: ["a"], percent: ExactDecimal(55), author: "office", clock: bench.clock.now)
        try bench.engine.hold(
            lamps: ["a"], percent: nil, until: bench.clock.uptime.advanced(by: .seconds(7200)), reason: "cable",
            by: "uid 1000")
        let first = bench.engine.explanation(of: "a", clock: bench.clock.now, inputs: bench.inputs)
        let explanation = try #require(first)
        #expect(explanation.level.percent == nil)
        #expect(
            explanation.lines.prefix(5).map(\.rule) == ["hold", "override", "dynamic control", "program", "default"])
        #expect(explanation.lines.filter(\.rules).map(\.rule) == ["hold"])
        bench.engine.unhold(lamps: ["a"])
        bench.engine.release(lamps: ["a"])
        let second = bench.engine.explanation(of: "a", clock: bench.clock.now)
        let later = try #require(second)
        #expect(later.lines.first { $0.rules }?.rule == "dynamic control")
        #expect(later.level.reason.talq == "sensor")
    }
}
