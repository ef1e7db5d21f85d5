public import DriverProtocol
public import Logging
import Telemetry

/// Starts, watches and restarts the driver of one bus.
///
/// All decisions are those of ``SupervisionMachine``; this actor carries them out. What the driver sends is taken in order
/// by one loop, which awaits the listener: a slow listener slows the driver. Neither the actor nor the listener ever
/// waits for a pipe, a thread does that.
public actor DriverSupervisor {
    /// Name of the bus.
    public nonisolated let bus: String
    let limits: SupervisionLimits
    let log: Logger
    private let sink: any DriverSink
    private let launch: DriverLaunch
    private let runtimeVersion: String
    private let inbox: DriverInbox
    private var machine: SupervisionMachine
    private var configuration: DriverConfigure
    private var isTracing = false
    /// Told last, so that a driver that is started again hears it too.
    private var clock: DriverSetClock?
    /// Devices without mains, as last told: told again to a driver that was restarted.
    private var unpowered: [[UInt32]] = []

    private var loop: Task<Void, Never>?
    private var timer: Task<Void, Never>?
    private var timerDue: BootInstant?
    private(set) var process: DriverProcess?
    private var processNumber: UInt64 = 0
    var pending = PendingRequests()
    /// Tasks under way, by request.
    var tasks: [UInt64: DriverTaskMailbox] = [:]
    private var stopWaiters: [CheckedContinuation<Void, Never>] = []
    private var settleWaiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    private var settleNumber: UInt64 = 0
    /// Indices of the devices that the driver described.
    private var knownDevices: Set<UInt32> = []

    /// What the driver said of itself; nil until its first hello.
    public private(set) var hello: DriverDriverHello?
    /// The driver's last answer to `Configure`.
    public private(set) var configured: DriverConfigured?

    /// - Parameters:
    ///   - executable: path of the driver's program.
    ///   - manifestName: the name its `driver.yaml` gives; its hello must say the same.
    ///   - workingDirectory: where it runs; nil: the driver's own folder.
    ///   - configure: sent after each hello; `request` and `memories` are kept up to date by the supervisor. With `checkOnly`
    ///     the driver is ended after its answer and never started again.
    ///   - configureOnly: the driver is configured and not started: for tasks that need no port. It runs until ``stop()``.
    ///   - hasLamps: a bus with lamps is never given up, but tried again every 60 s.
    ///   - responseTimeout: longest exchange on the wire; at a stop the driver gets this and 1.5 s to finish.
    ///   - runtimeVersion: told to the driver.
    public init(
        bus: String, executable: String, manifestName: String, workingDirectory: String? = nil,
        configure: DriverConfigure, configureOnly: Bool = false, hasLamps: Bool,
        responseTimeout: Duration = .seconds(1),
        runtimeVersion: String = "1", limits: SupervisionLimits = SupervisionLimits(), log: Logger,
        sink: any DriverSink
    ) {
        self.bus = bus
        self.sink = sink
        self.limits = limits
        self.log = log
        self.runtimeVersion = runtimeVersion
        launch = DriverLaunch(bus: bus, executable: executable, workingDirectory: workingDirectory)
        inbox = DriverInbox(limits: limits)
        configuration = configure
        machine = SupervisionMachine(
            bus: bus, manifestName: manifestName, hasLamps: hasLamps, isCheckOnly: configure.checkOnly,
            isConfigureOnly: configureOnly,
            responseTimeout: responseTimeout, limits: limits, random: { Double.random(in: 0...1) })
    }

    deinit {
        inbox.close()
        timer?.cancel()
        process?.kill()
    }

    /// The state reported last.
    public var state: BusState { machine.state }

    /// Starts the driver; returns at once. Nothing happens when it is started already.
    public func start() { post(.start) }

    /// Ends the driver and returns when its process is gone (or cannot be ended within a few seconds after SIGKILL).
    public func stop() async {
        await withCheckedContinuation { continuation in
            stopWaiters.append(continuation)
            post(.stop)
        }
    }

    /// Restarts the driver with another configuration; also brings back a bus that is `failed`. Starts nothing that is stopped.
    public func reconfigure(_ configure: DriverConfigure) {
        configuration = configure
        post(.reconfigure)
    }

    /// Waits until the bus is running or has met its first failure since the start.
    ///
    /// - Returns: the state then; `.starting` when neither came in time.
    public func settled(within limit: Duration) async -> BusState {
        if !isUnsettled { return machine.state }
        settleNumber += 1
        let number = settleNumber
        let limiter = Task {
            try? await Task.sleep(for: limit)
            settleWaiters.removeValue(forKey: number)?.resume()
        }
        await withCheckedContinuation { settleWaiters[number] = $0 }
        limiter.cancel()
        return machine.state
    }

    /// Whether a task can be handed to the driver now.
    var mayTakeTasks: Bool { machine.phase == .running || machine.phase == .holding }

    private var isUnsettled: Bool { machine.state.condition == .starting || machine.state.condition == .disabled }

    /// Turns the bus trace on or off; kept over restarts.
    public func trace(_ on: Bool) {
        isTracing = on
        if machine.phase == .running { sendTrace() }
    }

    /// Where UTC stands against boot time; told again after each restart of the driver.
    public func send(clock: DriverSetClock) {
        self.clock = clock
        if machine.phase == .running { process?.send(.setClock(clock)) }
    }

    /// Which devices have no mains, in groups of which one each is probed; all others have it. Told again after each restart of the driver.
    public func send(unpowered groups: [[UInt32]]) {
        let before = unpowered
        unpowered = groups
        guard machine.phase == .running else { return }
        let without = Set(groups.joined())
        for group in before {
            let back = group.filter { !without.contains($0) }
            if !back.isEmpty { tell(back, powered: true) }
        }
        for group in groups where !before.contains(group) { tell(group, powered: false) }
    }

    private func tell(_ devices: [UInt32], powered: Bool) {
        var message = DriverSetPowered()
        message.devices = devices
        message.powered = powered
        process?.send(.setPowered(message))
    }

    /// What ``DriverReport/remember(_:)`` brought is on disk.
    public func remembered(device: String, key: String) {
        var message = DriverRemembered()
        message.device = device
        message.key = key
        if machine.phase == .running { process?.send(.remembered(message)) }
    }

    /// The runtime found what the driver sent unusable: the driver is killed and started again.
    public func refuse(_ reason: String) { inbox.post(.breach(.nonsense(reason), process: processNumber)) }

    // MARK: - Requests

    /// Sends a request of which `make` gets number and boot-time deadline, and waits for its answer.
    func ask(
        within limit: Duration, notAfter deadline: UInt64, _ make: (UInt64, UInt64) -> DriverToDriver.OneOf_Message
    ) async -> DriverAnswer {
        guard machine.phase == .running, let process else {
            return .failed("the driver of bus '\(bus)' is not running: \(machine.state.detail)")
        }
        guard pending.count < limits.pendingRequests else {
            return .failed("bus '\(bus)' has \(pending.count) requests waiting already; try again later")
        }
        let request = pending.next()
        let latest = UInt64(max(0, BootInstant.now.advanced(by: limit).nanoseconds))
        process.send(make(request, deadline == 0 ? latest : min(deadline, latest)))
        let limiter = Task { [limits] in
            try? await Task.sleep(for: limit + limits.answerGrace)
            guard !Task.isCancelled else { return }
            self.forget(request, "the driver of bus '\(self.bus)' gave no answer within \(limit.inWords)")
        }
        defer { limiter.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { pending.wait(for: request, $0) }
        } onCancel: {
            Task { await self.forget(request, "the request was called off") }
        }
    }

    private func forget(_ request: UInt64, _ reason: String) { pending.answer(request, .failed(reason)) }

    // MARK: - The loop

    private func post(_ event: SupervisionMachine.Event) {
        if loop == nil {
            loop = Task { [inbox, weak self] in
                while let input = await inbox.next() { await self?.handle(input) }
            }
        }
        inbox.post(.machine(event))
    }

    private func handle(_ input: SupervisorInput) async {
        switch input {
        case .machine(let event): await apply(event)
        case .tick:
            timerDue = nil
            await apply(.tick(outputPaused: process?.lastPaused))
        case .spawned(let pid, let number):
            if number == processNumber { await apply(.spawned(process: pid)) }
        case .spawnFailed(let reason, let isTransient, let number):
            if number == processNumber { await apply(.spawnFailed(reason, isTransient: isTransient)) }
        case .breach(let breach, let number):
            if number == processNumber { await apply(.breach(breach)) }
        case .exited(let exit, let number):
            if number == processNumber { await apply(.exited(exit)) }
        case .samples(let blocks, let number):
            if number == processNumber { await take(blocks) }
        case .message(let message, let number):
            if number == processNumber { await take(message) }
        }
    }

    private func take(_ message: DriverFromDriver) async {
        switch message.message {
        case .hello(let hello)?:
            self.hello = hello
            await apply(.hello(hello))
        case .configured(let received)?:
            var answer = received
            if let fault = answer.resolveSharedPoints() { return await apply(.breach(.nonsense(fault))) }
            if let fault = ConfiguredCheck.fault(in: answer, to: configuration) {
                return await apply(.breach(.nonsense(fault)))
            }
            configured = answer
            knownDevices = Set(answer.devices.map(\.index))
            await apply(.configured(busError: ConfiguredCheck.busError(in: answer)), delivering: .configured(answer))
        case .started(let started)?:
            await apply(.started(port: started.port.clipped))
            if let clock, machine.phase == .running { process?.send(.setClock(clock)) }
            if machine.phase == .running { for group in unpowered { tell(group, powered: false) } }
        case .startFailed(let failure)?:
            await apply(.startFailed(isRetriable: failure.retriable, message: failure.message))
        case .heartbeat(let heartbeat)?: await apply(.heartbeat(heartbeat), delivering: .heartbeat(heartbeat))
        // Read apart from all else, see DriverProcessLoop.
        case .samples?: break
        case .deviceState(let state)?: await pass("DeviceState", of: state.device, .deviceState(state))
        case .event(let event)?: await pass("Event", of: event.hasDevice_p ? event.device : nil, .event(event))
        case .traceRecord(let record)?: await pass("TraceRecord", of: nil, .trace(record))
        case .remember(let memory)?:
            if !DriverMemories.merge(memory, into: &configuration) {
                log.warning(
                    "the driver of bus '\(bus)' wants to remember more than \(DriverMemories.byteLimit) bytes; left out"
                )
                return
            }
            await pass("Memory", of: nil, .remember(memory))
        case .queryDone(let done)?: await answered("QueryDone", done.request, .query(done))
        case .commandDone(let done)?: await answered("CommandDone", done.request, .command(done))
        case .statistics(let sums)?: await answered("Statistics", sums.request, .statistics(sums))
        case .taskStep(let step)?:
            took(step)
            await apply(.message("TaskStep"))
        case .taskDone(let done)?:
            took(done)
            await apply(.message("TaskDone"))
        case nil: break
        }
    }

    private func take(_ blocks: [SampleBlock]) async {
        for block in blocks where !knownDevices.contains(block.device) {
            let fault = "Samples of device \(block.device), which Configured did not describe"
            return await apply(.breach(.nonsense(fault)))
        }
        await apply(.message("Samples"), delivering: .samples(blocks))
    }

    private func pass(_ name: String, of device: UInt32?, _ report: DriverReport) async {
        if let device, !knownDevices.contains(device) {
            return await apply(.breach(.nonsense("\(name) of device \(device), which Configured did not describe")))
        }
        await apply(.message(name), delivering: report)
    }

    private func answered(_ name: String, _ request: UInt64, _ answer: DriverAnswer) async {
        pending.answer(request, answer)
        await apply(.message(name))
    }

    private func apply(_ event: SupervisionMachine.Event, delivering report: DriverReport? = nil) async {
        let actions = machine.handle(event, at: .now)
        // Before the actions: a slow listener must not hold up a deadline.
        schedule()
        for action in actions { await perform(action, report) }
    }

    private func schedule() {
        guard let due = machine.deadline, timerDue.map({ due < $0 }) ?? true else { return }
        timer?.cancel()
        timerDue = due
        timer = Task { [inbox] in
            try? await Task.sleep(for: max(.zero, due.duration(since: .now)))
            if !Task.isCancelled { inbox.post(.tick) }
        }
    }

    private func perform(_ action: SupervisionMachine.Action, _ report: DriverReport?) async {
        switch action {
        case .spawn: spawn()
        case .greet:
            var hello = DriverRuntimeHello()
            hello.runtimeVersion = runtimeVersion
            process?.send(.hello(hello))
        case .configure:
            configuration.request &+= 1
            process?.send(.configure(configuration))
        case .begin:
            process?.send(.start(DriverStart()))
            if isTracing { sendTrace() }
        case .deliver: if let report { await sink.driver(bus, didReport: report) }
        case .shutDown:
            process?.send(.shutdown(DriverShutdown()))
            process?.closeInput()
        case .kill: process?.kill()
        case .report(let state): await tell(state)
        case .gone(let reason): await sink.driver(bus, didReport: .gone(reason: reason))
        case .failPending(let reason):
            pending.failAll(reason)
            failTasks(reason)
        case .stopped:
            let waiters = stopWaiters
            stopWaiters = []
            for waiter in waiters { waiter.resume() }
        }
    }

    private func spawn() {
        processNumber += 1
        do {
            process = try DriverProcess(number: processNumber, launch: launch, limits: limits, inbox: inbox, log: log)
        } catch {
            process = nil
            let reason = launch.explain(errno: error.code)
            inbox.post(.spawnFailed(reason, isTransient: true, process: processNumber))
        }
    }

    private func sendTrace() {
        var message = DriverSetTrace()
        message.on = isTracing
        process?.send(.setTrace(message))
    }

    private func tell(_ state: BusState) async {
        let level: Logger.Level =
            switch state.condition {
            case .starting, .disabled: .debug
            case .running: .info
            case .portLost, .waiting: .warning
            case .failed: .error
            }
        log.log(level: level, "bus \(state.condition.rawValue): \(state.detail)", metadata: ["bus": "\(bus)"])
        await sink.driver(bus, didReport: .state(state))
        guard !isUnsettled || machine.isCheckOnly else { return }
        let waiters = settleWaiters
        settleWaiters = [:]
        for waiter in waiters.values { waiter.resume() }
    }
}
