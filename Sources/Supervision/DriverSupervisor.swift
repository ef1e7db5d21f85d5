public import DriverProtocol
public import Logging

/// Starts, watches and restarts the driver of one bus.
public actor DriverSupervisor {
    /// Name of the bus.
    public nonisolated let bus: String
    private let sink: any DriverSink
    private var current = BusState(condition: .disabled, detail: "", isAlarm: false, restarts: 0, process: 0)

    /// - Parameters:
    ///   - executable: path of the driver's program.
    ///   - manifestName: the name its `driver.yaml` gives; its hello must say the same.
    ///   - workingDirectory: where it runs; nil: the driver's own folder.
    ///   - configure: sent after each hello; `request` and `memories` are kept up to date by the supervisor.
    ///   - hasLamps: a bus with lamps is never given up, but tried again every 60 s.
    ///   - responseTimeout: longest exchange on the wire; at a stop the driver gets this and 1.5 s to finish.
    public init(
        bus: String, executable: String, manifestName: String, workingDirectory: String? = nil,
        configure: DriverConfigure, hasLamps: Bool, responseTimeout: Duration = .seconds(1), log: Logger,
        sink: any DriverSink
    ) {
        self.bus = bus
        self.sink = sink
    }

    /// The state reported last.
    public var state: BusState { current }
    /// What the driver said of itself; nil until its first hello.
    public var hello: DriverDriverHello? { nil }
    /// The driver's last answer to `Configure`.
    public var configured: DriverConfigured? { nil }

    /// Starts the driver; returns at once. Nothing happens when it is started already.
    public func start() {}

    /// Ends the driver and returns when its process is gone (or cannot be ended within a few seconds after SIGKILL).
    public func stop() async {}

    /// Restarts the driver with another configuration; also brings back a bus that is `failed`.
    public func reconfigure(_ configure: DriverConfigure) {}

    /// Waits until the bus is running or has met its first failure.
    ///
    /// - Returns: the state then; `.starting` when neither came in time.
    public func settled(within limit: Duration) async -> BusState { current }

    /// Reads points ahead of polling. `request` and `deadlineBootNs` are filled in.
    public func query(_ query: DriverQuery, within limit: Duration = .seconds(10)) async -> DriverQueryDone { .init() }

    /// Changes something in the field. `request` and `deadlineBootNs` are filled in (a nearer deadline given is kept).
    public func command(_ command: DriverCommand, within limit: Duration = .seconds(10)) async -> DriverCommandDone {
        .init()
    }

    /// Sums since the last call; nil when the driver does not answer.
    public func statistics(within limit: Duration = .seconds(2)) async -> DriverStatistics? { nil }

    /// Turns the bus trace on or off; kept over restarts.
    public func trace(_ on: Bool) {}

    /// What ``DriverReport/remember(_:)`` brought is on disk.
    public func remembered(device: String, key: String) {}

    /// The runtime found what the driver sent unusable: the driver is killed and started again.
    public func refuse(_ reason: String) {}
}
