public import Telemetry

/// What all lamps under Lighting do, night by night: the lighting part of a configuration, checked.
///
/// Pure: place, zone and time are handed in. What is unsound is listed in ``problems`` and left out; the lamps that
/// depended on it stand at their group's fallback, so that a typing error never darkens a street.
public struct LightingPlan: Sendable {
    /// 100 %.
    public static let fullLight = ExactDecimal(100)
    /// 0 %.
    public static let dark = ExactDecimal.zero

    public let place: SolarPosition.Place?
    public let zone: TimeZoneRules
    public let withoutClock: WithoutClock
    public let problems: [LightingProblem]
    /// What is sound but may not be meant, for `config check` to warn of.
    public let remarks: [String]

    let programs: [String: LightingProgram]
    let calendars: [String: LightingCalendar]
    let groups: [LampGroup]
    /// The index of the group that rules a lamp.
    let rulingGroup: [String: Int]

    /// Every lamp in a group, in alphabetical order.
    public let lamps: [String]
    /// By lamp, its place in ``lamps``.
    let indexes: [String: Int]
    /// By place in ``lamps``, the index of the group that rules it.
    let rulingGroups: [Int]
    /// How many lamps may be ordered on within 100 ms, to bound their inrush.
    public let stagger: Int
    /// The points its programs listen to, `device.point`.
    public let inputs: Set<String>

    /// Every sensor of every program in use.
    let sensorUses: [SensorUse]

    /// Eight drivers of 150 W draw some 8 x 50 A for a quarter of a millisecond at most: what a 16 A breaker bears.
    public static let standardStagger = 8

    /// - Parameters:
    ///   - place: nil where no program goes by the sun.
    ///   - zone: of the place; programs are written in its local time.
    ///   - groups: a lamp of several is ruled by the first that has a calendar, or else by the first.
    public init(
        place: SolarPosition.Place?, zone: TimeZoneRules, programs: [LightingProgram], calendars: [LightingCalendar],
        groups: [LampGroup], withoutClock: WithoutClock = .lit, stagger: Int = standardStagger
    ) {
        var check = LightingPlanCheck(place: place)
        self.place = check.soundPlace
        self.zone = zone
        self.withoutClock = withoutClock
        self.programs = check.sound(programs)
        self.calendars = check.sound(calendars, programs: self.programs)
        self.groups = check.sound(groups, calendars: self.calendars)
        problems = check.problems
        remarks = check.remarks
        self.stagger = max(1, stagger)
        let used = Set(self.calendars.values.flatMap { [$0.defaultProgram] + $0.rules.map(\.program) })
        let sound = self.programs
        sensorUses = used.sorted().compactMap { sound[$0] }.flatMap(\.sensorUses)
        inputs = Set(sensorUses.map(\.source.point))

        var ruling: [String: Int] = [:]
        for (index, group) in self.groups.enumerated() {
            for lamp in group.lamps {
                if let earlier = ruling[lamp], self.groups[earlier].calendar != nil || group.calendar == nil {
                    continue
                }
                ruling[lamp] = index
            }
        }
        let lamps = ruling.keys.sorted()
        self.lamps = lamps
        indexes = Dictionary(uniqueKeysWithValues: lamps.enumerated().map { ($1, $0) })
        rulingGroups = lamps.map { ruling[$0] ?? 0 }
        rulingGroup = ruling
    }

    /// The same plan with the rules of a zone that were updated meanwhile; give it to ``LightingEngine/replace(plan:)``.
    public func with(zone: TimeZoneRules) -> LightingPlan {
        LightingPlan(
            place: place, zone: zone, programs: Array(programs.values), calendars: Array(calendars.values),
            groups: groups, withoutClock: withoutClock, stagger: stagger)
    }

    /// Whether Lighting alone commands this lamp.
    public func isRuled(_ lamp: String) -> Bool { rulingGroup[lamp] != nil }

