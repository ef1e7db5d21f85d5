public import DriverProtocol

/// How a bus fares, in the words of `status`.
public enum BusCondition: String, Sendable, Hashable, CaseIterable {
    /// The driver is being started, greeted or configured.
    case starting
    /// The driver works and its port is open.
    case running
    /// The driver works, but its port is gone; it tries to open it again by itself.
    case portLost = "port_lost"
    /// The driver stopped or could not start; it is started again after a pause.
    case waiting
    /// Needs a person. It is still tried again now and then where that can help.
    case failed
    /// Not started, or stopped on purpose.
    case disabled
}

/// A condition with its circumstances.
public struct BusState: Sendable, Hashable {
    public let condition: BusCondition
    /// One sentence for people: what was opened, or what happened and what comes next.
    public let detail: String
    /// The driver is at its crash limit or refused: an alarm is due until the state changes.
    public let isAlarm: Bool
    /// How often the driver was started again since ``DriverSupervisor/start()``.
    public let restarts: UInt64
    /// Process id of the driver; 0: none runs.
    public let process: Int32

    public init(condition: BusCondition, detail: String, isAlarm: Bool, restarts: UInt64, process: Int32) {
        self.condition = condition
        self.detail = detail
        self.isAlarm = isAlarm
        self.restarts = restarts
        self.process = process
    }
}

/// What a supervisor tells of its bus, in the order in which it happened.
public enum DriverReport: Sendable {
    /// Told on every change.
    case state(BusState)
    /// The driver's answer to `Configure`, again after each restart. `Start` is sent once this report has been taken.
    case configured(DriverConfigured)
    /// Of one or many messages, in their order.
    case samples([SampleBlock])
    case deviceState(DriverDeviceState)
    case heartbeat(DriverHeartbeat)
    case event(DriverEvent)
    /// To be stored; then ``DriverSupervisor/remembered(device:key:)``. An empty value means: forget it.
    case remember(DriverMemory)
    case trace(DriverTraceRecord)
    /// The bus delivers nothing until it is running again: its devices are bad, reason `communication`. Told once per
    /// loss, also when the very first start fails; never for a stop on purpose.
    case gone(reason: String)
}

/// Who listens to a supervisor.
///
/// Calls come one after the other; while one is pending, the driver's output is not read on, so that a slow listener
/// slows the driver and loses nothing. A listener must not await an answer of the same driver
/// (``DriverSupervisor/query(_:within:)``) inside the call.
public protocol DriverSink: Sendable {
    func driver(_ bus: String, didReport report: DriverReport) async
}
