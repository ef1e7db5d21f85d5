import Telemetry

/// The overrides in force, one per lamp at most.
struct OverrideBook: Sendable {
    /// The longest override. What is wanted longer belongs into a calendar.
    static let longest: Duration = .seconds(31 * 86_400)
    /// How long an override "until the next noon" lasts while nobody knows when noon is: half a day, the longest night
    /// but for the polar one.
    static let untilNoonWithoutClock: Duration = .seconds(12 * 3600)
    /// Stored entries read at most: a DALI line has 64 lamps, a cabinet a few lines.
    static let longestList = 10_000

    private(set) var revision: UInt64 = 0
    private var entries: [String: LampOverride] = [:]

    var lamps: [String] { Array(entries.keys) }
    var all: [LampOverride] { entries.keys.sorted().compactMap { entries[$0] } }
    subscript(lamp: String) -> LampOverride? { entries[lamp] }

    mutating func place(
        _ lamps: [String], percent: ExactDecimal, fade: Duration?, duration: Duration?, author: String,
        clock: LightingClock, plan: LightingPlan
    ) {
        let until: UTCInstant? =
            clock.isTrusted ? duration.map { clock.utc.advanced(by: $0) } ?? plan.nextNoon(after: clock.utc) : nil
        let running = until?.duration(since: clock.utc) ?? duration ?? Self.untilNoonWithoutClock
        for lamp in lamps {
            entries[lamp] = LampOverride(
                lamp: lamp, percent: percent, fade: fade, author: author, until: until,
                untilUptime: clock.uptime.advanced(by: running))
        }
        revision &+= 1
    }

    @discardableResult
    mutating func release(_ lamps: [String]) -> [String] {
        let released = lamps.filter { entries.removeValue(forKey: $0) != nil }
        if !released.isEmpty { revision &+= 1 }
        return released
    }

    mutating func removeExpired(_ clock: LightingClock) {
        let ended = entries.values.filter { $0.isExpired(clock) }.map(\.lamp)
        release(ended)
    }

    /// Gives an end by the clock to overrides placed before it was trusted.
    mutating func settle(_ clock: LightingClock, plan: LightingPlan) {
        guard clock.isTrusted else { return }
        for (lamp, entry) in entries where entry.until == nil {
            let rest = entry.untilUptime.duration(since: clock.uptime)
            entries[lamp] = LampOverride(
                lamp: lamp, percent: entry.percent, fade: entry.fade, author: entry.author,
                until: clock.utc.advanced(by: rest), untilUptime: entry.untilUptime)
            revision &+= 1
        }
    }

    // MARK: Storage

    func stored(_ clock: LightingClock) -> JSONValue {
        .array(
            all.map { entry in
                var members: [JSONValue.Member] = [
                    .init("lamp", .string(entry.lamp)), .init("percent", .number(entry.percent)),
                    .init("author", .string(entry.author)),
                    // For a start without a clock: what was left when it was stored.
                    .init("remaining_ms", .number(ExactDecimal(max(0, entry.remaining(clock).wholeMilliseconds)))),
                ]
                if let until = entry.until { members.append(.init("until", .string(until.description))) }
                if let fade = entry.fade {
                    members.append(.init("fade_ms", .number(ExactDecimal(fade.wholeMilliseconds))))
                }
                return .object(members)
            })
    }

    mutating func restore(_ stored: JSONValue, clock: LightingClock, plan: LightingPlan) -> [String] {
        guard case .array(let list) = stored else { return ["the stored overrides are no list; none is taken"] }
        var damaged: [String] = []
        for (index, value) in list.prefix(Self.longestList).enumerated() {
            guard let lamp = value["lamp"]?.text, let percent = value["percent"]?.number,
                LightingLimits.levels.contains(percent),
                let remaining = Self.duration(value["remaining_ms"], longest: Self.longest)
            else {
                damaged.append("stored override \(index) is damaged and left out")
                continue
            }
            let until = value["until"]?.text.flatMap { UTCInstant($0) }
            let entry = LampOverride(
                lamp: lamp, percent: percent,
                fade: Self.duration(value["fade_ms"], longest: LightingLimits.longestFade),
                author: value["author"]?.text ?? "", until: until,
                untilUptime: clock.uptime.advanced(by: remaining))
            if plan.isRuled(lamp), !entry.isExpired(clock) { entries[lamp] = entry }
        }
        revision &+= 1
        return damaged
    }

    private static func duration(_ value: JSONValue?, longest: Duration) -> Duration? {
        guard let milliseconds = value?.number?.integer, milliseconds >= 0 else { return nil }
        return milliseconds <= longest.wholeMilliseconds ? .milliseconds(milliseconds) : nil
    }
}

extension LampOverride {
    /// How long it lasts from now on.
    func remaining(_ clock: LightingClock) -> Duration {
        if clock.isTrusted, let until { return until.duration(since: clock.utc) }
        return untilUptime.duration(since: clock.uptime)
    }
}
