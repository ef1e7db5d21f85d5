import Lighting
import Telemetry
import Testing

enum Fixtures {
    static let duisburg = SolarPosition.Place(latitude: 51.4508, longitude: 6.7339)
    static let tromso = SolarPosition.Place(latitude: 69.6492, longitude: 18.9553)

    static func clock(_ text: String) throws -> DailyTime { .clock(try #require(TimeOfDay(text))) }

    static func step(_ at: String, _ level: Int64, fade: Duration? = nil) throws -> LightingStep {
        LightingStep(at: try clock(at), level: ExactDecimal(level), fade: fade)
    }

    /// The program of the README: from sunset + 10 min to sunrise - 10 min, half the light from 23:00 to 05:00.
    static func night() throws -> LightingProgram {
        LightingProgram(
            name: "night",
            active: [ActivePeriod(from: .sunset(offset: .seconds(600)), to: .sunrise(offset: .seconds(-600)))],
            steps: [try step("23:00", 50), try step("05:00", 100)])
    }

    static func plan(
        _ program: LightingProgram, place: SolarPosition.Place? = duisburg, zone: String = "Europe/Berlin",
        withoutClock: WithoutClock = .lit, fallback: Int64 = 80
    ) throws -> LightingPlan {
        LightingPlan(
            place: place, zone: try TimeZoneRules.load(name: zone), programs: [program],
            calendars: [LightingCalendar(name: "standard", defaultProgram: program.name)],
            groups: [
                LampGroup(
                    name: "north-side", calendar: "standard", fallback: ExactDecimal(fallback),
                    lamps: ["lamp-1", "lamp-2"]),
                LampGroup(name: "yard", calendar: nil, fallback: ExactDecimal(30), lamps: ["lamp-9"]),
            ], withoutClock: withoutClock)
    }

    static func utc(_ text: String) throws -> UTCInstant { try #require(UTCInstant(text)) }
}

/// The gateway's clock in a test: runs only when told.
struct TestClock {
    var utc: UTCInstant
    var uptime = BootInstant(nanoseconds: 60_000_000_000)
    var isTrusted = true

    init(_ text: String) throws { utc = try Fixtures.utc(text) }

    mutating func run(_ duration: Duration) {
        utc = utc.advanced(by: duration)
        uptime = uptime.advanced(by: duration)
    }

    var now: LightingClock { LightingClock(utc: utc, uptime: uptime, isTrusted: isTrusted) }
}
