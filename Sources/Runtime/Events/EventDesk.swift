import Logging
import Outbox
import Telemetry

/// Where everything that happens is told: kept as an active alarm while it lasts, written to the log, put into the outbox.
actor EventDesk {
    private let outbox: Outbox
    private let clock: GatewayClock
    private let log: Logger
    /// Devices whose values show how people live: the log says what happened to them and no number.
    private let households: Set<String>
    private let journal: EventJournal?
    private var book = AlarmBook()
    /// Where somebody works: alarms from there are marked.
    private let locks: LockView?
    /// Of a household's event these words of its detail stand in the log: none of them holds a value.
    private static let harmless: Set<String> = [
        "bus", "address", "detail", "reason", "because", "by", "action", "point", "epoch", "cause", "windows", "until",
        maintenance,
    ]
    /// Ends each wait of ``changes()`` when the list of alarms changed.
    private var listeners: [AsyncStream<Void>.Continuation] = []

    /// - Parameter journal: keeps events for people on site.
    init(
        households: Set<String> = [], outbox: Outbox, journal: EventJournal? = nil, locks: LockView? = nil,
        clock: GatewayClock, log: Logger
    ) {
        self.locks = locks
        self.households = households
        self.journal = journal
        self.outbox = outbox
        self.clock = clock
        self.log = log
    }

    /// Those that hold now; `maintenance` stands in the detail of each that comes from where somebody works now.
    var alarms: [AlarmBook.Alarm] {
        book.list.map { AlarmBook.Alarm(event: marked($0.event), since: $0.since) }
    }

    /// The key in an alarm's detail that says that a lock covers its device or bus.
    static let maintenance = "maintenance"

    /// A lock began or ended: the list of alarms reads differently.
    func marksChanged() { listeners.forEach { $0.yield() } }

    private func marked(_ event: Event) -> Event {
        guard let locks, case .object(let members) = event.detail else { return event }
        let rest = members.filter { $0.key != Self.maintenance }
        let detail = locks.isMaintenance(event) ? rest + [.init(Self.maintenance, true)] : rest
        guard detail.count != members.count else { return event }
        return Event(
            id: event.id, kind: event.kind, device: event.device, point: event.point, severity: event.severity,
            active: event.active, detail: .object(detail), occurred: event.occurred)
    }

    /// Conditions that the last run told and that still hold: they are put into the list and not told again.
    func adopt(_ events: [Event]) {
        for event in events where event.active == true {
            _ = book.raise(
                event.id, kind: event.kind, device: event.device, point: event.point, severity: event.severity,
                detail: event.detail, at: event.occurred)
        }
        listeners.forEach { $0.yield() }
    }

    /// Ticks after each change of the list of alarms; several changes may make one tick.
    func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        listeners.append(continuation)
        return stream
    }

    /// Something happened.
    func tell(_ event: Event) async {
        await tell([event])
    }

    func tell(_ events: [Event]) async {
        guard !events.isEmpty else { return }
        events.forEach(write)
        await journal?.note(events.map(local))
        await outbox.append(events: events)
    }

    /// What the normalisation tells: happenings, and conditions that begin or end.
    func take(_ events: [Event]) async {
        for event in events {
            switch event.active {
            case true?:
                await raise(
                    event.id, kind: event.kind, device: event.device, point: event.point, severity: event.severity,
                    detail: event.detail)
            case false?: await clear(event.id, detail: event.detail)
            case nil: await tell(event)
            }
        }
    }

    /// A condition begins; nothing happens when it holds already.
    func raise(
        _ id: String, kind: String, device: String? = nil, point: String? = nil, severity: Event.Severity = .alarm,
        detail: JSONValue
    ) async {
        let event = book.raise(
            id, kind: kind, device: device, point: point, severity: severity, detail: detail, at: clock.now())
        guard let event else { return }
        listeners.forEach { $0.yield() }
        await tell(marked(event))
    }

    /// A condition ends; nothing happens when it does not hold.
    func clear(_ id: String, detail: JSONValue = .object([])) async {
        guard let event = book.clear(id, detail: detail, at: clock.now()) else { return }
        listeners.forEach { $0.yield() }
        await tell(event)
    }

    private func write(_ event: Event) {
        let state = event.active.map { $0 ? " begins" : " ends" } ?? ""
        let subject = event.device.map { " \($0)" } ?? ""
        let line = "\(event.kind)\(state)\(subject) \(local(event).detail)"
        switch event.severity {
        case .info: log.info("\(line)")
        case .warning: log.warning("\(line)")
        case .alarm: event.active == false ? log.notice("\(line)") : log.error("\(line)")
        }
    }

    /// As it may stand on this machine: of a household without its numbers.
    private func local(_ event: Event) -> Event {
        guard let device = event.device, households.contains(device), case .object(let members) = event.detail else {
            return event
        }
        return Event(
            id: event.id, kind: event.kind, device: device, point: event.point, severity: event.severity,
            active: event.active, detail: .object(members.filter { Self.harmless.contains($0.key) }),
            occurred: event.occurred)
    }
}
