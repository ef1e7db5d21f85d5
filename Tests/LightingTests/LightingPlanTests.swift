import Lighting
import Telemetry
import Testing

@Suite struct LightingPlanTests {
    // Duisburg on 2026-11-21: sunset 16:32 CET, sunrise on the 22nd 08:00 CET.
    @Test(arguments: [
        ("2026-11-21T12:00:00Z", 0, "program"), ("2026-11-21T15:35:00Z", 0, "program"),
        ("2026-11-21T15:50:00Z", 100, "program"), ("2026-11-21T21:59:59Z", 100, "program"),
        ("2026-11-21T22:00:00Z", 50, "program"), ("2026-11-22T03:59:59Z", 50, "program"),
        ("2026-11-22T04:00:00Z", 100, "program"), ("2026-11-22T06:40:00Z", 100, "program"),
        ("2026-11-22T07:05:00Z", 0, "program"),
    ])
    func `the night of the first configuration`(at: String, level: Int64, reason: String) throws {
        let plan = try Fixtures.plan(try Fixtures.night())
        #expect(plan.problems.isEmpty)
        let found = try #require(plan.level(for: "lamp-1", at: try Fixtures.utc(at), clockTrusted: true))
        #expect(found.percent == ExactDecimal(level))
        #expect(found.reason.talq == reason)
    }

    /// One period, 100 % within: what is on at local times of a day in June.
    @Test(arguments: [
        // from, to, local times when on, local times when off
        ("22:00", "06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "12:00", "21:59"]),
        ("08:00", "18:00", ["08:00", "12:00", "17:59"], ["07:59", "18:00", "00:00"]),
        ("00:00", "00:00", ["00:00", "12:00", "23:59"], []), ("00:00", "24:00", ["00:00", "12:00", "23:59"], []),
        ("18:00", "24:00", ["18:00", "23:59"], ["00:00", "17:59"]),
        // The sun rises at 05:14 and sets at 21:53: a morning period after sunrise and an evening one before sunset are none.
        ("06:00", "sunrise", [], ["05:00", "06:00", "12:00", "23:00"]),
        ("04:00", "sunrise", ["04:00", "05:10"], ["03:59", "05:20", "12:00", "23:00"]),
        ("sunset", "21:00", [], ["20:00", "21:00", "22:30", "03:00"]),
        ("sunset", "23:00", ["22:00", "22:59"], ["21:45", "23:00", "03:00"]),
        ("sunset", "01:00", ["22:00", "00:59"], ["21:45", "01:00", "12:00"]),
        ("18:00", "sunrise", ["18:00", "23:00", "05:10"], ["05:20", "12:00", "17:59"]),
        ("sunrise", "sunset", ["05:20", "12:00", "21:45"], ["05:10", "22:00", "00:00"]),
        ("sunrise", "20:00", ["05:20", "19:59"], ["05:10", "20:00", "23:00"]),
        ("14:00", "sunset", ["14:00", "21:45"], ["13:59", "22:00", "03:00"]),
    ])
    func `an active period is on within and off outside`(from: String, to: String, on: [String], off: [String]) throws {
        func time(_ text: String) throws -> DailyTime {
            switch text {
            case "sunrise": .sunrise(offset: .zero)
            case "sunset": .sunset(offset: .zero)
            default: try Fixtures.clock(text)
            }
        }
        let plan = try Fixtures.plan(
            LightingProgram(name: "p", active: [ActivePeriod(from: try time(from), to: try time(to))]))
        #expect(plan.problems.isEmpty)
        for (times, level) in [(on, ExactDecimal(100)), (off, .zero)] {
            for text in times {
                let at = try Fixtures.utc("2026-06-17T\(text):00+02:00")
                #expect(plan.level(for: "lamp-1", at: at, clockTrusted: true)?.percent == level, "\(text)")
            }
        }
    }

    @Test(arguments: [
        ("2026-12-21", 100, 100, 0), ("2026-06-21", 0, 0, 100),
    ])
    func `in polar night lamps by the sun stay on, in polar day off; by day the other way round`(
        date: String, night: Int64, noon: Int64, day: Int64
    ) throws {
        let byNight = try Fixtures.plan(
            LightingProgram(
                name: "p",
                active: [ActivePeriod(from: .sunset(offset: .seconds(600)), to: .sunrise(offset: .seconds(-600)))]),
            place: Fixtures.tromso, zone: "Europe/Oslo")
        let byDay = try Fixtures.plan(
            LightingProgram(
                name: "p", active: [ActivePeriod(from: .sunrise(offset: .zero), to: .sunset(offset: .zero))]),
            place: Fixtures.tromso, zone: "Europe/Oslo")
        var moment = try Fixtures.utc("\(date)T00:00:00Z")
        for _ in 0..<(24 * 12) {
            #expect(byNight.level(for: "lamp-1", at: moment, clockTrusted: true)?.percent == ExactDecimal(night))
            #expect(byDay.level(for: "lamp-1", at: moment, clockTrusted: true)?.percent == ExactDecimal(day))
            moment = moment.advanced(by: .seconds(300))
        }
    }

    @Test func `every night of a year at 70 degrees north begins and ends at most once`() throws {
        let plan = try Fixtures.plan(try Fixtures.night(), place: Fixtures.tromso, zone: "Europe/Oslo")
        for day in 0..<366 {
            let night = CalendarDate(CivilTime(UTCInstant(seconds: 1_830_297_600 + Int64(day) * 86_400)))
            let timeline = try #require(plan.timeline(program: "night", night: night))
            let states = timeline.segments.map { $0.level.percent != ExactDecimal.zero }
            let switches = zip(states, states.dropFirst()).filter { $0 != $1 }.count
            #expect(switches <= 2, "\(night): \(states)")
        }
    }

    @Test(arguments: [
        // The clock goes forward: 02:30 is 03:30 summer time. Back: 02:30 comes once, at its first time.
        ("2026-03-29T01:29:59Z", 100), ("2026-03-29T01:30:00Z", 40), ("2026-10-25T00:29:59Z", 100),
        ("2026-10-25T00:30:00Z", 40), ("2026-10-25T01:15:00Z", 40), ("2040-03-25T01:29:59Z", 100),
        ("2040-03-25T01:30:00Z", 40), ("2028-02-29T01:29:59Z", 100), ("2028-02-29T01:30:00Z", 40),
    ])
    func `a step comes once on the days the clock is changed and on leap days`(at: String, level: Int64) throws {
        let plan = try Fixtures.plan(
            LightingProgram(
                name: "p", active: [], steps: [try Fixtures.step("02:30", 40), try Fixtures.step("20:00", 100)]))
        #expect(plan.level(for: "lamp-1", at: try Fixtures.utc(at), clockTrusted: true)?.percent == ExactDecimal(level))
    }

    @Test func `a lone step rules from the previous day on, and that is remarked`() throws {
        let plan = try Fixtures.plan(LightingProgram(name: "p", active: [], steps: [try Fixtures.step("23:00", 50)]))
        #expect(
            plan.level(for: "lamp-1", at: try Fixtures.utc("2026-11-21T17:00:00Z"), clockTrusted: true)?.percent
                == ExactDecimal(50))
        #expect(plan.remarks.count == 1)
    }

