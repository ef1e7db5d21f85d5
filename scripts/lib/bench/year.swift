// A year of sixty-four lamps, minute by minute, on the lighting engine alone: how long it takes.
// Built and run by `scripts/bench lighting`; whether the levels are right is asked by Tests/LightingTests/YearTests.swift.
import Glibc
import Lighting
import Telemetry

func clockTime(_ text: String) -> DailyTime {
    guard let time = TimeOfDay(text) else { preconditionFailure("\(text) is a time of day of this file") }
    return .clock(time)
}

func step(_ at: String, _ level: Int64) -> LightingStep { LightingStep(at: clockTime(at), level: ExactDecimal(level)) }

let dusk = ActivePeriod(from: .sunset(offset: .seconds(600)), to: .sunrise(offset: .seconds(-600)))
let programs = [
    LightingProgram(name: "street", active: [dusk], steps: [step("23:00", 50), step("05:00", 100)]),
    LightingProgram(
        name: "path", active: [ActivePeriod(from: clockTime("17:30"), to: clockTime("08:15"))],
        steps: [step("17:30", 80), step("02:30", 20), step("03:15", 60)]),
    LightingProgram(
        name: "square", active: [dusk],
        steps: [
            step("22:00", 70), step("04:00", 90),
            LightingStep(at: .sunset(offset: .seconds(7200)), level: ExactDecimal(40), operation: .min),
        ]),
]
let sizes = ["street": 40, "path": 12, "square": 12]
let plan = LightingPlan(
    place: SolarPosition.Place(latitude: 51.4508, longitude: 6.7339),
    zone: try TimeZoneRules.load(name: "Europe/Berlin"),
    programs: programs, calendars: programs.map { LightingCalendar(name: $0.name, defaultProgram: $0.name) },
    groups: programs.map { program in
        LampGroup(
            name: program.name, calendar: program.name,
            lamps: (0..<(sizes[program.name] ?? 0)).map { "\(program.name)-\(100 + $0)" })
    })
precondition(plan.problems.isEmpty, "the plan of this bench is sound")

let begin = CivilTime(year: 2027, month: 12, day: 31, hour: 12).instant
let end = CivilTime(year: 2029, month: 1, day: 1).instant
var engine = LightingEngine(plan: plan)
var elapsed: Duration = .zero
var (ticks, orders) = (0, 0)
let started = ContinuousClock.now
while begin.advanced(by: elapsed) < end {
    let clock = LightingClock(
        utc: begin.advanced(by: elapsed), uptime: BootInstant(nanoseconds: 60_000_000_000).advanced(by: elapsed),
        isTrusted: true)
    ticks += 1
    for order in engine.tick(clock) {
        orders += 1
        engine.confirmed(lamp: order.lamp, percent: order.percent)
    }
    elapsed += max(engine.nextWake(after: clock, atMost: .seconds(60)), .milliseconds(1))
}
/// Seconds with one decimal place.
func seconds(_ duration: Duration) -> String {
    let parts = duration.components
    return "\(parts.seconds).\(parts.attoseconds / 100_000_000_000_000_000)"
}
// On a busy machine the processor's time says more than the clock on the wall.
let took = started.duration(to: .now)
var processor = timespec()
clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &processor)
let used = Duration.seconds(processor.tv_sec) + .nanoseconds(processor.tv_nsec)
print(
    "a year (2028) of \(plan.lamps.count) lamps in virtual time: \(seconds(used)) s of processor time, "
        + "\(seconds(took)) s on the clock; goal under 60 s")
print("\(ticks) turns of the engine, \(orders) orders")
