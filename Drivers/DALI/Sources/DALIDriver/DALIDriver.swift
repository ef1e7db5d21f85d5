public import DriverKit
public import DriverProtocol
public import Telemetry

/// The driver of one DALI bus behind a serial interface (IEC 62386): lamps with level, states and commands.
///
/// The actor is the door between the kit and ``BusEngine``: it lives on the bus's thread, and a command that waits for a
/// fade suspends while polling and other commands go on.
public actor DALIDriver: BusDriver {
    public static let identity = DriverIdentity(
        name: "dali", version: "1.0.0", actions: LampOrder.actions, tasks: DALITaskCatalog.names,
        busOptions: BusConfiguration.busOptions,
        deviceOptions: BusConfiguration.deviceOptions)

    private nonisolated let thread: BusThread
    private let engine: BusEngine

    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    public init(thread: BusThread, outlet: any DriverOutlet) {
        self.thread = thread
        engine = BusEngine(world: .real, outlet: outlet)
    }

    public func configure(_ configuration: DriverConfigure) -> DriverConfigured { engine.configure(configuration) }

    public func start() throws(DriverStartFailure) -> String { try engine.start() }

    public func turn() -> BootInstant { engine.turn() }

    public func query(_ query: DriverQuery) async -> DriverQueryDone {
        await withCheckedContinuation { continuation in
            engine.submit(query) { continuation.resume(returning: $0) }
            thread.wake()
        }
    }

    public func command(_ command: DriverCommand) async -> DriverCommandDone {
        await withCheckedContinuation { continuation in
            engine.submit(command) { continuation.resume(returning: $0) }
            thread.wake()
        }
    }

    public func portState() -> DriverPortState { engine.portState }

    /// A drained interface (2 s), its acceptance and two sent-events (1 s each): only a broken interface takes so long.
    public func longestExchange() -> Duration { .seconds(5) }

    public func statistics() -> DriverStatistics { engine.statistics() }

    public func trace(_ on: Bool) { engine.isTracing = on }

    public var hasTasks: Bool { !(engine.tasks?.isEmpty ?? true) }

    public func begin(_ task: DriverTask) {
        guard let tasks = engine.tasks else { return }
        tasks.add(task)
    }

    public func cancel(_ task: UInt64) { engine.cancelTask(task) }

    public func remembered(device: String, key: String) { engine.stored(device: device, key: key) }

    public func powered(_ powered: DriverSetPowered) { engine.setPowered(powered) }

    public func stop() { engine.stop() }
}
