import DriverProtocol
import DriverTestSupport
import Telemetry

extension DriverProcess {
    /// The DALI driver; nil when it was not built.
    static var dali: String? { executable("candela-driver-dali") }

    /// The first samples of device 0 in which its level is good.
    func level(points: Int) throws -> Value? {
        try receive("a level") { message -> Value? in
            guard case .samples(let samples)? = message.message else { return nil }
            let rows = try? samples.rows(points: points)
            return rows?.first { $0.point == 0 && $0.quality == .good }?.value
        }
    }

    /// A person sets the level of device 0.
    func setLevel(_ percent: Int64) throws -> DriverCommandDone {
        try send {
            $0.command.request = 41
            $0.command.device = 0
            $0.command.action = "set"
            $0.command.value.number = DriverDecimal(ExactDecimal(percent))
            $0.command.priority = .person
        }
        return try receive("the command's result") {
            if case .commandDone(let done)? = $0.message { done } else { nil }
        }
    }
}
