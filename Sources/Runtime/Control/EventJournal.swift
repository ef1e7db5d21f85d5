import Logging
import Outbox
import Telemetry

/// The gateway's own record of what happened, for people on site: the last 30 days, whatever head-ends took or missed.
///
/// Whoever tells an event never waits for the disk: events are taken into memory and written by a task of their own.
actor EventJournal {
    /// Events shown at most: a reply that fits the control socket with room to spare.
    static let shown = 5_000
    /// Events that wait for a disk that does not write; the oldest go first.
    private static let waiting = 1_000

    private let state: StateStore
    private let clock: GatewayClock
    private let log: Logger
    private var pending: [StateStore.StoredEvent] = []
    private var isWriting = false
    private var hasFailed = false

    init(state: StateStore, clock: GatewayClock, log: Logger) {
        self.state = state
        self.clock = clock
        self.log = log
    }

    func note(_ events: [Event]) {
        for event in events {
            pending.append(
                StateStore.StoredEvent(
                    boot: clock.boot, occurred: event.occurred, wall: clock.wall(event.occurred), kind: event.kind,
                    device: event.device ?? "", severity: event.severity.rawValue, active: event.active,
                    detail: event.detail.description))
        }
        if pending.count > Self.waiting { pending.removeFirst(pending.count - Self.waiting) }
        guard !isWriting, !pending.isEmpty else { return }
        isWriting = true
        Task { await write() }
    }

    /// Newest last.
    func events(device: String?, limit: Int) async throws -> [StateStore.StoredEvent] {
        let stored = try await state.events(device: device, limit: limit)
        return stored + pending.filter { device == nil || $0.device == device }
    }

    private func write() async {
        while !pending.isEmpty {
            let batch = pending
            pending = []
            do {
                try await state.append(events: batch)
                hasFailed = false
            } catch {
                if !hasFailed { log.error("events cannot be kept for `candela events`: \(error)") }
                hasFailed = true
            }
        }
        isWriting = false
    }
}
