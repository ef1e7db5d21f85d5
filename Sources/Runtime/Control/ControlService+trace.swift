import ControlProtocol
import DriverProtocol
import Supervision
import Telemetry

/// Following what a bus says and hears.
extension ControlService {
    /// Records until the client goes away.
    func trace(
        _ wanted: ControlTraceRequest, _ template: ControlReply, _ send: @escaping ControlServer.ControlReplySender
    ) async {
        guard let supervisor = await buses[wanted.bus] else {
            var reply = template
            reply.failure = Self.failure(2, "there is no bus \(wanted.bus)", busHint(wanted.bus))
            try? await send(reply)
            return
        }
        let (listener, isFirst) = traces.listen(to: wanted.bus)
        if isFirst { await supervisor.trace(true) }
        for await record in listener.records {
            var reply = template
            var made = ControlTraceRecord()
            made.bootNs = record.bootNs
            made.time = clock.wall(BootInstant(nanoseconds: Int64(clamping: record.bootNs))).description
            made.sent = record.sent
            made.data = record.data
            made.text = record.text
            made.failed = record.failed
            if record.hasDevice_p { made.device = await devices.name(bus: wanted.bus, index: record.device) ?? "" }
            reply.traceRecord = made
            do { try await send(reply) } catch { break }
        }
        // Somebody may have come in between: the state counts, not this listener's part in it.
        _ = traces.leave(listener, bus: wanted.bus)
        await supervisor.trace(traces.isFollowed(wanted.bus))
    }
}
