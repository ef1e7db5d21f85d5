import ControlProtocol
import Outbox
import Telemetry

/// What happened here, from the gateway's own journal.
extension ControlService {
    func events(_ wanted: ControlEventsRequest, into reply: inout ControlReply) async {
        let day: Duration = .seconds(86_400)
        let now = clock.wall(clock.now())
        var since = now.advanced(by: .zero - day)
        if !wanted.since.isEmpty {
            guard let given = UTCInstant(wanted.since) else {
                reply.failure = Self.failure(
                    2, "\"\(wanted.since)\" is no time", "write it as 2026-11-21T16:04:05Z")
                return
            }
            since = given
        }
        do {
            let limit = wanted.limit == 0 ? EventJournal.shown : min(Int(wanted.limit), EventJournal.shown)
            var list = ControlEvents()
            for stored in try await journal.events(device: wanted.device.isEmpty ? nil : wanted.device, limit: limit) {
                let time = clock.utc(stored.occurred, boot: stored.boot)?.time ?? stored.wall
                guard time >= since else { continue }
                var line = ControlEventLine()
                line.time = time.description
                line.kind = stored.kind
                line.device = stored.device
                line.severity = Event.Severity(rawValue: stored.severity)?.name ?? "info"
                line.phase = stored.active.map { $0 ? "begins" : "ends" } ?? ""
                line.detail = stored.detail
                list.events.append(line)
            }
            reply.events = list
        } catch {
            reply.failure = Self.failure(1, "the events cannot be read: \(error)", "candela queue shows the disk")
        }
    }
}
