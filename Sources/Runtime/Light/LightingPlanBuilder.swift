import Configuration
import Lighting
import Telemetry

/// Lighting's own plan, made from the checked configuration.
enum LightingPlanBuilder {
    /// nil where nothing is under a calendar.
    ///
    /// - Parameter problem: takes a sentence for each thing that is not as wished; the lamps concerned stand at their fallback.
    static func plan(of configuration: GatewayConfiguration, problem: (String) -> Void) -> LightingPlan? {
        guard let lighting = configuration.lighting else { return nil }
        let groups = lighting.groups.compactMap { group -> LampGroup? in
            let lamps = configuration.devices(inGroup: group.name).map(\.name)
            switch group.schedule {
            // A group without a calendar is a name for commands; Lighting has nothing to say to its lamps.
            case .none: return nil
            case .calendar(let calendar):
                return LampGroup(
                    name: group.name, calendar: calendar, fallback: group.fallback, lamps: lamps,
                    pipeline: pipeline(group.pipeline))
            case .fallback(let reason):
                problem("group \(group.name) stands at its fallback of \(group.fallback) %: \(reason)")
                return LampGroup(
                    name: group.name, calendar: nil, fallback: group.fallback, lamps: lamps,
                    pipeline: pipeline(group.pipeline))
            }
        }
        guard !groups.isEmpty else { return nil }
        let plan = LightingPlan(
            place: configuration.location.map { SolarPosition.Place(latitude: $0.latitude, longitude: $0.longitude) },
            zone: zone(of: configuration, problem: problem), programs: lighting.programs.map(program),
            calendars: lighting.calendars.map(calendar), groups: groups,
            withoutClock: withoutClock(lighting.withoutClock), stagger: lighting.stagger)
        (plan.problems.map(\.description) + plan.remarks).forEach(problem)
        return plan
    }

    private static func zone(of configuration: GatewayConfiguration, problem: (String) -> Void) -> TimeZoneRules {
        guard let name = configuration.location?.timeZone else {
            problem("gateway.location is missing: lighting runs in UTC")
            return .utc
        }
        do {
            return try TimeZoneRules.load(name: name)
        } catch {
            problem("\(error); lighting runs in UTC; install the package tzdata")
            return .utc
        }
    }

    private static func program(_ program: Configuration.LightingProgram) -> Lighting.LightingProgram {
        Lighting.LightingProgram(
            name: program.name, active: program.active.compactMap(period),
            steps: program.steps.map {
                Lighting.LightingStep(
                    at: time($0.at), level: $0.level, fade: $0.fade, operation: $0.operation.map(operation))
            },
            dynamic: program.dynamic.map { control in
                Lighting.DynamicControl(
                    source: SensorSource(control.source, stale: control.stale), when: control.when.map(condition),
                    until: control.until.map(condition),
                    effect: control.level.map { .level($0) } ?? .source, operation: operation(control.operation),
                    hold: control.hold, period: control.period.map(span), fade: control.fade)
            })
    }

    private static func period(_ period: Configuration.LightingProgram.ActivePeriod) -> Lighting.ActivePeriod? {
        let sensor = period.sensor.map { sensor in
            let rule: Lighting.PeriodSensor.Rule =
                switch sensor.rule {
                case .level(let on, let off): .level(on: on, off: off)
                case .condition(let wanted): .condition(condition(wanted))
                }
            return Lighting.PeriodSensor(
                source: SensorSource(sensor.source, stale: sensor.stale), rule: rule, early: sensor.early,
                earlyEnd: sensor.earlyEnd)
        }
        if let span = period.span {
            return Lighting.ActivePeriod(from: time(span.from), to: time(span.to), sensor: sensor)
        }
        return sensor.map { Lighting.ActivePeriod(sensor: $0) }
    }

    private static func span(_ span: Configuration.LightingProgram.Span) -> Lighting.ActivePeriod.Span {
        Lighting.ActivePeriod.Span(from: time(span.from), to: time(span.to))
    }

    private static func operation(_ operation: Configuration.LightingProgram.Operation) -> LevelOperation {
        // The words are the same on both sides.
        LevelOperation(rawValue: operation.rawValue) ?? .set
    }

    private static func condition(_ condition: Configuration.SensorCondition) -> Lighting.SensorCondition {
        switch condition {
        case .occupied: .occupied
        case .vacant: .vacant
        case .compare(let comparison, let value):
            .compare(Lighting.SensorCondition.Comparison(rawValue: comparison.rawValue) ?? .equal, value)
        case .count(let count, let window): .count(atLeast: count, within: window)
        }
    }

    private static func calendar(_ calendar: Configuration.LightingCalendar) -> Lighting.LightingCalendar {
        Lighting.LightingCalendar(
            name: calendar.name,
            rules: calendar.rules.map { rule in
                Lighting.LightingCalendar.Rule(
                    span: span(rule.from, rule.to), weekdays: rule.weekdays, days: rule.days,
                    occurrences: Set(
                        rule.occurrences.map { occurrence -> Lighting.LightingCalendar.Occurrence in
                            switch occurrence {
                            case .number(let number): .number(number)
                            case .last: .last
                            }
                        }), program: rule.program)
            }, defaultProgram: calendar.defaultProgram)
    }

    private static func span(
        _ from: Configuration.LightingCalendar.Day?, _ to: Configuration.LightingCalendar.Day?
    ) -> Lighting.LightingCalendar.Span {
        if let from, let to, from.year == nil {
            return .yearly(
                first: YearlyDate(month: from.month, day: from.day), last: YearlyDate(month: to.month, day: to.day))
        }
        let (first, last) = (from.flatMap(date), to.flatMap(date))
        return first == nil && last == nil ? .always : .dates(first: first, last: last)
    }

    private static func date(_ day: Configuration.LightingCalendar.Day) -> CalendarDate? {
        day.year.map { CalendarDate(year: $0, month: day.month, day: day.day) }
    }

    private static func pipeline(_ pipeline: LightingPipeline) -> LevelPipeline {
        LevelPipeline(
            virtualOutput: pipeline.virtualOutput,
            constantLight: pipeline.constantLight.map { .init(hours: $0.hours, percent: $0.percent) },
            maintenance: pipeline.maintenance.flatMap { maintenance in
                date(maintenance.last).map {
                    .init(factor: maintenance.factor, last: $0, period: maintenance.period)
                }
            }, minimum: pipeline.minimum, warmUp: pipeline.warmUp, coolDown: pipeline.coolDown)
    }

    private static func time(_ time: Configuration.DailyTime) -> Lighting.DailyTime {
        switch time {
        case .clock(let seconds): TimeOfDay(seconds: seconds).map { .clock($0) } ?? .sunset(offset: .zero)
        case .sunrise(let offset): .sunrise(offset: offset)
        case .sunset(let offset): .sunset(offset: offset)
        }
    }

    private static func withoutClock(_ choice: LightingConfiguration.WithoutClock) -> Lighting.WithoutClock {
        switch choice {
        case .lit: .lit
        case .last: .last
        case .off: .off
        }
    }
}
