import Lighting
import Telemetry
import Testing

/// Every number in here was worked out by hand.
@Suite struct LevelPipelineTests {
    /// TALQ's example of a lumen depreciation curve.
    static let curve: [LevelPipeline.CurvePoint] = [(0, 80), (5000, 85), (10_000, 90), (15_000, 95), (20_000, 100)].map
    {
        .init(hours: ExactDecimal($0.0), percent: ExactDecimal($0.1))
    }

    static func number(_ text: String) throws -> ExactDecimal { try #require(ExactDecimal(text)) }

    @Test(
        arguments: [
            // asked, virtual output, hours, maintenance factor, days since, minimum -> sent
            ("100", "100", nil, nil, 0, "0", "100"),
            // 100 x 0.8
            ("100", "80", nil, nil, 0, "0", "80"),
            // 33.3 x 0.8 = 26.64
            ("33.3", "80", nil, nil, 0, "0", "26.6"),
            // At 0 h 80 %, at 2500 h half way to 85 %, after the last point as there.
            ("100", "100", "0", nil, 0, "0", "80"), ("100", "100", "2500", nil, 0, "0", "82.5"),
            ("100", "100", "90000", nil, 0, "0", "100"),
            // 1234 h: 80 + 5 x 0.2468 = 81.234
            ("100", "100", "1234", nil, 0, "0", "81.2"),
            // Right after maintenance 90 %, half the year later 95 %, then 100 %.
            ("100", "100", nil, "90", 0, "0", "90"), ("100", "100", nil, "90", 50, "0", "95"),
            ("100", "100", nil, "90", 100, "0", "100"), ("100", "100", nil, "90", 4000, "0", "100"),
            // 50 x 0.8 = 40; x 0.9 (10,000 h) = 36; x 0.95 (day 50) = 34.2
            ("50", "80", "10000", "90", 50, "0", "34.2"),
            // The same below a minimum of 40 %; but off is off.
            ("50", "80", "10000", "90", 50, "40", "40"), ("0", "80", "10000", "90", 50, "40", "0"),
            // 12.5 x 0.5 = 6.25, half up to 6.3
            ("12.5", "50", nil, nil, 0, "0", "6.3"),
            // 0.1 x 0.1 = 0.01: what is on is not rounded to off.
            ("0.1", "10", nil, nil, 0, "0", "0.1"),
        ] as [(String, String, String?, String?, Int64, String, String)])
    func `the level that is sent is the one worked out by hand`(
        asked: String, output: String, hours: String?, factor: String?, days: Int64, minimum: String, sent: String
    ) throws {
        let pipeline = LevelPipeline(
            virtualOutput: try Self.number(output), constantLight: hours == nil ? [] : Self.curve,
            maintenance: try factor.map {
                .init(
                    factor: try Self.number($0), last: CalendarDate(year: 2028, month: 1, day: 1),
                    period: .seconds(100 * 86_400))
            }, minimum: try Self.number(minimum))
        let found = pipeline.percent(
            of: try Self.number(asked), hours: try hours.map(Self.number), maintenanceAge: .seconds(days * 86_400))
        #expect(found == (try Self.number(sent)))
    }

    @Test func `without hours or a trusted clock there is more light rather than less`() {
        let pipeline = LevelPipeline(
            constantLight: Self.curve,
            maintenance: .init(
                factor: ExactDecimal(70), last: CalendarDate(year: 2028, month: 1, day: 1), period: .seconds(86_400)))
        #expect(pipeline.percent(of: ExactDecimal(60), hours: nil, maintenanceAge: nil) == ExactDecimal(60))
    }

    @Test func `a level that nothing changes is sent as it was written`() throws {
        let written = try Self.number("33.333")
        #expect(LevelPipeline.plain.percent(of: written, hours: nil, maintenanceAge: nil) == written)
        #expect(LevelPipeline.plain.stages(of: written, hours: nil, maintenanceAge: nil).isEmpty)
    }

    @Test func `a lamp that warms up is dimmed afterwards, and one that cools down comes on afterwards`() throws {
        let program = LightingProgram(
            name: "p", active: [ActivePeriod(from: try Fixtures.clock("20:00"), to: try Fixtures.clock("21:00"))],
            steps: [try Fixtures.step("12:00", 40)])
        let plan = LightingPlan(
            place: nil, zone: .utc, programs: [program], calendars: [.init(name: "c", defaultProgram: "p")],
            groups: [
                .init(
                    name: "g", calendar: "c", lamps: ["a"],
                    pipeline: LevelPipeline(warmUp: .seconds(300), coolDown: .seconds(600)))
            ])
        var engine = LightingEngine(plan: plan)
        var clock = try TestClock("2028-05-01T19:00:00Z")
        var log: [String] = []
        func turn() {
            for order in engine.tick(clock.now) {
                let minutes = (clock.utc.seconds - 1_840_820_400) / 60
                log.append("\(minutes): \(order.percent)")
                engine.confirmed(lamp: "a", percent: order.percent)
            }
        }
        for minute in 0..<150 {
            // Somebody wants light right after it went off.
            if minute == 121 {
                try engine.override(
                    lamps: ["a"], percent: ExactDecimal(30), duration: .seconds(3600), author: "x", clock: clock.now)
            }
            turn()
            clock.run(.seconds(60))
        }
        // On at minute 60 for five minutes at full light; off at 120 for ten minutes; then burning in again.
        #expect(log == ["0: 0", "60: 100", "65: 40", "120: 0", "130: 100", "135: 30"])
    }
}
