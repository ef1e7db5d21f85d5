public import Telemetry

/// What one program does from one noon to the next.
public struct NightTimeline: Sendable, Hashable {
    public struct Segment: Sendable, Hashable {
        /// It holds until the next segment.
        public let start: UTCInstant
        public let level: LampLevel
    }

    public let program: String
    public let night: CalendarDate
    /// Local noon of ``night``, inclusive.
    public let start: UTCInstant
    /// The next local noon, exclusive.
    public let end: UTCInstant
    /// In order of time, never empty; the first begins at ``start``.
    public let segments: [Segment]

    /// The level at a moment of this night; nil outside of it.
    public func level(at moment: UTCInstant) -> LampLevel? {
        guard moment >= start, moment < end else { return nil }
        return segments.last { $0.start <= moment }?.level
    }

    func covers(_ moment: UTCInstant) -> Bool { moment >= start && moment < end }
}

extension LightingPlan {
    /// A program's levels over one night; nil when the plan has no such sound program.
    public func timeline(program name: String, night: CalendarDate) -> NightTimeline? {
        guard let program = programs[name] else { return nil }
        let start = noon(of: night)
        let end = noon(of: night.adding(days: 1))
        let windows = windows(of: program, around: night)
        let steps = steps(of: program, around: night)

        var moments: Set<UTCInstant> = [start]
        for window in windows { moments.formUnion([window.lowerBound, window.upperBound]) }
        moments.formUnion(steps.map(\.moment))

        var segments: [NightTimeline.Segment] = []
        for moment in moments.sorted() where moment >= start && moment < end {
            let level = level(of: program, at: moment, windows: windows, steps: steps)
            // A step while the lamps are off changes nothing.
            if let last = segments.last, last.level.percent == level.percent, last.level.reason == level.reason {
                continue
            }
            segments.append(NightTimeline.Segment(start: moment, level: level))
        }
        return NightTimeline(program: name, night: night, start: start, end: end, segments: segments)
    }

    private struct StepMoment {
        let moment: UTCInstant
        let step: LightingStep
    }

    private func level(
        of program: LightingProgram, at moment: UTCInstant, windows: [Range<UTCInstant>], steps: [StepMoment]
    ) -> LampLevel {
        guard program.active.isEmpty || windows.contains(where: { $0.contains(moment) }) else {
            return LampLevel(percent: Self.dark, reason: .outsideActivePeriod(program: program.name))
        }
        guard let latest = steps.last(where: { $0.moment <= moment }) else {
            return LampLevel(percent: Self.fullLight, reason: .program(program.name, step: nil))
        }
        // Only the step itself fades; where a period begins, the lamp comes on as its gear does.
        return LampLevel(
            percent: latest.step.level, fade: latest.moment == moment ? latest.step.fade : nil,
            reason: .program(program.name, step: latest.step.at.description))
    }

    /// The moments of all steps from two days before the night, so that the previous day's last one is among them.
    private func steps(of program: LightingProgram, around night: CalendarDate) -> [StepMoment] {
        var found: [(order: Int, entry: StepMoment)] = []
        for offset in -2...2 {
            let date = night.adding(days: offset)
            for (index, step) in program.steps.enumerated() {
                guard let moment = moment(step.at, on: date) else { continue }
                // At the same moment the sun's step comes over the clock's (TALQ), then the later written one.
                let order = if case .clock = step.at { index } else { program.steps.count + index }
                found.append((order, StepMoment(moment: moment, step: step)))
            }
        }
        return found.sorted { ($0.entry.moment, $0.order) < ($1.entry.moment, $1.order) }.map(\.entry)
    }

    /// nil where the sun does not rise or set on that date.
    private func moment(_ time: DailyTime, on date: CalendarDate) -> UTCInstant? {
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

    private func windows(of program: LightingProgram, around night: CalendarDate) -> [Range<UTCInstant>] {
        var found: [Range<UTCInstant>] = []
        for period in program.active {
            for offset in -1...1 {
                let window = window(of: period, on: night.adding(days: offset))
                if let window, window.start < window.end { found.append(window.start..<window.end) }
            }
        }
        return found
    }

    /// The period's occurrence on a date. One that ends before it begins (a short summer night, a morning period after
    /// sunrise) does not take place.
    private func window(of period: ActivePeriod, on date: CalendarDate) -> (start: UTCInstant, end: UTCInstant)? {
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
