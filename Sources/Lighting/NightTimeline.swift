public import Telemetry

/// What one program does from one noon to the next.
public struct NightTimeline: Sendable, Hashable {
    /// What an active period says in a stretch of the night.
    public enum PeriodState: Sendable, Hashable {
        case off
        case on
        /// Its sensor decides; without one that speaks, this.
        case sensor(otherwise: Bool)
    }

    public struct Segment: Sendable, Hashable {
        /// It holds until the next segment.
        public let start: UTCInstant
        /// By clock and sun alone, as if no sensor spoke.
        public let level: LampLevel
        /// While active: what the steps say.
        let asked: LampLevel
        /// In the order of the program's active periods.
        let periods: [PeriodState]
        /// Indices of the dynamic controls that may act.
        let controls: [Int]

        /// Whether nothing but the beginning differs.
        func isAlike(_ other: Segment) -> Bool {
            level.percent == other.level.percent && level.reason == other.level.reason && controls == other.controls
                && (periods == other.periods || !hasSensors && !other.hasSensors)
                && (!hasSensors || asked.percent == other.asked.percent && asked.reason == other.asked.reason)
        }

        private var hasSensors: Bool { periods.contains { if case .sensor = $0 { true } else { false } } }

        /// Whether the program is active.
        ///
        /// - Parameter sensor: what the sensor of a period says, nil while it is silent.
        func isActive(_ sensor: (Int) -> Bool?) -> Bool {
            periods.isEmpty
                || periods.indices.contains { index in
                    switch periods[index] {
                    case .off: false
                    case .on: true
                    case .sensor(let otherwise): sensor(index) ?? otherwise
                    }
                }
        }
    }

    public let program: String
    public let night: CalendarDate
    /// Local noon of ``night``, inclusive.
    public let start: UTCInstant
    /// The next local noon, exclusive.
    public let end: UTCInstant
    /// In order of time, never empty; the first begins at ``start``.
    public let segments: [Segment]

    /// The level at a moment of this night by clock and sun; nil outside of it.
    public func level(at moment: UTCInstant) -> LampLevel? { segment(at: moment)?.level }

    func segment(at moment: UTCInstant) -> Segment? {
        guard covers(moment) else { return nil }
        return segments.last { $0.start <= moment }
    }

    func covers(_ moment: UTCInstant) -> Bool { moment >= start && moment < end }

    /// When the next segment, or the next night, begins.
    func boundary(after moment: UTCInstant) -> UTCInstant { segments.first { $0.start > moment }?.start ?? end }
}

extension LightingPlan {
    /// A program's levels over one night; nil when the plan has no such sound program.
    public func timeline(program name: String, night: CalendarDate) -> NightTimeline? {
        guard let program = programs[name] else { return nil }
        let start = noon(of: night)
        let end = noon(of: night.adding(days: 1))
        let periods = program.active.map { PeriodWindows($0, plan: self, night: night) }
        let controls = program.dynamic.map { control in
            control.period.map { span in (-1...1).compactMap { window(of: span, on: night.adding(days: $0)) } }
        }
        let steps = StepTrack(program: program, plan: self, night: night)

        var moments: Set<UTCInstant> = [start]
        moments.formUnion(periods.flatMap(\.boundaries))
        for window in controls.compactMap({ $0 }).joined() {
            moments.formUnion([window.lowerBound, window.upperBound])
        }
        moments.formUnion(steps.moments)

        var segments: [NightTimeline.Segment] = []
        for moment in moments.sorted() where moment >= start && moment < end {
            let asked = steps.level(at: moment)
            let states = periods.map { $0.state(at: moment) }
            let isActive =
                states.isEmpty
                || states.contains { state in
                    switch state {
                    case .off: false
                    case .on: true
                    case .sensor(let otherwise): otherwise
                    }
                }
            let segment = NightTimeline.Segment(
                start: moment,
                level: isActive ? asked : LampLevel(percent: Self.dark, reason: .outsideActivePeriod(program: name)),
                asked: asked, periods: states,
                controls: controls.indices.filter { index in
                    controls[index]?.contains { $0.contains(moment) } ?? true
                })
            // A step while the lamps are off changes nothing.
            if let last = segments.last, last.isAlike(segment) { continue }
            segments.append(segment)
        }
        return NightTimeline(program: name, night: night, start: start, end: end, segments: segments)
    }