    @Test func `a step of the sun comes over one of the clock at the same moment`() throws {
        let plan = try Fixtures.plan(
            LightingProgram(
                name: "p", active: [],
                steps: [
                    LightingStep(at: .sunset(offset: .zero), level: ExactDecimal(70)), try Fixtures.step("12:00", 20),
                ]))
        let sunset = try #require(plan.sun(on: CalendarDate(year: 2026, month: 11, day: 21))?.sunset.moment)
        #expect(
            plan.level(for: "lamp-1", at: sunset.advanced(by: .seconds(-1)), clockTrusted: true)?.percent
                == ExactDecimal(20))
        #expect(plan.level(for: "lamp-1", at: sunset, clockTrusted: true)?.percent == ExactDecimal(70))
    }

    @Test func `a calendar's first fitting rule wins, and a night belongs to the date of its evening`() throws {
        let newYear = CalendarDate(year: 2026, month: 12, day: 31)
        let calendar = LightingCalendar(
            name: "c",
            rules: [
                .init(first: newYear, last: newYear, program: "feast"),
                .init(
                    first: CalendarDate(year: 2026, month: 12, day: 1),
                    last: CalendarDate(year: 2027, month: 1, day: 31),
                    weekdays: [6, 7], program: "weekend"),
            ], defaultProgram: "plain")
        let plan = LightingPlan(
            place: nil, zone: try TimeZoneRules.load(name: "Europe/Berlin"),
            programs: try [("feast", 90), ("weekend", 60), ("plain", 30)].map {
                LightingProgram(name: $0.0, active: [], steps: [try Fixtures.step("00:00", $0.1)])
            }, calendars: [calendar], groups: [LampGroup(name: "g", calendar: "c", lamps: ["l"])])
        #expect(plan.problems.isEmpty)
        let rows: [(String, Int64)] = [
            ("2026-12-31T12:00:00+01:00", 90), ("2027-01-01T11:59:59+01:00", 90), ("2027-01-01T12:00:00+01:00", 30),
            ("2027-01-02T12:00:00+01:00", 60), ("2027-01-04T11:00:00+01:00", 60), ("2027-01-04T12:00:00+01:00", 30),
        ]
        for (at, level) in rows {
            #expect(
                plan.level(for: "l", at: try Fixtures.utc(at), clockTrusted: true)?.percent == ExactDecimal(level),
                "\(at)")
        }
    }

    @Test func `the next change is found, also over a quiet night`() throws {
        let plan = try Fixtures.plan(try Fixtures.night())
        let change = try #require(plan.nextChange(after: try Fixtures.utc("2026-11-21T20:00:00Z")))
        #expect(change == (try Fixtures.utc("2026-11-21T22:00:00Z")))
        let dusk = try #require(plan.nextChange(after: try Fixtures.utc("2026-11-21T10:00:00Z")))
        #expect(plan.level(for: "lamp-1", at: dusk, clockTrusted: true)?.percent == ExactDecimal(100))
        #expect(plan.level(for: "lamp-1", at: dusk.advanced(by: .seconds(-1)), clockTrusted: true)?.percent == .zero)
        let always = try Fixtures.plan(LightingProgram(name: "p", active: []))
        #expect(always.nextChange(after: change) == nil)
    }

    @Test func `what is unsound is named with its place, and its lamps stand at their fallback`() throws {
        func codes(_ program: LightingProgram, place: SolarPosition.Place? = Fixtures.duisburg) throws
            -> [LightingProblem.Code]
        {
            let plan = try Fixtures.plan(program, place: place)
            let level = plan.level(for: "lamp-1", at: try Fixtures.utc("2026-11-21T12:00:00Z"), clockTrusted: true)
            #expect(level == LampLevel(percent: ExactDecimal(80), reason: .standard))
            #expect(plan.problems.allSatisfy { !$0.path.isEmpty && !$0.explanation.isEmpty })
            return plan.problems.map(\.code)
        }
        let night = ActivePeriod(from: try Fixtures.clock("18:00"), to: try Fixtures.clock("06:00"))
        let late = ActivePeriod(from: try Fixtures.clock("05:00"), to: try Fixtures.clock("07:00"))
        #expect(try codes(LightingProgram(name: "p", active: [night, late])).first == .badActivePeriod)
        #expect(
            try codes(LightingProgram(name: "p", active: [], steps: [try Fixtures.step("23:00", 300)])).first
                == .badLevel)
        #expect(
            try codes(LightingProgram(name: "p", active: [], steps: [try Fixtures.step("23:00", -1)])).first
                == .badLevel)
        let twice = [try Fixtures.step("23:00", 50), try Fixtures.step("23:00", 60)]
        #expect(try codes(LightingProgram(name: "p", active: [], steps: twice)).first == .badStep)
        let far = ActivePeriod(from: .sunset(offset: .seconds(7 * 3600)), to: .sunrise(offset: .zero))
        #expect(try codes(LightingProgram(name: "p", active: [far])).first == .badOffset)
        #expect(try codes(try Fixtures.night(), place: nil).first == .badPlace)
        #expect(try codes(try Fixtures.night(), place: .init(latitude: 91, longitude: 0)).first == .badPlace)
        let same = ActivePeriod(from: .sunset(offset: .zero), to: .sunset(offset: .seconds(60)))
        #expect(try codes(LightingProgram(name: "p", active: [same])).first == .badActivePeriod)
    }

    @Test func `unknown calendars and programs are named with those there are`() throws {
        let plan = LightingPlan(
            place: nil, zone: .utc, programs: [],
            calendars: [LightingCalendar(name: "standard", defaultProgram: "nigth")],
            groups: [LampGroup(name: "g", calendar: "standrad", fallback: ExactDecimal(500), lamps: ["l"])])
        #expect(plan.problems.map(\.code) == [.unknownProgram, .unknownCalendar, .badLevel])
        #expect(plan.level(for: "l", at: UTCInstant(seconds: 0), clockTrusted: true)?.percent == ExactDecimal(100))
        #expect(plan.level(for: "other", at: UTCInstant(seconds: 0), clockTrusted: true) == nil)
    }

    @Test(arguments: [
        "25:00", "24:01", "7:00", "07:60", "07:00:60", "", "07", "07:00:00:00", "-1:00", "aa:bb", "٠٧:00",
    ])
    func `a time of day that is none is refused`(text: String) { #expect(TimeOfDay(text) == nil) }

    @Test func `a period of the pole itself breaks nothing`() throws {
        for latitude in [90.0, -90.0] {
            let plan = try Fixtures.plan(try Fixtures.night(), place: .init(latitude: latitude, longitude: 0))
            for month in 1...12 {
                let night = CalendarDate(year: 2028, month: month, day: 21)
                #expect(plan.timeline(program: "night", night: night)?.segments.isEmpty == false)
            }
        }
    }
}
