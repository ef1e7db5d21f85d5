import Lighting
import Logging
import Outbox
import Telemetry

/// Places and ends locks, keeps them over restarts, tells of them, and holds the lamps.
actor LockDesk {
    private static let storageKey = "locks"

    nonisolated let view: LockView
    private let lighting: LightingService
    private let events: EventDesk
    private let state: StateStore
    private let clock: GatewayClock
    private let log: Logger
    /// How lamps were last told to be held.
    private var held: [String: Lock] = [:]

    init(
        view: LockView, lighting: LightingService, events: EventDesk, state: StateStore, clock: GatewayClock,
        log: Logger
    ) {
        self.view = view
        self.lighting = lighting
        self.events = events
        self.state = state
        self.clock = clock
        self.log = log
    }

    /// Takes the locks of the last run; to be called before Lighting's first order.
    func restore() async {
        if let bytes = try? await state.value(key: Self.storageKey), let stored = try? JSONValue(parsing: bytes) {
            let now = clock.forLighting()
            let over = view.change { $0.restore(stored, clock: now) }
            // Whoever counts on a lock hears of its end, also when the gateway was off at that moment.
            if !over.isEmpty { await settle(over.map { tell($0, locked: false, by: "time") }) }
        }
        for lock in view.all { log.notice("locked: \(lock.detail)") }
        await hold()
    }

    /// - Returns: the lock that is in force now.
    func lock(
        _ scope: Lock.Scope, for duration: Duration?, level: ExactDecimal?, reason: String, by author: String
    ) async throws(LockBook.Refusal) -> Lock {
        let now = clock.forLighting()
        let lock = try view.change { (book) throws(LockBook.Refusal) in
            try book.place(scope, for: duration, level: level, reason: reason, by: author, clock: now)
        }
        await settle([tell(lock, locked: true, by: author)])
        return lock
    }

    /// - Returns: what was ended; nil when that target had no lock.
    func unlock(_ scope: Lock.Scope, by author: String) async -> Lock? {
        guard let lock = view.change({ $0.remove(scope) }) else { return nil }
        await settle([tell(lock, locked: false, by: author)])
        return lock
    }

    /// Ends what is over; called once a second.
    func expire() async {
        guard !view.read(\.isEmpty) else { return }
        let now = clock.forLighting()
        let (over, isChanged) = view.change { $0.expire(now) }
        guard !over.isEmpty else {
            if isChanged { await store() }
            return
        }
        await settle(over.map { tell($0, locked: false, by: "time") })
    }

    private func settle(_ told: [Event]) async {
        await store()
        await hold()
        await events.tell(told)
        await events.marksChanged()
    }

    private func tell(_ lock: Lock, locked: Bool, by author: String) -> Event {
        guard case .object(var members) = lock.detail else {
            return Event(kind: EventKind.lock, severity: .info, occurred: clock.now())
        }
        members.insert(.init("locked", .bool(locked)), at: 0)
        if !locked { members.append(.init("ended_by", .string(author))) }
        let device: String? = if case .device(let name) = lock.scope { name } else { nil }
        return Event(
            kind: EventKind.lock, device: device, severity: .info, detail: .object(members), occurred: clock.now())
    }

    /// Lamps that are covered are held, those that no longer are go back to what is right.
    private func hold() async {
        var wanted: [String: Lock] = [:]
        for lamp in await lighting.ruledLamps { wanted[lamp] = view.lock(on: lamp) }
        let ended = held.keys.filter { wanted[$0] == nil }
        let begun = wanted.filter { held[$0.key] != $0.value }
        held = wanted
        if !ended.isEmpty { await lighting.unhold(lamps: ended.sorted()) }
        for (lock, lamps) in Dictionary(grouping: begun, by: \.value) {
            await lighting.hold(lamps: lamps.map(\.key).sorted(), by: lock)
        }
    }

    private func store() async {
        let now = clock.forLighting()
        let bytes = Array(view.read { $0.stored(now) }.description.utf8)
        do {
            try await state.put(key: Self.storageKey, value: bytes)
        } catch {
            // They stay in force in memory; nobody's hands may depend on a disk.
            log.error("the locks could not be stored and would not survive a restart: \(error)")
        }
    }
}
