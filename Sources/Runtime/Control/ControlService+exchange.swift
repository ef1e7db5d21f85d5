import ControlProtocol
import Telemetry

/// Meters that a person exchanged.
extension ControlService {
    func exchange(_ wanted: ControlExchangeRequest, _ peer: ControlPeer, into reply: inout ControlReply) async {
        func written(_ text: String) -> String? { text.isEmpty ? nil : text }
        let author = CommandOrigin.person(user: peer.user)
        do {
            let done = try await devices.exchange(
                wanted.device,
                MeterExchange(
                    point: written(wanted.point), final: wanted.final, initial: wanted.initial,
                    serial: written(wanted.serial)), by: author.by)
            var result = ControlResult()
            result.device = wanted.device
            result.status = "verified"
            result.reason = "\(done.point) counts in epoch \(done.epoch) from now on"
            reply.results.results = [result]
        } catch {
            reply.failure = Self.failure(2, error.explanation, error.hint)
        }
    }
}
