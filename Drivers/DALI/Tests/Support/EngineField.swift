import DriverProtocol
import Telemetry

@testable import DALIDriver

/// An engine in virtual time, whatever its interface is: what a runtime would send it, and what it told.
protocol EngineField: AnyObject {
    var clock: VirtualClock { get }
    var outlet: RecordingOutlet { get }
    var engine: BusEngine { get }
}

/// What became of a command.
final class CommandAnswer {
    var done: DriverCommandDone?
    var at: BootInstant?
}

extension EngineField {
    /// A command to the device with this index.
    func submit(
        _ device: UInt32, action: String = "set", point: LampPoint = .level, value: Value? = nil,
        priority: DriverPriority = .person, fade: UInt64 = 0, deadline: Duration? = nil
    ) -> CommandAnswer {
        var command = DriverCommand()
        command.device = device
        command.action = action
        command.point = UInt32(Configuration.points.firstIndex(of: point) ?? 0)
        if let value { command.value = DriverValue(value) }
        command.priority = priority
        command.fadeMs = fade
        if let deadline { command.deadlineBootNs = UInt64(clock.now.advanced(by: deadline).nanoseconds) }
        let answer = CommandAnswer()
        engine.submit(command) { [clock] in
            answer.done = $0
            answer.at = clock.now
        }
        return answer
    }

    /// Samples of one point of one device, in order.
    func samples(_ device: UInt32, _ point: LampPoint) -> [Sample] {
        let index = Configuration.points.firstIndex(of: point)
        return outlet.all.samples.filter { $0.device == device && $0.sample.point == index }.map(\.sample)
    }
}