    /// Device names; nil when there is no such group.
    public func lamps(inGroup name: String) -> [String]? {
        let found = groups.filter { $0.name == name }
        return found.isEmpty ? nil : found.flatMap(\.lamps)
    }

    /// The calendar that rules a lamp; nil for one that stands at its group's fallback.
    public func calendar(of lamp: String) -> LightingCalendar? {
        rulingGroup[lamp].flatMap { groups[$0].calendar }.flatMap { calendars[$0] }
    }

    /// What the lamps of a group show when nothing else rules them, in percent; nil when there is no such group.
    public func fallback(ofGroup name: String) -> ExactDecimal? { groups.first { $0.name == name }?.fallback }

    /// What a lamp shows when nothing else rules it, in percent.
    public func fallback(of lamp: String) -> ExactDecimal {
        rulingGroup[lamp].map { groups[$0].fallback } ?? Self.fullLight
    }

    /// The level by default, clock and sun: as if no sensor spoke, before overrides and the level pipeline (see
    /// ``LightingEngine``); nil for a lamp in no group.
    public func level(for lamp: String, at moment: UTCInstant, clockTrusted: Bool) -> LampLevel? {
        guard let group = rulingGroup[lamp] else { return nil }
        return level(ofGroup: group, clockTrusted: clockTrusted) { calendar in
            let night = night(at: moment)
            return timeline(program: calendar.program(night: night), night: night)?.level(at: moment)
        }
    }

    /// The precedence of docs/lighting.md below overrides; `scheduled` answers for a calendar.
    func level(
        ofGroup index: Int, clockTrusted: Bool, scheduled: (LightingCalendar) -> LampLevel?
    ) -> LampLevel {
        let fallback = groups[index].fallback
        guard let calendar = groups[index].calendar.flatMap({ calendars[$0] }) else {
            return LampLevel(percent: fallback, reason: .standard)
        }
        guard clockTrusted else {
            let reason = LampReason.withoutClock(withoutClock)
            switch withoutClock {
            case .lit: return LampLevel(percent: fallback == Self.dark ? Self.fullLight : fallback, reason: reason)
            case .last: return LampLevel(percent: nil, reason: reason)
            case .off: return LampLevel(percent: Self.dark, reason: reason)
            }
        }
        return scheduled(calendar) ?? LampLevel(percent: fallback, reason: .standard)
    }

    /// The night to which a moment belongs: from noon to noon, named by the date of its evening.
    public func night(at moment: UTCInstant) -> CalendarDate {
        let local = zone.localTime(at: moment)
        return local.hour < 12 ? CalendarDate(local).adding(days: -1) : CalendarDate(local)
    }

    /// The next local noon after a moment: where an override ends by default.
    public func nextNoon(after moment: UTCInstant) -> UTCInstant {
        noon(of: night(at: moment).adding(days: 1))
    }

    func noon(of date: CalendarDate) -> UTCInstant {
        zone.instant(of: CivilTime(year: date.year, month: date.month, day: date.day, hour: 12))
    }

    func midnight(of date: CalendarDate) -> UTCInstant {
        zone.instant(of: CivilTime(year: date.year, month: date.month, day: date.day, hour: 0))
    }

    /// When a lamp under a calendar next gets another level by program; nil when not within three nights.
    public func nextChange(after moment: UTCInstant) -> UTCInstant? {
        let used = Set(groups.compactMap(\.calendar)).compactMap { calendars[$0] }
        return used.compactMap { nextChange(in: $0, after: moment) }.min()
    }

    func nextChange(in calendar: LightingCalendar, after moment: UTCInstant) -> UTCInstant? {
        let first = night(at: moment)
        var level: LampLevel?
        for offset in 0...3 {
            let night = first.adding(days: offset)
            guard let timeline = timeline(program: calendar.program(night: night), night: night) else { return nil }
            if level == nil { level = timeline.level(at: moment) }
            for segment in timeline.segments where segment.start > moment {
                if segment.level.percent != level?.percent { return segment.start }
            }
        }
        return nil
    }
}