    /// nil where the sun does not rise or set on that date.
    func moment(_ time: DailyTime, on date: CalendarDate) -> UTCInstant? {
        switch time {
        case .clock(let time): clockMoment(time, on: date)
        case .sunrise(let offset): sun(on: date)?.sunrise.moment?.advanced(by: offset)
        case .sunset(let offset): sun(on: date)?.sunset.moment?.advanced(by: offset)
        }
    }

    private func clockMoment(_ time: TimeOfDay, on date: CalendarDate) -> UTCInstant {
        let day = time.seconds == TimeOfDay.endOfDay ? date.adding(days: 1) : date
        let seconds = time.seconds % TimeOfDay.endOfDay
        return zone.instant(
            of: CivilTime(
                year: day.year, month: day.month, day: day.day, hour: seconds / 3600, minute: seconds / 60 % 60,
                second: seconds % 60))
    }

    /// The sun on the local date.
    public func sun(on date: CalendarDate) -> SolarDay? {
        place.map { SolarPosition.day(at: $0, around: noon(of: date)) }
    }

    // MARK: Active periods

    /// The period's occurrence on a date. One that ends before it begins (a short summer night, a morning period after
    /// sunrise) does not take place.
    func window(of span: ActivePeriod.Span, on date: CalendarDate) -> Range<UTCInstant>? {
        guard let bounds = bounds(of: span, on: date), bounds.start < bounds.end else { return nil }
        return bounds.start..<bounds.end
    }

    private func bounds(of period: ActivePeriod.Span, on date: CalendarDate) -> (start: UTCInstant, end: UTCInstant)? {
        switch (period.from, period.to) {
        case (.clock(let from), .clock(let to)):
            let last = to > from ? date : date.adding(days: 1)
            return (clockMoment(from, on: date), clockMoment(to, on: last))
        case (.sunrise, _), (_, .sunset):
            guard let start = dayBound(period.from, on: date, isStart: true),
                let end = dayBound(period.to, on: date, isStart: false)
            else { return nil }
            return (start, end)
        default:
            guard let start = nightBound(period.from, night: date, isStart: true),
                let end = nightBound(period.to, night: date, isStart: false)
            else { return nil }
            return (start, end)
        }
    }

    /// A bound of a period by night. A clock time from noon on belongs to the evening, before it to the morning. Where
    /// the sun stays down the night goes on; where it stays up there is none.
    private func nightBound(_ time: DailyTime, night: CalendarDate, isStart: Bool) -> UTCInstant? {
        let noonSeconds = TimeOfDay.endOfDay / 2
        switch time {
        case .clock(let clock):
            let isEvening = isStart ? clock.seconds >= noonSeconds : clock.seconds > noonSeconds
            return clockMoment(clock, on: isEvening ? night : night.adding(days: 1))
        case .sunset(let offset):
            return sunBound(\.sunset, on: night, offset: offset, whileDown: { $0.noon }, whileUp: { _ in nil })
        case .sunrise(let offset):
            let morning = night.adding(days: 1)
            return sunBound(\.sunrise, on: morning, offset: offset, whileDown: { $0.noon }, whileUp: { _ in nil })
        }
    }

    /// A bound of a period by day: where the sun stays up the day is whole; where it stays down there is none.
    private func dayBound(_ time: DailyTime, on date: CalendarDate, isStart: Bool) -> UTCInstant? {
        let midnight = clockMoment(TimeOfDay.midnight, on: isStart ? date : date.adding(days: 1))
        switch time {
        case .clock(let clock): return clockMoment(clock, on: date)
        case .sunrise(let offset):
            return sunBound(\.sunrise, on: date, offset: offset, whileDown: { _ in nil }, whileUp: { _ in midnight })
        case .sunset(let offset):
            return sunBound(\.sunset, on: date, offset: offset, whileDown: { _ in nil }, whileUp: { _ in midnight })
        }
    }

    private func sunBound(
        _ event: KeyPath<SolarDay, SolarDay.Event>, on date: CalendarDate, offset: Duration,
        whileDown: (SolarDay) -> UTCInstant?, whileUp: (SolarDay) -> UTCInstant?
    ) -> UTCInstant? {
        guard let sun = sun(on: date) else { return nil }
        switch sun[keyPath: event] {
        case .at(let moment): return moment.advanced(by: offset)
        case .staysDown: return whileDown(sun)
        case .staysUp: return whileUp(sun)
        }
    }
}

extension TimeOfDay {
    static let midnight = TimeOfDay(unchecked: 0)

    private init(unchecked seconds: Int) { self.seconds = seconds }
}
