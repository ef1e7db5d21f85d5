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
            check(period.from, path: place + ".from")
            check(period.to, path: place + ".to")
            switch (period.from, period.to) {
            case (.sunset, .sunset), (.sunrise, .sunrise):
                report(.badActivePeriod, place, "it begins and ends with the same event of the sun")
            case (.clock(let from), .clock(let to)) where from.seconds == TimeOfDay.endOfDay && to < from:
                report(.badActivePeriod, place, "a period begins before 24:00; write 00:00")
            default: break
            }
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
            if !seen.insert(step.at).inserted {
                report(.badStep, place, "two steps at \(step.at); which level is meant?")
            }
        }
        if program.steps.count == 1, let only = program.steps.first, only.level != LightingPlan.fullLight {
            remarks.append(
                "\(path): its only step (\(only.at), \(only.level) %) rules the whole night, from the previous day on; "
                    + "add a step where full light begins")
        }
    }

    /// Periods by the clock that overlap are one too many: one of them is a mistake.
    private mutating func checkOverlaps(_ program: LightingProgram, path: String) {
        var spans: [(index: Int, from: Int, to: Int)] = []
        for (index, period) in program.active.enumerated() {
            guard case .clock(let from) = period.from, case .clock(let to) = period.to else { continue }
            let end = to > from ? to.seconds : to.seconds + TimeOfDay.endOfDay
            for other in spans {
                // Both may run over midnight: compare also one day apart.
                let overlap = [-TimeOfDay.endOfDay, 0, TimeOfDay.endOfDay].contains { shift in
                    from.seconds + shift < other.to && other.from < end + shift
                }
                if overlap {
                    report(
                        .badActivePeriod, "\(path).active[\(index)]",
                        "it overlaps active[\(other.index)]; make one period of both")
                }
            }
            spans.append((index, from.seconds, end))
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
            for (index, rule) in calendar.rules.enumerated() where rule.last < rule.first {
                report(.badActivePeriod, "\(path).rules[\(index)]", "it ends on \(rule.last), before \(rule.first)")
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
            return LampGroup(name: group.name, calendar: calendar, fallback: fallback, lamps: group.lamps)
        }
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
