public import DriverKit
public import DriverProtocol
internal import Glibc
public import Telemetry

/// Utility meters and other devices on Modbus RTU and Modbus TCP, by profile.
public actor ModbusDriver: BusDriver {
    public static let identity = DriverIdentity(
        name: "modbus", version: "0.1.0", tasks: TaskCatalog.names, busOptions: BusOptions.descriptions,
        deviceOptions: DeviceOptions.descriptions,
        // A query of a device with many blocks, each tried twice with the longest time-out, fits in.
        stallAfter: .seconds(30))

    public nonisolated let thread: BusThread
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let outlet: any DriverOutlet
    private var configuration: BusConfiguration?
    private var engine: BusEngine?
    private var shell: NetworkShell?
    private var tasks: TaskHost?
    private var setClock: DriverSetClock?
    private var isTasksTurn = false
    private var isReadOnly = false

    public init(thread: BusThread, outlet: any DriverOutlet) {
        self.thread = thread
        self.outlet = outlet
    }

    public func configure(_ configure: DriverConfigure) -> DriverConfigured {
        var read = BusConfiguration(configure)
        let answer = read.takeAnswer()
        configuration = read
        isReadOnly = configure.readOnly
        tasks = TaskHost(
            configuration: read, isReadOnly: configure.readOnly, outlet: outlet, clock: { BootClock.now() })
        return answer
    }

    public func start() throws(DriverStartFailure) -> String {
        guard let configuration, let port = configuration.port else {
            throw DriverStartFailure(isRetriable: false, message: "the bus is not configured")
        }
        if port.isSerial { return try startLine(configuration, port) }
        return try startNetwork(configuration, port)
    }

    private func startLine(
        _ configuration: BusConfiguration, _ port: PortAddress
    ) throws(DriverStartFailure) -> String {
        let options = configuration.options
        // The port is opened also when no device of it is usable: the fault shows now, not with the first device.
        guard case .serial(let path) = port else {
            throw DriverStartFailure(isRetriable: false, message: "the port is no serial line")
        }
        let line = SerialLink(
            path: path, options.serial, turnaround: options.turnaround, options: options.line,
            log: { [outlet] line in outlet.log(line) })
        do {
            try line.open()
        } catch {
            throw DriverStartFailure(isRetriable: error.isRetriable, message: error.message)
        }
        let engine = BusEngine(
            options: options, links: [line], devices: configuration.devices, outlet: outlet,
            clock: { BootClock.now() })
        begin(engine, shell: nil)
        return line.title
    }

    private func startNetwork(
        _ configuration: BusConfiguration, _ port: PortAddress
    ) throws(DriverStartFailure) -> String {
        guard let poller = EventPoller() else {
            throw DriverStartFailure(isRetriable: true, message: "no descriptor is left to wait on hosts with")
        }
        var hosts = configuration.links
        if hosts.isEmpty, port != .hosts { hosts = [port] }
        let plan = NetworkPlan(hosts: hosts, devices: configuration.devices, options: configuration.options)
        NetworkPlan.allowDescriptors(plan.lanes.count)
        let now = BootClock.now()
        let engine = BusEngine(
            options: configuration.options, line: nil,
            lanes: plan.lanes.map {
                BusLane(host: $0.host, framing: $0.framing, configuration.options, from: now)
            }, devices: plan.devices, outlet: outlet, clock: { BootClock.now() })
        let thread = thread
        let connections = plan.lanes.enumerated().map { lane, host in
            HostConnection(
                lane: lane, host: host.host, framing: host.framing, poller: poller, onResolved: { thread.wake() })
        }
        let shell = NetworkShell(engine: engine, poller: poller, connections: connections)
        thread.attach(poller)
        begin(engine, shell: shell)
        shell.start()
        return hosts.count == 1 ? engine.lanes[0].title : "\(hosts.count) hosts"
    }

    private func begin(_ engine: BusEngine, shell: NetworkShell?) {
        let thread = thread
        self.engine = engine
        self.shell = shell
        tasks?.engine = engine
        tasks?.shell = shell
        tasks?.onResolved = { thread.wake() }
        if let setClock { clock(setClock) }
        engine.isReadOnly = isReadOnly
        engine.begin()
    }

    public func turn() -> BootInstant {
        // A task and the polling take turns, so that neither waits for long.
        isTasksTurn.toggle()
        if isTasksTurn || engine == nil, let tasks, let due = tasks.due, due <= BootClock.now() {
            tasks.step()
            return engine == nil && tasks.isEmpty ? BootInstant(nanoseconds: .max) : BootClock.now()
        }
        var next = BootInstant(nanoseconds: .max)
        if let shell {
            shell.lookAtNames()
            next = shell.turn()
        } else if let engine {
            next = engine.turn()
        }
        if let due = tasks?.due {
            isTasksTurn = false
            next = min(next, due)
        }
        return next
    }

    public func query(_ query: DriverQuery) async -> DriverQueryDone {
        await engine?.query(query) ?? DriverQueryDone()
    }

    public func command(_ command: DriverCommand) async -> DriverCommandDone {
        await engine?.command(command) ?? DriverCommandDone()
    }

    public func portState() -> DriverPortState {
        guard let engine else {
            return DriverPortState(isOpen: false, detail: "not open yet", utilisationPermille: 0)
        }
        if let shell { return shell.portState() }
        return engine.portState()
    }

    public func statistics() -> DriverStatistics { engine?.statistics() ?? DriverStatistics() }

    public func trace(_ on: Bool) { engine?.isTracing = on }

    public var hasTasks: Bool { !(tasks?.isEmpty ?? true) }

    public func begin(_ task: DriverTask) { tasks?.add(task) }

    public func cancel(_ task: UInt64) { tasks?.cancel(task) }

    public func clock(_ clock: DriverSetClock) {
        setClock = clock
        engine?.setClock(utcMinusBoot: clock.trusted ? clock.utcMinusBootNs : nil)
    }

    public func longestExchange() -> Duration {
        guard let configuration else { return .seconds(1) }
        let slowest = configuration.devices.map(\.timeout).max() ?? configuration.options.responseTimeout
        return slowest + SerialLink.restlessLimit + HostConnection.connectTimeout
    }

    public func stop() {
        tasks?.cancelAll()
        shell?.close()
        engine?.close()
        thread.attach(nil)
        shell = nil
        engine = nil
    }
}

extension BusEngine {
    /// Of a serial bus.
    func portState() -> DriverPortState {
        let share = meter.utilisation(at: clock())
        if let portFailure {
            return DriverPortState(isOpen: false, detail: portFailure, utilisationPermille: share)
        }
        return DriverPortState(isOpen: true, detail: line?.title ?? "", utilisationPermille: share)
    }

    func close() {
        dismissErrands()
        line?.close()
    }
}

extension NetworkShell {
    func portState() -> DriverPortState {
        let share = engine.meter.utilisation(at: engine.clock())
        let open = openConnections
        let isUp = open > 0 || engine.onlineDevices > 0 || engine.devices.isEmpty
        let detail: String
        if connections.count == 1 {
            detail = isUp ? engine.lanes[0].title : engine.devices.first?.lastFailure ?? engine.lanes[0].title
        } else {
            detail = "\(open) of \(connections.count) hosts connected"
        }
        return DriverPortState(isOpen: isUp, detail: detail, utilisationPermille: share)
    }
}
