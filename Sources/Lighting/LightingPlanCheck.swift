import Telemetry

/// Finds what is unsound in a plan and leaves it out.
struct LightingPlanCheck {
    let soundPlace: SolarPosition.Place?
    private(set) var problems: [LightingProblem] = []
    private(set) var remarks: [String] = []

    init(place: SolarPosition.Place?) {
        soundPlace = place.flatMap { $0.isOnEarth ? $0 : nil }
        if place != nil, soundPlace == nil {
            report(.badPlace, "location", "latitude is -90 to 90 and longitude -180 to 180 degrees")
        }
    }

    private mutating func report(_ code: LightingProblem.Code, _ path: String, _ explanation: String) {
        problems.append(LightingProblem(code, path: path, explanation))
    }

    // MARK: Programs

    mutating func sound(_ programs: [LightingProgram]) -> [String: LightingProgram] {
        var result: [String: LightingProgram] = [:]
        for program in programs {
            let path = "programs.\(program.name)"
            guard result[program.name] == nil else {
                report(.duplicateName, path, "a program of this name stands before it")
                continue
            }
            let before = problems.count
            check(program, path: path)
            // Run in part, a program would do what nobody wrote.
            if problems.count == before { result[program.name] = program }
        }
        return result
    }

    private mutating func check(_ program: LightingProgram, path: String) {
        for (index, period) in program.active.enumerated() {
            let place = "\(path).active[\(index)]"
            if let span = period.span { check(span, path: place) }
            if let sensor = period.sensor { check(sensor, hasSpan: period.span != nil, path: place) }
        }
        checkOverlaps(program, path: path)
        var seen: Set<DailyTime> = []
        for (index, step) in program.steps.enumerated() {
            let place = "\(path).steps[\(index)]"
            check(step.at, path: place + ".at")
            if !LightingLimits.levels.contains(step.level) {
                report(.badLevel, place + ".level", "\(step.level) % is not between 0 % and 100 %")
            }
            if let fade = step.fade, fade < .zero || fade > LightingLimits.longestFade {
                report(.badDuration, place + ".fade", "a fade lasts 0 s to 16 min")
            }
            if step.operation != nil, case .clock = step.at {
                report(.badStep, place, "an operation goes by the sun; a step by the clock sets its level")
            }
            if !seen.insert(step.at).inserted {
                report(.badStep, place, "two steps at \(step.at); which level is meant?")
            }
        }
        for (index, control) in program.dynamic.enumerated() { check(control, path: "\(path).dynamic[\(index)]") }
        let plain = program.steps.filter { $0.operation == nil }
        if plain.count == 1, let only = plain.first, only.level != LightingPlan.fullLight {
            remarks.append(
                "\(path): its only step (\(only.at), \(only.level) %) rules the whole night, from the previous day on; "
                    + "add a step where full light begins")
        }
    }

    private mutating func check(_ span: ActivePeriod.Span, path: String) {
        check(span.from, path: path + ".from")
        check(span.to, path: path + ".to")
        switch (span.from, span.to) {
        case (.sunset, .sunset), (.sunrise, .sunrise):
            report(.badActivePeriod, path, "it begins and ends with the same event of the sun")
        case (.clock(let from), .clock(let to)) where from.seconds == TimeOfDay.endOfDay && to < from:
            report(.badActivePeriod, path, "a period begins before 24:00; write 00:00")
        default: break
        }
    }

    private mutating func check(_ sensor: PeriodSensor, hasSpan: Bool, path: String) {
        check(sensor.source, path: path)
        if case .level(let on, let off) = sensor.rule, off < on {
            report(.badSensor, path, "it would end above \(off) and begin below \(on): off_level is the higher one")
        }
        if case .condition(let condition) = sensor.rule { check(condition, path: path + ".when") }
        for margin in [sensor.early, sensor.earlyEnd] where margin < .zero || margin > DailyTime.largestOffset {
            report(.badOffset, path, "a sensor moves the ends of a period by at most 6 h")
        }
        if sensor.movesEnds, !hasSpan {
            report(.badActivePeriod, path, "early and early_end move the ends of a period with from and to")
        }
    }

    private mutating func check(_ control: DynamicControl, path: String) {
        check(control.source, path: path)
        if let span = control.period { check(span, path: path + ".period") }
        if let condition = control.when { check(condition, path: path + ".when") }
        if let condition = control.until { check(condition, path: path + ".until") }
        if case .level(let level) = control.effect {
            if !LightingLimits.levels.contains(level) {
                report(.badLevel, path + ".level", "\(level) % is not between 0 % and 100 %")
            }
            if control.when == nil { report(.badSensor, path, "`when` is missing: it would rule for ever") }
        }
        if control.hold < .zero || control.hold > DynamicControl.longestHold {
            report(.badDuration, path + ".hold", "a level is held for 0 s to 24 h")
        }
        if let fade = control.fade, fade < .zero || fade > LightingLimits.longestFade {
            report(.badDuration, path + ".fade", "a fade lasts 0 s to 16 min")
        }
    }

    private mutating func check(_ source: SensorSource, path: String) {
        let parts = source.point.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count != 2 || parts.contains(where: \.isEmpty) {
            report(.badSensor, path + ".source", "\"\(source.point)\" is no point; write device.point")
        }
        if source.stale <= .zero { report(.badDuration, path + ".stale", "a sensor may be silent for some time") }
    }

    private mutating func check(_ condition: SensorCondition, path: String) {
        guard case .count(_, let window) = condition else { return }
        if window < .seconds(1) || window > .seconds(24 * 3600) {
            report(.badDuration, path, "counts are taken over 1 s to 24 h")
        }
    }

