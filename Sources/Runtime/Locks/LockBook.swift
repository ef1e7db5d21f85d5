import Configuration
import Lighting
import Telemetry

/// The locks in force, one per target, as a value: placed, ended by time or by hand, stored and restored.
struct LockBook: Sendable {
    /// What is wanted longer is a change of the configuration.
    static let longest: Duration = .seconds(31 * 86_400)
    /// A lock without `--for` would be forgotten; this is a working day.
    static let standard: Duration = .seconds(8 * 3600)
    /// Characters of a reason that are kept: it stands in every `/state`.
    static let longestReason = 200
    /// Stored entries read at most: one per device of the largest gateway.
    private static let longestList = 10_000

    /// Why a lock cannot be placed, in a sentence for a person.
    struct Refusal: Error, Sendable, Hashable {
        let explanation: String
    }

    private struct Place: Sendable {
        let name: String
        let bus: String
        let groups: [String]
    }

    private let devices: [String: Place]
    private let buses: Set<String>
    private var locks: [Lock.Scope: Lock] = [:]

    init(configuration: GatewayConfiguration) {
        devices = Dictionary(
            configuration.devices.map { ($0.name, Place(name: $0.name, bus: $0.bus, groups: $0.groups)) },
            uniquingKeysWith: { first, _ in first })
        buses = Set(configuration.buses.map(\.name))
    }

    /// Those in force, the widest first, then by name.
    var all: [Lock] {
        locks.values.sorted { ($1.scope.width, $0.scope.target) < ($0.scope.width, $1.scope.target) }
    }

    var isEmpty: Bool { locks.isEmpty }

    /// What a person's word means: a device before a group before a bus; nil when there is nothing of that name.
    func scope(named target: String) -> Lock.Scope? {
        if target == "all" { return .all }
        if devices[target] != nil { return .device(target) }
        if devices.values.contains(where: { $0.groups.contains(target) }) { return .group(target) }
        return buses.contains(target) ? .bus(target) : nil
    }

    /// Names of the devices a lock covers, sorted.
    func devices(in scope: Lock.Scope) -> [String] {
        let found: [Place] =
            switch scope {
            case .device(let name): devices[name].map { [$0] } ?? []
            case .group(let name): devices.values.filter { $0.groups.contains(name) }
            case .bus(let name): devices.values.filter { $0.bus == name }
            case .all: Array(devices.values)
            }
        return found.map(\.name).sorted()
    }

    /// The lock that rules a device: the narrowest of those that cover it.
    func lock(on device: String) -> Lock? {
        guard !locks.isEmpty, let place = devices[device] else { return nil }
        if let own = locks[.device(device)] { return own }
        let ofGroups = place.groups.compactMap { locks[.group($0)] }
        return ofGroups.min { $0.scope.target < $1.scope.target } ?? locks[.bus(place.bus)] ?? locks[.all]
    }

    /// A lock that covers a whole bus, for what concerns no single device.
    func lock(onBus bus: String) -> Lock? { locks[.bus(bus)] ?? locks[.all] }

    // MARK: - Placing and ending

    /// It replaces an earlier lock of the same target.
    ///
    /// - Parameter duration: from now on; nil: ``standard``.
    mutating func place(
        _ scope: Lock.Scope, for duration: Duration?, level: ExactDecimal?, reason: String, by author: String,
        clock: LightingClock
    ) throws(Refusal) -> Lock {
        let length = duration ?? Self.standard
        guard length > .zero, length <= Self.longest else { throw Refusal(explanation: "a lock lasts 1 s to 31 days") }
        guard !reason.isEmpty else {
            throw Refusal(explanation: "a lock needs a reason: whoever finds the street dark must know who works there")
        }
        if let level, level < .zero || level > LightingPlan.fullLight {
            throw Refusal(explanation: "\(level) % is not between 0 % and 100 %")
        }
        let lock = Lock(
            scope: scope, level: level, reason: String(reason.prefix(Self.longestReason)), by: author,
            since: clock.isTrusted ? clock.utc : nil,
            until: clock.isTrusted ? clock.utc.advanced(by: length) : nil,
            untilUptime: clock.uptime.advanced(by: length))
        locks[scope] = lock
        return lock
    }

    mutating func remove(_ scope: Lock.Scope) -> Lock? { locks.removeValue(forKey: scope) }

    /// Takes out those that are over, and gives an end by the clock to those placed before it was trusted.
    ///
    /// - Returns: those that are over, and whether the book is to be stored again.
    mutating func expire(_ clock: LightingClock) -> (over: [Lock], isChanged: Bool) {
        var isChanged = false
        let over = all.filter { $0.isOver(clock) }
        for lock in over { locks[lock.scope] = nil }
        if clock.isTrusted {
            for lock in locks.values where lock.until == nil {
                locks[lock.scope] = Lock(
                    scope: lock.scope, level: lock.level, reason: lock.reason, by: lock.by, since: lock.since,
                    until: clock.utc.advanced(by: lock.remaining(clock)), untilUptime: lock.untilUptime)
                isChanged = true
            }
        }
        return (over, isChanged || !over.isEmpty)
    }

    // MARK: - Storing

    func stored(_ clock: LightingClock) -> JSONValue {
        .array(
            all.map { lock in
                [
                    "scope": .string(lock.scope.word), "target": .string(lock.scope.target),
                    "level": lock.level.map { .number($0) } ?? .null, "reason": .string(lock.reason),
                    "by": .string(lock.by), "since": lock.since.map { .string($0.description) } ?? .null,
                    "until": lock.until.map { .string($0.description) } ?? .null,
                    // Running time, for a boot that does not know what time it is.
                    "remaining_s": .integer(lock.remaining(clock).components.seconds),
                ]
            })
    }

    /// Takes stored locks after a start. What is damaged or of things that are no longer configured is left out.
    ///
    /// - Returns: those whose time ended meanwhile.
    mutating func restore(_ stored: JSONValue, clock: LightingClock) -> [Lock] {
        guard case .array(let entries) = stored else { return [] }
        var over: [Lock] = []
        for entry in entries.prefix(Self.longestList) {
            guard let word = entry["scope"]?.text, let target = entry["target"]?.text,
                let scope = Lock.Scope(word: word, target: target), scope == .all || self.scope(named: target) == scope,
                let remaining = entry["remaining_s"]?.number.flatMap({ Int64("\($0)") }), remaining > 0
            else { continue }
            let lock = Lock(
                scope: scope, level: entry["level"]?.number, reason: entry["reason"]?.text ?? "",
                by: entry["by"]?.text ?? "", since: entry["since"]?.text.flatMap { UTCInstant($0) },
                until: entry["until"]?.text.flatMap { UTCInstant($0) },
                untilUptime: clock.uptime.advanced(by: min(.seconds(remaining), Self.longest)))
            if lock.isOver(clock) { over.append(lock) } else { locks[scope] = lock }
        }
        return over
    }
}
