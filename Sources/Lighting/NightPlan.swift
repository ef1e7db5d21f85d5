public import Telemetry

/// What a group does by clock and sun from one local noon to the next, for a table and a picture.
public struct NightPlan: Sendable, Hashable {
    public struct Row: Sendable, Hashable {
        public let time: UTCInstant
        /// What a clock on the wall shows then.
        public let local: CivilTime
        /// Percent asked for, before the level pipeline.
        public let percent: ExactDecimal
        public let fade: Duration?
        public let reason: LampReason
        /// Sensors that may change the level from here on, in words.
        public let sensors: [String]
    }

    public let group: String
    /// nil where the group stands at its fallback.
    public let calendar: String?
    public let program: String?
    /// The date of its evening.
    public let night: CalendarDate
    public let start: UTCInstant
    public let end: UTCInstant
    public let sunset: UTCInstant?
    public let sunrise: UTCInstant?
    public let lamps: Int
    /// In order of time, never empty; the first begins at ``start``.
    public let rows: [Row]

    /// The levels in percent at `count` moments, evenly spread over the night from noon to noon.
    public func samples(_ count: Int) -> [ExactDecimal] {
        guard count > 0 else { return [] }
        let span = end.duration(since: start) / count
        return (0..<count).map { index in
            // The middle of each stretch.
            let moment = start.advanced(by: span * index + span / 2)
            return rows.last { $0.time <= moment }?.percent ?? LightingPlan.dark
        }
    }
}

extension LightingPlan {
    /// The names of all groups that Lighting rules, in order of the file.
    public var groupNames: [String] { groups.map(\.name) }

    /// The night of a group that begins in the evening of this date; nil for an unknown group.
    public func nightPlan(group name: String, night: CalendarDate) -> NightPlan? {
        guard let group = groups.first(where: { $0.name == name }) else { return nil }
        let calendar = group.calendar.flatMap { calendars[$0] }
        let program = calendar?.program(night: night)
        let timeline = program.flatMap { self.timeline(program: $0, night: night) }
        let start = noon(of: night)
        var rows =
            timeline?.segments.map { segment in
                NightPlan.Row(
                    time: segment.start, local: zone.localTime(at: segment.start),
                    percent: segment.level.percent ?? group.fallback, fade: segment.level.fade,
                    reason: segment.level.reason, sensors: program.map { sensors(of: $0, in: segment) } ?? [])
            } ?? []
        if rows.isEmpty {
            rows = [
                NightPlan.Row(
                    time: start, local: zone.localTime(at: start), percent: group.fallback, fade: nil,
                    reason: .standard, sensors: [])
            ]
        }
        return NightPlan(
            group: name, calendar: group.calendar, program: program, night: night, start: start,
            end: noon(of: night.adding(days: 1)), sunset: sun(on: night)?.sunset.moment,
            sunrise: sun(on: night.adding(days: 1))?.sunrise.moment, lamps: group.lamps.count, rows: rows)
    }

    private func sensors(of program: String, in segment: NightTimeline.Segment) -> [String] {
        guard let program = programs[program] else { return [] }
        let periods = segment.periods.enumerated().compactMap { index, state -> String? in
            guard case .sensor = state else { return nil }
            return program.active[index].sensor.map { "active while \($0)" }
        }
        return periods + segment.controls.map { program.dynamic[$0].description }
    }
}
