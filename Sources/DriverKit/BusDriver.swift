public import DriverProtocol
public import Telemetry

/// What a driver's author writes: the knowledge of one kind of bus. The kit does the rest: protocol, bus thread, heartbeat, shutdown.
///
/// A driver is an actor that lives on the ``BusThread`` the kit hands it (`unownedExecutor` is the thread's), so its
/// methods may block in an exchange with the wire; there is no `await` inside an exchange. Commands and queries
/// of people are calls of the same actor and run between two turns.
public protocol BusDriver: Actor {
    /// Said once to the runtime.
    static var identity: DriverIdentity { get }

    /// - Parameters:
    ///   - thread: the thread on which the driver lives.
    ///   - outlet: where samples, states and events go.
    init(thread: BusThread, outlet: any DriverOutlet)

    /// Checks everything and remembers it. No I/O.
    func configure(_ configuration: DriverConfigure) -> DriverConfigured

    /// Opens the port.
    ///
    /// - Returns: what was opened, for people.
    func start() throws(DriverStartFailure) -> String

    /// Does at most one exchange of what is most urgent. May be called earlier than it asked for, after a query or a command.
    ///
    /// - Returns: when it wants to be called again. The kit counts the call as progress.
    func turn() -> BootInstant

    /// Reads points now.
    ///
    /// A driver whose exchanges are short answers at once. One that must wait (for a fade to end) suspends, and turns and
    /// other commands run meanwhile: the kit awaits each call in a task of its own.
    func query(_ query: DriverQuery) async -> DriverQueryDone

    /// Changes something, reads it back. May suspend as ``query(_:)`` may.
    func command(_ command: DriverCommand) async -> DriverCommandDone

    /// State of the port and use of the bus, for the heartbeat. Called after each turn: cheap, no I/O.
    func portState() -> DriverPortState

    /// The longest that one exchange may take as configured: after end of input the process ends within this plus
    /// one second, by itself or by force. One second where a driver does not say.
    func longestExchange() -> Duration

    /// The runtime has what was handed to ``DriverOutlet/remember(_:)`` on disk. Ignored where a driver does not say.
    func remembered(device: String, key: String)

    /// Sums since the last call.
    func statistics() -> DriverStatistics

    /// Says what crosses the wire from now on, or no longer.
    func trace(_ on: Bool)

    /// Begins a task that its identity names; it says what it finds with ``DriverOutlet/taskStep(_:)`` and ends with exactly one
    /// ``DriverOutlet/taskDone(_:)``. Returns at once; the work is done in ``turn()``, a short exchange at a time. May be called on a
    /// driver that is configured and not started: then only tasks that need no port can be done.
    func begin(_ task: DriverTask)

    /// Whether a task is under way: then ``turn()`` is called also before ``start()``. False where a driver does not say.
    var hasTasks: Bool { get }

    /// Nobody waits for this task any more; it still ends with its `TaskDone`.
    func cancel(_ task: UInt64)

    /// Where UTC stands against boot time, for readings that are due at a quarter hour.
    func clock(_ clock: DriverSetClock)

    /// Whether devices have mains, as far as the runtime knows. Ignored where a driver does not say.
    func powered(_ powered: DriverSetPowered)

    /// Closes the port. Nothing else is called afterwards.
    func stop()
}

extension BusDriver {
    public func longestExchange() -> Duration { .seconds(1) }
    public func remembered(device: String, key: String) {}
    public var hasTasks: Bool { false }
    public func begin(_ task: DriverTask) {}
    public func cancel(_ task: UInt64) {}
    public func clock(_ clock: DriverSetClock) {}
    public func powered(_ powered: DriverSetPowered) {}
}

/// Who a driver is; goes into its hello.
public struct DriverIdentity: Sendable {
    public let name: String
    public let version: String
    public let actions: [String]
    /// Names that ``BusDriver/begin(_:)`` takes.
    public let tasks: [String]
    public let busOptions: [DriverOptionDescription]
    public let deviceOptions: [DriverOptionDescription]
    /// Longest time that one turn may take; the runtime restarts the driver after it.
    public let stallAfter: Duration

    public init(
        name: String, version: String, actions: [String] = [], tasks: [String] = [],
        busOptions: [DriverOptionDescription] = [],
        deviceOptions: [DriverOptionDescription] = [], stallAfter: Duration = .seconds(10)
    ) {
        self.name = name
        self.version = version
        self.actions = actions
        self.tasks = tasks
        self.busOptions = busOptions
        self.deviceOptions = deviceOptions
        self.stallAfter = stallAfter
    }
}

/// The port could not be opened.
public struct DriverStartFailure: Error, Sendable {
    public let isRetriable: Bool
    public let message: String

    public init(isRetriable: Bool, message: String) {
        self.isRetriable = isRetriable
        self.message = message
    }
}

public struct DriverPortState: Sendable {
    public let isOpen: Bool
    public let detail: String
    public let utilisationPermille: UInt32

    public init(isOpen: Bool, detail: String, utilisationPermille: UInt32) {
        self.isOpen = isOpen
        self.detail = detail
        self.utilisationPermille = utilisationPermille
    }
}

/// Where a driver's facts go. Thread-safe; `send` blocks while the runtime does not read, which slows the bus and loses nothing.
public protocol DriverOutlet: Sendable {
    func samples(device: UInt32, _ samples: [Sample])
    func deviceState(_ state: DriverDeviceState)
    func event(_ event: DriverEvent)
    func traceRecord(_ record: DriverTraceRecord)
    func remember(_ memory: DriverMemory)
    func taskStep(_ step: DriverTaskStep)
    func taskDone(_ done: DriverTaskDone)
    /// A line on stderr, for the gateway's log.
    func log(_ line: String)
}

extension DriverOutlet {
    // An outlet that records only what a bus says by itself needs no more.
    public func taskStep(_ step: DriverTaskStep) {}
    public func taskDone(_ done: DriverTaskDone) {}
}

extension BusDriver {
    /// What a driver without tasks answers to each.
    public static func unknownTask(_ task: DriverTask) -> DriverTaskDone {
        var done = DriverTaskDone()
        done.request = task.request
        done.failure =
            "the driver \(identity.name) knows no task \"\(task.name)\""
            + (identity.tasks.isEmpty ? "" : "; it knows \(identity.tasks.joined(separator: ", "))")
        return done
    }
}
