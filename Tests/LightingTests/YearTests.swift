import Glibc
import Lighting
import Telemetry
import Testing

/// A year of lamps in virtual time, driven by nothing but the engine's own wakes.
@Suite struct YearTests {
    static let python = getenv("CANDELA_PYTHON").map { String(cString: $0) }
    /// Both changes of the clock, both solstices, the leap day and New Year.
    static let dates = ["2028-01-01", "2028-02-29", "2028-03-26", "2028-06-21", "2028-10-29", "2028-12-21"]
    /// How many lamps each group has: 64 in all. Where the build is slow a few of them have to do.
    #if DEBUG
        static let sizes = [4, 2, 2]
    #else
        static let sizes = [40, 12, 12]
    #endif

    /// Programs that night.py works out a second time.
    static func plan() throws -> LightingPlan {
        let sunDown = ActivePeriod(from: .sunset(offset: .zero), to: .sunrise(offset: .zero))
        let programs = [
            try Fixtures.night(),
            LightingProgram(
                name: "feast",
                active: [ActivePeriod(from: .sunset(offset: .seconds(600)), to: .sunrise(offset: .seconds(-600)))]),
            LightingProgram(
                name: "path",
                active: [ActivePeriod(from: try Fixtures.clock("17:30"), to: try Fixtures.clock("08:15"))],
                steps: [try Fixtures.step("17:30", 80), try Fixtures.step("02:30", 20), try Fixtures.step("03:15", 60)]),
            LightingProgram(
                name: "square", active: [sunDown],
                steps: [
                    try Fixtures.step("22:00", 70), try Fixtures.step("04:00", 90),
                    LightingStep(at: .sunset(offset: .seconds(7200)), level: ExactDecimal(40), operation: .min),
                    LightingStep(at: .sunrise(offset: .seconds(-3600)), level: ExactDecimal(100), operation: .min),
                ]),
        ]
        let newYear = YearlyDate(month: 12, day: 31)
        let july = LightingCalendar.Span.yearly(
            first: YearlyDate(month: 7, day: 1), last: YearlyDate(month: 7, day: 31))
        func lamps(_ group: Int) -> [String] { (0..<sizes[group]).map { "\(group)-lamp-\(100 + $0)" } }
        return LightingPlan(
            place: Fixtures.duisburg, zone: try TimeZoneRules.load(name: "Europe/Berlin"), programs: programs,
            calendars: [
                LightingCalendar(
                    name: "street",
                    rules: [
                        .init(span: .yearly(first: newYear, last: newYear), program: "feast"),
                        .init(span: july, weekdays: [6], program: "feast"),
                    ], defaultProgram: "night"),
                LightingCalendar(name: "path", defaultProgram: "path"),
                LightingCalendar(name: "square", defaultProgram: "square"),
            ],
            groups: [
                LampGroup(name: "street", calendar: "street", lamps: lamps(0)),
                LampGroup(name: "path", calendar: "path", lamps: lamps(1)),
                LampGroup(
                    name: "square", calendar: "square", lamps: lamps(2),
                    pipeline: LevelPipeline(virtualOutput: ExactDecimal(80), minimum: ExactDecimal(30))),
            ])
    }

    @Test(.enabled(if: python != nil, "CANDELA_PYTHON names no Python with astral"))
    func `in a year every level of six dates is right at every minute, by an independent calculation`()
        throws
    {
        let python = try #require(Self.python)
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let script = "/" + folder + "/Python/night.py"
        let expected = try Process.lines(of: "\(python) \(script) \(Self.dates.joined(separator: " "))")
        #expect(expected.count == Self.dates.count * 1440)

        var engine = LightingEngine(plan: try Self.plan())
        let begin = try Fixtures.utc("2027-12-31T12:00:00Z")
        let last = try Fixtures.utc("2029-01-01T00:00:00Z")
        let dayStarts = try Self.dates.map { try Fixtures.utc($0 + "T00:00:00Z") }
        let observed = Self.sizes.enumerated().flatMap { ["\($0)-lamp-100", "\($0)-lamp-\(99 + $1)"] }
        var levels: [String: ExactDecimal] = [:]
        var seen: [[[ExactDecimal]]] = Array(repeating: [], count: Self.dates.count)
        var orders = 0
        var ticks = 0
        var elapsed: Duration = .zero
        let start = ContinuousClock.now
        /// What the engine's own wakes leave out cannot change a level: a minute is enough in a release build, and where the
        /// build is slow the next event.
        #if DEBUG
            let longest: Duration = .seconds(12 * 3600)
        #else
            let longest: Duration = .seconds(60)
        #endif
        func clock() -> LightingClock {
            LightingClock(
                utc: begin.advanced(by: elapsed),
                uptime: BootInstant(nanoseconds: 60_000_000_000).advanced(by: elapsed), isTrusted: true)
        }
        func tick() {
            ticks += 1
            for order in engine.tick(clock()) {
                orders += 1
                levels[order.lamp] = order.percent
                engine.confirmed(lamp: order.lamp, percent: order.percent)
            }
        }
        while begin.advanced(by: elapsed) < last {
            tick()
            let now = begin.advanced(by: elapsed)
            var wait = max(engine.nextWake(after: clock(), atMost: longest), .milliseconds(1))
            for (index, day) in dayStarts.enumerated() {
                // Half a minute into each minute is looked at.
                let first = day.advanced(by: .seconds(30))
                if now < first {
                    wait = min(wait, first.duration(since: now))
                } else if now < day.advanced(by: .seconds(86_400)) {
                    let minute = now.duration(since: first).wholeMilliseconds / 60_000
                    if now == first.advanced(by: .seconds(60 * minute)) {
                        seen[index].append(observed.map { levels[$0] ?? .zero })
                    }
                    wait = min(wait, first.advanced(by: .seconds(60 * (minute + 1))).duration(since: now))
                }
            }
            elapsed += wait
        }
        let took = ContinuousClock.now - start
        #expect(seen.map(\.count) == Array(repeating: 1440, count: 6))
        // Two independent calculations of sunset agree within a minute, so what is asked is that a minute's level is that
        // of the same minute or a neighbour of it.
        var wrong: [String] = []
        var exact = 0
        for (day, minutes) in seen.enumerated() {
            for (minute, found) in minutes.enumerated() {
                let wanted = (-1...1).compactMap { shift -> [ExactDecimal]? in
                    let line = day * 1440 + minute + shift
                    guard (day * 1440..<(day + 1) * 1440).contains(line) else { return nil }
                    return expected[line].split(separator: " ").dropFirst().compactMap { ExactDecimal($0) }
                }
                let own = expected[day * 1440 + minute].split(separator: " ").dropFirst().compactMap {
                    ExactDecimal($0)
                }
                for (lamp, level) in found.enumerated() {
                    if own[lamp / 2] == level { exact += 1 }
                    if !wanted.contains(where: { $0[lamp / 2] == level }) {
                        wrong.append("\(expected[day * 1440 + minute]): \(observed[lamp]) at \(level)")
                    }
                }
            }
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
        // No more than a sunset or two of the six dates may lie on the edge of a minute.
        #expect(exact >= 6 * 1440 * 6 - 12)
        #if !DEBUG
            #expect(took < .seconds(60))
        #endif
        print(
            "a year of \(engine.plan.lamps.count) lamps: \(ticks) ticks, \(orders) orders, \(took); \(exact) of \(6 * 1440 * 6) levels to the minute"
        )
    }
}
