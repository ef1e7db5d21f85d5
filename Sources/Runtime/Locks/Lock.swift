import Lighting
import Telemetry

/// Somebody has their hands in the cabinet: no command from a head-end reaches these devices, and schedules leave their lamps alone.
///
/// It is software and no electrical isolation; whoever works on the installation still has to isolate it.
struct Lock: Sendable, Hashable {
    /// What is locked, from the narrowest to the widest.
    enum Scope: Sendable, Hashable {
        case device(String)
        case group(String)
        case bus(String)
        case all

        var word: String {
            switch self {
            case .device: "device"
            case .group: "group"
            case .bus: "bus"
            case .all: "all"
            }
        }

        /// As a person names it.
        var target: String {
            switch self {
            case .device(let name), .group(let name), .bus(let name): name
            case .all: "all"
            }
        }

        /// In a sentence.
        var inWords: String { self == .all ? "everything" : "\(word) \(target)" }

        /// The narrowest one rules the level.
        var width: Int {
            switch self {
            case .device: 0
            case .group: 1
            case .bus: 2
            case .all: 3
            }
        }

        /// What is stored reads back to the same; nil for a word of another version.
        init?(word: String, target: String) {
            switch word {
            case "device": self = .device(target)
            case "group": self = .group(target)
            case "bus": self = .bus(target)
            case "all": self = .all
            default: return nil
            }
        }
    }

    let scope: Scope
    /// Percent to which schedules bring the lamps meanwhile; nil: they stay as they are.
    let level: ExactDecimal?
    let reason: String
    /// Who placed it: `cli uid 1000`.
    let by: String
    /// When it was placed, by the clock; nil when none was trusted.
    let since: UTCInstant?
    /// When it ends by the clock; nil while no clock was trusted since it was placed.
    let until: UTCInstant?
    /// When it ends at the latest by this boot's own clock while no other is trusted.
    let untilUptime: BootInstant

    /// Said wherever a lock is shown.
    static let warning = "a lock is no electrical isolation"

    func isOver(_ clock: LightingClock) -> Bool {
        if clock.isTrusted, let until { return clock.utc >= until }
        return clock.uptime >= untilUptime
    }

    func remaining(_ clock: LightingClock) -> Duration {
        if clock.isTrusted, let until { return max(.zero, until.duration(since: clock.utc)) }
        return max(.zero, untilUptime.duration(since: clock.uptime))
    }

    /// For events and `/state`.
    var detail: JSONValue {
        [
            "target": .string(scope.target), "scope": .string(scope.word),
            "until": until.map { .string($0.description) } ?? .null, "reason": .string(reason), "by": .string(by),
            "level": level.map { .number($0) } ?? .null, "note": .string(Self.warning),
        ]
    }
}
