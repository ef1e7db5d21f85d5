import Telemetry

/// The conditions that hold now. Raising what is raised already, or clearing what is not, changes nothing and says nothing.
struct AlarmBook: Sendable {
    struct Alarm: Sendable, Hashable {
        let event: Event
        let since: BootInstant
    }

    private(set) var active: [String: Alarm] = [:]

    /// In the order they were raised.
    var list: [Alarm] { active.values.sorted { ($0.since, $0.event.id) < ($1.since, $1.event.id) } }

    /// - Returns: the event to send; nil when the condition holds already.
    mutating func raise(
        _ id: String, kind: String, device: String? = nil, point: String? = nil, severity: Event.Severity = .alarm,
        detail: JSONValue, at now: BootInstant
    ) -> Event? {
        guard active[id] == nil else { return nil }
        let event = Event(
            id: id, kind: kind, device: device, point: point, severity: severity, active: true, detail: detail,
            occurred: now)
        active[id] = Alarm(event: event, since: now)
        return event
    }

    /// - Returns: the event to send; nil when the condition does not hold.
    mutating func clear(_ id: String, detail: JSONValue = .object([]), at now: BootInstant) -> Event? {
        guard let alarm = active.removeValue(forKey: id) else { return nil }
        let raised = alarm.event
        return Event(
            id: id, kind: raised.kind, device: raised.device, point: raised.point, severity: raised.severity,
            active: false,
            detail: detail, occurred: now)
    }
}
