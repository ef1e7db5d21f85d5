import Logging
import Outbox
import Telemetry

/// What the clock is worth, told when it changes and left behind for the boots to come.
extension Gateway {
    private static let clockKey = "clock.offsets"

    func recallClock() async {
        guard let bytes = try? await storage.state.value(key: Self.clockKey),
            case .object(let members)? = try? JSONValue(parsing: bytes)
        else { return }
        var offsets: [String: Int64] = [:]
        var lastKnown: UTCInstant?
        for member in members {
            if member.key == "last_known" {
                lastKnown = member.value.text.flatMap { UTCInstant($0) }
            } else if let text = member.value.text, let offset = Int64(text) {
                offsets[member.key] = offset
            }
        }
        clock.recall(offsets: offsets, lastKnown: lastKnown)
    }

    /// Tells when the clock became trusted, and leaves this boot's offset behind for readings that a later boot will send.
    func followClock() async {
        let status = clock.status()
        await buses.tell(clock: status)
        let before = lastClock
        // A step of more than a second is news; drift is not.
        let stepped = before.map { abs($0.offset - status.offset) > 1_000_000_000 } ?? true
        guard before?.quality != status.quality || before?.source != status.source || stepped else { return }
        lastClock = status
        if before != nil || status.isTrusted {
            await events.tell(
                Event(
                    kind: EventKind.clock, severity: .info,
                    detail: [
                        "boot": .string(clock.boot), "offset_ns": .string(String(status.offset)),
                        "quality": .string(status.quality.name), "source": .string(status.source),
                    ], occurred: clock.now()))
        }
        guard status.isTrusted else { return }
        var members: [JSONValue.Member] = []
        // Ten boots back: older backlogs do not exist within any sensible limit of the outbox.
        if let bytes = try? await storage.state.value(key: Self.clockKey),
            case .object(let old)? = try? JSONValue(parsing: bytes)
        {
            members = old.filter { $0.key != clock.boot && $0.key != "last_known" }.suffix(9)
        }
        members.append(.init(clock.boot, .string(String(status.offset))))
        members.append(.init("last_known", .string(clock.wall(clock.now()).description)))
        try? await storage.state.put(key: Self.clockKey, value: Array(JSONValue.object(members).description.utf8))
    }
}
