import Lighting
import Telemetry
import Testing

/// docs/lighting.md, "What rules a lamp" (TALQ 2.7.1): each row above the one before it.
@Suite struct PrecedenceTests {
    /// How much of the table applies.
    enum Row: Int, CaseIterable {
        case standard, inactive, active, fixedTime, sunOperation, secondControl, firstControl, override, laterOverride,
            hold
    }

    @Test(
        arguments: [
            (Row.standard, 11, "default"), (.inactive, 0, "program"), (.active, 100, "program"),
            (.fixedTime, 60, "program"),
            (.sunOperation, 50, "program"), (.secondControl, 35, "sensor"), (.firstControl, 45, "sensor"),
            (.override, 21, "override"), (.laterOverride, 22, "override"), (.hold, 23, "override"),
        ] as [(Row, Int64, String)])
    func `each row rules over those below it`(row: Row, level: Int64, talq: String) throws {
        func applies(_ other: Row) -> Bool { row.rawValue >= other.rawValue }
        let program = LightingProgram(
            name: "p",
            active: [
                applies(.active)
                    ? ActivePeriod(from: .sunset(offset: .zero), to: .sunrise(offset: .zero))
                    : ActivePeriod(from: try Fixtures.clock("03:00"), to: try Fixtures.clock("04:00"))
            ],
            steps: (applies(.fixedTime) ? [try Fixtures.step("20:00", 60), try Fixtures.step("06:00", 90)] : [])
                + (applies(.sunOperation)
                    ? [LightingStep(at: .sunset(offset: .seconds(3600)), level: ExactDecimal(10), operation: .sub)]
                    : []),
            dynamic: [
                SensorTests.control("a.occupied", level: 45),
                SensorTests.control("b.occupied", level: 15, operation: .sub),
            ])
        var engine = LightingEngine(
            plan: LightingPlan(
                place: Fixtures.duisburg, zone: .utc, programs: [program],
                calendars: [.init(name: "c", defaultProgram: "p")],
                groups: [
                    .init(
                        name: "g", calendar: applies(.inactive) ? "c" : nil, fallback: ExactDecimal(11), lamps: ["lamp"]
                    )
                ]))
        let clock = try TestClock("2028-01-05T22:00:00Z").now
        var inputs = LightingInputs()
        inputs.note("b.occupied", .flag(applies(.secondControl)), at: clock.uptime)
        inputs.note("a.occupied", .flag(applies(.firstControl)), at: clock.uptime)
        for (override, percent) in [(Row.override, 21), (.laterOverride, 22)] as [(Row, Int64)] where applies(override)
        {
            try engine.override(lamps: ["lamp"], percent: ExactDecimal(percent), author: "x", clock: clock)
        }
        if applies(.hold) {
            try engine.hold(
                lamps: ["lamp"], percent: ExactDecimal(23), until: clock.uptime.advanced(by: .seconds(60)), reason: "r",
                by: "x")
        }
        #expect(engine.tick(clock, inputs: inputs).map(\.percent) == [ExactDecimal(level)])
        #expect(engine.level(for: "lamp", clock: clock)?.reason.talq == talq)
    }

    @Test(arguments: [
        ("2028-12-24", "feast"), ("2029-01-06", "feast"), ("2029-01-07", "standard"), ("2028-02-29", "leap"),
        ("2029-02-28", "standard"), ("2028-06-30", "last-friday"), ("2028-06-23", "standard"), ("2028-06-09", "second"),
        ("2028-03-15", "mid-month"), ("2028-03-14", "standard"), ("2028-05-01", "once"), ("2029-05-01", "standard"),
    ])
    func `the first rule of a calendar that fits a night wins`(date: String, program: String) throws {
        let parts = date.split(separator: "-").compactMap { Int($0) }
        func yearly(_ month: Int, _ day: Int) -> YearlyDate { YearlyDate(month: month, day: day) }
        let once = CalendarDate(year: 2028, month: 5, day: 1)
        let calendar = LightingCalendar(
            name: "c",
            rules: [
                .init(span: .yearly(first: yearly(12, 24), last: yearly(1, 6)), program: "feast"),
                .init(span: .yearly(first: yearly(2, 29), last: yearly(2, 29)), program: "leap"),
                .init(first: once, last: once, program: "once"),
                .init(weekdays: [5], occurrences: [.last], program: "last-friday"),
                .init(weekdays: [5], occurrences: [.number(2)], program: "second"),
                .init(days: [15, 16], program: "mid-month"),
            ], defaultProgram: "standard")
        #expect(calendar.program(night: CalendarDate(year: parts[0], month: parts[1], day: parts[2])) == program)
    }
}
