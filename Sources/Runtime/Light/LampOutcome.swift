import DriverProtocol
import Telemetry

extension LightingService {
    /// What came of an order for one lamp.
    enum Outcome: Sendable {
        case done(DriverCommandDone)
        /// Nothing had to be sent: the lamp stands at this level already.
        case already(ExactDecimal)
        case refused(String)

        func result(id: String, device: String, at now: BootInstant) -> CommandResult {
            switch self {
            case .done(let done): CommandRouter.result(id: id, device: device, unit: "%", done, at: now)
            case .already(let percent):
                CommandResult(
                    id: id, device: device, status: .verified, value: .number(percent), unit: "%", finished: now)
            case .refused(let reason):
                CommandResult(id: id, device: device, status: .rejected, reason: reason, finished: now)
            }
        }
    }
}
