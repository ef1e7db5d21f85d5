import Telemetry
import Testing

@Suite struct TimeTests {
    // From `date -u -d @SECONDS +%Y-%m-%dT%H:%M:%SZ`.
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
        (1_709_164_800, "2024-02-29T00:00:00.000Z"), (1_795_276_800, "2026-11-21T16:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.000Z"), (-2_203_891_200, "1900-03-01T00:00:00.000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000Z"), (2_147_483_648, "2038-01-19T03:14:08.000Z"),
    ])
    func `a moment has the name that date gives it`(seconds: Int64, text: String) {
        #expect(UTCInstant(seconds: seconds).description == text)
        #expect(UTCInstant(text) == UTCInstant(seconds: seconds))
    }

    @Test func `every day from 1700 to 2250 follows the one before`() {
        var (year, month, day) = (1700, 1, 1)
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var number = CivilTime.dayNumber(year: 1700, month: 1, day: 1)
        while year < 2250 {
            let date = CivilTime.date(dayNumber: number)
            if date != (year, month, day) { Issue.record("\(number) is \(date), not \(year)-\(month)-\(day)") }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            number += 1
            day += 1
            if day > lengths[month - 1] + (month == 2 && isLeap ? 1 : 0) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }

    @Test(arguments: [
        ("2026-11-21T17:04:05+01:00", "2026-11-21T16:04:05.000Z"),
        ("2026-11-21t16:04:05.25z", "2026-11-21T16:04:05.250Z"),
        ("2026-11-21 16:04:05.123456789Z", "2026-11-21T16:04:05.123Z"),
        ("2027-01-01T00:30:00+05:30", "2026-12-31T19:00:00.000Z"), ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
    ])
    func `RFC 3339 is read with fractions and offsets`(text: String, expected: String) {
        #expect(UTCInstant(text)?.description == expected)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-11-21T16:04:05", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-11-21T24:00:00Z", "2026-11-21T16:60:05Z", "2026-11-21T16:04:05.Z", "2026-11-21T16:04:05+1:00",
        "2026-11-21T16:04:05Zx", "2026-11-21T16:04:05+25:00", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z",
        "２０２６-11-21T16:04:05Z",
    ])
    func `what is no moment that can be held is refused`(text: String) {
        #expect(UTCInstant(text) == nil)
    }

    @Test func `stamps of a mad driver overflow nothing`() {
        let (early, late) = (BootInstant(nanoseconds: .min), BootInstant(nanoseconds: .max))
        #expect(late.duration(since: early) > .seconds(9_000_000_000))
        #expect(late.advanced(by: .seconds(1)) == late)
        #expect(early.advanced(by: .seconds(-1)) == early)
        #expect(UTCInstant(seconds: .max).nanoseconds == .max)
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeNanoseconds == .min)
        #expect(UTCInstant(nanoseconds: .min).description.hasPrefix("1677-"))
        #expect(UTCInstant(nanoseconds: .max).description.hasPrefix("2262-"))
    }

    @Test func `random moments survive writing and reading to the millisecond`() {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<5_000 {
            let moment = UTCInstant(
                nanoseconds: Int64.random(in: -2_000_000_000_000...7_000_000_000_000, using: &random) * 1_000_000)
            #expect(UTCInstant(moment.description) == moment)
        }
    }
}