    /// Periods that overlap for certain are one too many: one of them is a mistake.
    private mutating func checkOverlaps(_ program: LightingProgram, path: String) {
        var spans: [(index: Int, from: Int, to: Int)] = []
        var nights: [Int] = []
        for (index, period) in program.active.enumerated() {
            guard let span = period.span, period.sensor == nil else { continue }
            let place = "\(path).active[\(index)]"
            switch (span.from, span.to) {
            case (.sunset, .sunrise):
                if let other = nights.first {
                    report(.badActivePeriod, place, "it overlaps active[\(other)]; make one period of both")
                }
                nights.append(index)
            case (.clock(let from), .clock(let to)):
                let end = to > from ? to.seconds : to.seconds + TimeOfDay.endOfDay
                for other in spans {
                    // Both may run over midnight: compare also one day apart.
                    let overlap = [-TimeOfDay.endOfDay, 0, TimeOfDay.endOfDay].contains { shift in
                        from.seconds + shift < other.to && other.from < end + shift
                    }
                    if overlap {
                        report(.badActivePeriod, place, "it overlaps active[\(other.index)]; make one period of both")
                    }
                }
                spans.append((index, from.seconds, end))
            default: break
            }
        }
    }

    private mutating func check(_ time: DailyTime, path: String) {
        switch time {
        case .clock: return
        case .sunrise(let offset), .sunset(let offset):
            if soundPlace == nil {
                report(.badPlace, path, "\(time) needs gateway.location with latitude and longitude")
            }
            if offset > DailyTime.largestOffset || offset < .zero - DailyTime.largestOffset {
                report(.badOffset, path, "an offset to the sun is at most 6 h either way")
            }
        }
    }

    // MARK: Calendars and groups

    mutating func sound(
        _ calendars: [LightingCalendar], programs: [String: LightingProgram]
    ) -> [String: LightingCalendar] {
        var result: [String: LightingCalendar] = [:]
        for calendar in calendars {
            let path = "calendars.\(calendar.name)"
            guard result[calendar.name] == nil else {
                report(.duplicateName, path, "a calendar of this name stands before it")
                continue
            }
            var isSound = true
            for name in [calendar.defaultProgram] + calendar.rules.map(\.program) where programs[name] == nil {
                report(.unknownProgram, path, "there is no sound program \"\(name)\"; there are \(list(programs.keys))")
                isSound = false
            }
            for (index, rule) in calendar.rules.enumerated() {
                guard let mistake = Self.mistake(in: rule) else { continue }
                report(.badActivePeriod, "\(path).rules[\(index)]", mistake)
                isSound = false
            }
            if isSound { result[calendar.name] = calendar }
        }
        return result
    }

    mutating func sound(_ groups: [LampGroup], calendars: [String: LightingCalendar]) -> [LampGroup] {
        var names: Set<String> = []
        return groups.map { group in
            let path = "groups.\(group.name)"
            if !names.insert(group.name).inserted {
                report(.duplicateName, path, "a group of this name stands before it")
            }
            var calendar = group.calendar
            if let name = calendar, calendars[name] == nil {
                report(
                    .unknownCalendar, path, "there is no sound calendar \"\(name)\"; there are \(list(calendars.keys))")
                calendar = nil
            }
            var fallback = group.fallback
            if !LightingLimits.levels.contains(fallback) {
                report(.badLevel, path + ".fallback", "\(fallback) % is not between 0 % and 100 %; 100 % is used")
                fallback = LightingPlan.fullLight
            }
            var pipeline = group.pipeline
            if let mistake = Self.mistake(in: pipeline) {
                report(.badPipeline, path, mistake + "; levels are sent as asked for")
                pipeline = .plain
            }
            return LampGroup(
                name: group.name, calendar: calendar, fallback: fallback, lamps: group.lamps, pipeline: pipeline)
        }
    }

    private static func mistake(in rule: LightingCalendar.Rule) -> String? {
        switch rule.span {
        case .dates(let first?, let last?) where last < first: return "it ends on \(last), before \(first)"
        case .dates(let first, let last):
            for date in [first, last].compactMap({ $0 }) where !date.exists { return "there is no \(date)" }
        case .yearly(let first, let last):
            for date in [first, last] where !date.exists { return "there is no \(date)" }
        case .always: break
        }
        if !rule.weekdays.isSubset(of: 1...7) { return "weekdays are 1 (Monday) to 7" }
        if !rule.days.isSubset(of: 1...31) { return "days of the month are 1 to 31" }
        if !rule.occurrences.isEmpty, rule.weekdays.isEmpty { return "occurrences count weekdays, and it names none" }
        return nil
    }

    private static func mistake(in pipeline: LevelPipeline) -> String? {
        let levels =
            [pipeline.virtualOutput, pipeline.minimum] + pipeline.constantLight.map(\.percent)
            + [pipeline.maintenance?.factor].compactMap { $0 }
        if let bad = levels.first(where: { !LightingLimits.levels.contains($0) }) {
            return "\(bad) % is not between 0 % and 100 %"
        }
        if zip(pipeline.constantLight, pipeline.constantLight.dropFirst()).contains(where: { $0.hours >= $1.hours }) {
            return "the hours of constant_light do not rise"
        }
        if let maintenance = pipeline.maintenance, maintenance.period <= .zero {
            return "the period of maintenance is longer than nothing"
        }
        return nil
    }

    private func list(_ names: some Sequence<String>) -> String {
        let sorted = names.sorted()
        return sorted.isEmpty ? "none" : sorted.joined(separator: ", ")
    }
}

/// Bounds of what can be ordered.
enum LightingLimits {
    /// Percent of light.
    static let levels = ExactDecimal.zero...ExactDecimal(100)
    /// The longest extended fade of DALI (IEC 62386-102): 16 times one minute.
    static let longestFade: Duration = .seconds(16 * 60)
}
