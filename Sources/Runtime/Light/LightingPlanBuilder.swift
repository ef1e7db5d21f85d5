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
                return LampGroup(name: group.name, calendar: calendar, fallback: group.fallback, lamps: lamps)
            case .fallback(let reason):
                problem("group \(group.name) stands at its fallback of \(group.fallback) %: \(reason)")
                return LampGroup(name: group.name, calendar: nil, fallback: group.fallback, lamps: lamps)
            }
        }
        guard !groups.isEmpty else { return nil }
        let plan = LightingPlan(
            place: configuration.location.map { SolarPosition.Place(latitude: $0.latitude, longitude: $0.longitude) },
            zone: zone(of: configuration, problem: problem), programs: lighting.programs.map(program),
            calendars: lighting.calendars.map {
                Lighting.LightingCalendar(name: $0.name, defaultProgram: $0.defaultProgram)
            },
            groups: groups, withoutClock: withoutClock(lighting.withoutClock))
        plan.problems.forEach { problem($0.description) }
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
            name: program.name,
            active: program.active.map { Lighting.ActivePeriod(from: time($0.from), to: time($0.to)) },
            steps: program.steps.map { Lighting.LightingStep(at: time($0.at), level: $0.level, fade: $0.fade) })
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
