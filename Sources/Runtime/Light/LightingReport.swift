import CLinux
public import Configuration
public import ControlProtocol
import Lighting
import Telemetry

/// The plan of a night and the reasons of a level, as the control socket tells them.
public enum LightingReport {
    /// What is asked for does not exist.
    public struct Refusal: Error, Sendable {
        public let message: String
        public let hint: String
    }

    /// One night as the daemon would run it with this configuration; nil where nothing is under a calendar.
    public static func night(
        of configuration: GatewayConfiguration, date: String, group: String, problem: (String) -> Void
    ) throws(Refusal) -> ControlLighting? {
        guard let plan = LightingPlanBuilder.plan(of: configuration, problem: problem) else { return nil }
        // For a person at a desk the machine's clock is good enough to say which night it is.
        let clock = LightingClock(
            utc: UTCInstant(nanoseconds: candela_realtime_nanoseconds()),
            uptime: BootInstant(nanoseconds: candela_boottime_nanoseconds()), isTrusted: true)
        return try night(of: plan, date: date, group: group, clock: clock)
    }

    /// One night of the plan, group by group.
    ///
    /// - Parameters:
    ///   - date: of its evening, `2026-11-21`; empty: the night of now.
    ///   - group: empty: all that Lighting rules.
    static func night(
        of plan: LightingPlan, date text: String, group: String, clock: LightingClock
    ) throws(Refusal) -> ControlLighting {
        let tonight = plan.night(at: clock.utc)
        let night: CalendarDate
        if text.isEmpty {
            night = tonight
        } else if let date = Self.date(text) {
            night = date
        } else {
            throw Refusal(message: "\"\(text)\" is no date", hint: "write 2026-12-24")
        }
        guard group.isEmpty || plan.groupNames.contains(group) else {
            let nearest = NearestName.of(group, among: plan.groupNames)
            throw Refusal(
                message: "there is no group \(group) under a calendar",
                hint: nearest.map { "did you mean \($0)?" } ?? "")
        }
        let plans = plan.groupNames.filter { group.isEmpty || $0 == group }.compactMap {
            plan.nightPlan(group: $0, night: night)
        }
        var made = ControlLighting()
        made.date = night.description
        made.timeZone = plan.zone.name
        made.nowMinute = -1
        if let first = plans.first {
            made.start = clockTime(plan.zone.localTime(at: first.start))
            made.startUtc = first.start.description
            made.minutes = UInt64(max(0, minutes(from: first.start, to: first.end)))
            made.sunset = first.sunset.map { clockTime(plan.zone.localTime(at: $0)) } ?? ""
            made.sunrise = first.sunrise.map { clockTime(plan.zone.localTime(at: $0)) } ?? ""
            if clock.isTrusted, night == tonight { made.nowMinute = minutes(from: first.start, to: clock.utc) }
        }
        made.groups = plans.map { Self.group($0, plan) }
        return made
    }

    private static func group(_ night: NightPlan, _ plan: LightingPlan) -> ControlLightingGroup {
        var made = ControlLightingGroup()
        made.name = night.group
        made.calendar = night.calendar ?? ""
        made.program = night.program ?? ""
        made.lamps = UInt64(night.lamps)
        made.fallback = plan.fallback(ofGroup: night.group)?.description ?? ""
        made.segments = night.rows.map { row in
            var segment = ControlLightingSegment()
            segment.start = clockTime(row.local)
            segment.startUtc = row.time.description
            segment.minute = minutes(from: night.start, to: row.time)
            segment.level = row.percent.description
            segment.fadeMs = UInt64(max(0, row.fade?.wholeMilliseconds ?? 0))
            segment.reason = row.reason.description
            segment.sensors = row.sensors
            return segment
        }
        return made
    }

    static func explanation(_ told: LampExplanation) -> ControlExplanation {
        var made = ControlExplanation()
        made.lamp = told.lamp
        made.group = told.group
        made.level = told.level.percent?.description ?? ""
        made.reason = told.level.reason.description
        made.ordered = told.status.ordered?.description ?? ""
        made.confirmed = told.status.confirmed?.description ?? ""
        made.failures = UInt64(max(0, told.status.failures))
        made.lost = told.status.isLost
        made.nextChange = told.nextChange?.description ?? ""
        made.lines = told.lines.map { line in
            var one = ControlExplanationLine()
            one.rule = line.rule
            one.rules = line.rules
            one.what = line.text
            one.level = line.percent?.description ?? ""
            return one
        }
        return made
    }

    private static func date(_ text: String) -> CalendarDate? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2,
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return nil }
        let date = CalendarDate(year: year, month: month, day: day)
        // The 30th of February counts on into March: then it is another date.
        let checked = date.adding(days: 0)
        return checked == date ? date : nil
    }

    private static func minutes(from start: UTCInstant, to end: UTCInstant) -> Int64 {
        end.duration(since: start).components.seconds / 60
    }

    /// HH:MM, with seconds where there are any.
    private static func clockTime(_ time: CivilTime) -> String {
        TimeOfDay(seconds: time.hour * 3600 + time.minute * 60 + time.second)?.description ?? ""
    }
}
