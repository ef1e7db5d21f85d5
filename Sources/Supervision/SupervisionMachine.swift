import DriverProtocol
import Telemetry

/// The life of a bus's driver as a pure state machine: events and the time in, actions out. It starts no process, owns no
/// clock and never waits, so all of it is tested in virtual time.
///
/// After each event the caller looks at ``deadline`` and sends ``Event/tick(outputPaused:)`` when that time has come.
struct SupervisionMachine: Sendable {
    enum Event: Sendable {
        case start
        case stop
        /// The configuration was exchanged.
        case reconfigure
        case spawned(process: Int32)
        /// - isTransient: the gateway is short of memory or processes; another attempt may do.
        case spawnFailed(String, isTransient: Bool)
        case hello(DriverDriverHello)
        /// - busError: why the bus cannot be used at all, as the driver says; nil: it can.
        case configured(busError: String?)
        case started(port: String)
        case startFailed(isRetriable: Bool, message: String)
        case heartbeat(DriverHeartbeat)
        /// Any other message, by its name.
        case message(String)
        case breach(DriverBreach)
        case exited(DriverExit)
        /// - outputPaused: when the listener was last too slow to read on; time in which the driver is not to blame.
        case tick(outputPaused: BootInstant?)
    }

    enum Action: Sendable, Hashable {
        case spawn
        /// Send `RuntimeHello`, `Configure` or `Start`.
        case greet
        case configure
        case begin
        /// Hand the message that led here to the listener.
        case deliver
        /// Send `Shutdown` and close stdin.
        case shutDown
        case kill
        case report(BusState)
        case gone(String)
        /// Answer all who wait for the driver with this.
        case failPending(String)
        /// Nothing runs and nothing will: wake those who wait for the stop.
        case stopped
    }

    /// What follows once the process is gone.
    enum Sequel: Sendable, Hashable {
        case idle
        case respawn
        case failure(Failure)
    }

    enum Failure: Sendable, Hashable {
        case crash(String)
        /// Starting it again as it is will not help.
        case refused(String)
        case startRetriable(String)
        case startFatal(String)
    }

    enum Phase: Sendable, Hashable {
        case idle
        case spawning
        case greeting
        case configuring
        case starting
        case running
        /// Configured, and not to be started: it does tasks that need no port.
        case holding
        /// Asked to end.
        case stopping(Sequel)
        /// SIGKILL was sent.
        case killing(Sequel)
        /// Pause before the next start.
        case pausing
        /// The long pause, or for ever.
        case failed
    }

    let bus: String
    let manifestName: String
    let hasLamps: Bool
    let isCheckOnly: Bool
    /// No `Start` follows; the driver lives on for tasks without a port.
    let isConfigureOnly: Bool
    let responseTimeout: Duration
    let limits: SupervisionLimits
    /// 0 to 1, for the jitter of pauses: buses that fail together shall not come back together.
    let random: @Sendable () -> Double

    var phase = Phase.idle
    /// When `tick` is due.
    var deadline: BootInstant?
    var state = BusState(condition: .disabled, detail: "not started", isAlarm: false, restarts: 0, process: 0)

    var restarts: UInt64 = 0
    var process: Int32 = 0
    var isFirstSpawn = true
    var isGone = false
    var stallAfter: Duration
    var port = ""
    var lastTurns: UInt64?
    var lastProgress = BootInstant(nanoseconds: 0)
    var lastHeartbeat: BootInstant?
    var runningSince: BootInstant?
    /// Crashes within the window; and in a row, for the back-off.
    var crashes: [BootInstant] = []
    var crashesInARow = 0
    var isInCrashLoop = false
    var startFailuresInARow = 0

    init(
        bus: String, manifestName: String, hasLamps: Bool, isCheckOnly: Bool, isConfigureOnly: Bool = false,
        responseTimeout: Duration, limits: SupervisionLimits, random: @escaping @Sendable () -> Double
    ) {
        self.bus = bus
        self.manifestName = manifestName
        self.hasLamps = hasLamps
        self.isCheckOnly = isCheckOnly
        self.isConfigureOnly = isConfigureOnly
        self.responseTimeout = responseTimeout
        self.limits = limits
        self.random = random
        stallAfter = limits.stallAfter
    }

    var subject: String { "the driver of bus '\(bus)'" }

    mutating func handle(_ event: Event, at now: BootInstant) -> [Action] {
        switch event {
        case .start: start(at: now)
        case .stop: stop(at: now)
        case .reconfigure: reconfigure(at: now)
        case .spawned(let process): spawned(process, at: now)
        case .spawnFailed(let reason, let isTransient): spawnFailed(reason, isTransient: isTransient, at: now)
        case .exited(let exit): exited(exit, at: now)
        case .breach(let breach): breached(breach, at: now)
        case .tick(let paused): ticked(outputPaused: paused, at: now)
        case .hello(let hello): greeted(hello, at: now)
        case .configured(let busError): configured(busError: busError, at: now)
        case .started(let port): started(port: port, at: now)
        case .startFailed(let isRetriable, let message):
            startFailed(isRetriable: isRetriable, message: message, at: now)
        case .heartbeat(let heartbeat): beat(heartbeat, at: now)
        case .message(let name): other(name, at: now)
        }
    }

    // MARK: - What the runtime wants

    private mutating func start(at now: BootInstant) -> [Action] {
        switch phase {
        case .idle:
            isFirstSpawn = true
            restarts = 0
            return spawn(at: now)
        case .stopping(.idle): return follow(with: .stopping(.respawn))
        case .killing(.idle): return follow(with: .killing(.respawn))
        default: return []
        }
    }

    private mutating func stop(at now: BootInstant) -> [Action] {
        switch phase {
        case .idle: return [.stopped]
        case .pausing, .failed: return becomeIdle()
        case .stopping: return follow(with: .stopping(.idle))
        case .killing: return follow(with: .killing(.idle))
        case .spawning, .greeting, .configuring, .starting, .running, .holding:
            return shutDown(then: .idle, at: now) + [.failPending("\(subject) is being stopped")]
        }
    }

    private mutating func reconfigure(at now: BootInstant) -> [Action] {
        crashes = []
        crashesInARow = 0
        isInCrashLoop = false
        startFailuresInARow = 0
        switch phase {
        case .idle, .stopping(.idle), .killing(.idle): return []
        case .pausing, .failed: return spawn(at: now)
        case .stopping: return follow(with: .stopping(.respawn))
        case .killing: return follow(with: .killing(.respawn))
        case .spawning, .greeting, .configuring, .starting, .running, .holding:
            let reason = "\(subject) is being restarted with a new configuration"
            return shutDown(then: .respawn, at: now) + [.failPending(reason)] + tell(.starting, reason)
        }
    }

    private mutating func follow(with next: Phase) -> [Action] {
        phase = next
        return []
    }

    // MARK: - Messages

    private mutating func greeted(_ hello: DriverDriverHello, at now: BootInstant) -> [Action] {
        guard !isEnding else { return [] }
        guard phase == .greeting else { return misplaced("a second hello", at: now) }
        guard hello.protocolVersion == DriverProtocolLimits.version else {
            return fail(
                .refused(
                    "\(subject) speaks protocol version \(hello.protocolVersion), this gateway speaks version "
                        + "\(DriverProtocolLimits.version); install a driver package that fits this gateway"), at: now)
        }
        guard hello.name == manifestName else {
            return fail(
                .refused(
                    "\(subject) calls itself '\(hello.name.clipped)', its driver.yaml says '\(manifestName)'; "
                        + "the driver package is put together wrongly"), at: now)
        }
        stallAfter = limits.stallAfter
        if hello.stallAfterMs > 0 {
            // Below two heartbeats a single late one would kill a sound driver.
            let wish = Duration.milliseconds(Int64(min(hello.stallAfterMs, 1 << 40)))
            stallAfter = min(max(wish, DriverProtocolLimits.heartbeatInterval * 2), limits.longestStall)
        }
        phase = .configuring
        deadline = now.advanced(by: limits.configuredWithin)
        return [.configure]
    }

    private mutating func configured(busError: String?, at now: BootInstant) -> [Action] {
        guard !isEnding else { return [] }
        guard phase == .configuring else { return misplaced("Configured", at: now) }
        if isCheckOnly { return [.deliver] + shutDown(then: .idle, at: now) }
        if let busError {
            return [.deliver]
                + fail(
                    .startFatal("\(subject) cannot use the bus as configured: \(busError)"), gracefully: true, at: now)
        }
        if isConfigureOnly {
            phase = .holding
            lastTurns = nil
            lastHeartbeat = nil
            lastProgress = now
            deadline = now.advanced(by: stallAfter)
            return [.deliver] + tell(.running, "configured; the port is not opened")
        }
        phase = .starting
        deadline = now.advanced(by: limits.startedWithin)
        return [.deliver, .begin]
    }

    private mutating func started(port: String, at now: BootInstant) -> [Action] {
        guard !isEnding else { return [] }
        guard phase == .starting else { return misplaced("Started", at: now) }
        phase = .running
        self.port = port
        isGone = false
        startFailuresInARow = 0
        lastTurns = nil
        lastHeartbeat = nil
        lastProgress = now
        runningSince = now
        deadline = now.advanced(by: stallAfter)
        return tell(.running, port)
    }

    private mutating func startFailed(isRetriable: Bool, message: String, at now: BootInstant) -> [Action] {
        guard !isEnding else { return [] }
        guard phase == .starting else { return misplaced("StartFailed", at: now) }
        let sentence = "bus '\(bus)' cannot be opened: \(message.clipped)"
        return fail(isRetriable ? .startRetriable(sentence) : .startFatal(sentence), gracefully: true, at: now)
    }

    private mutating func beat(_ heartbeat: DriverHeartbeat, at now: BootInstant) -> [Action] {
        switch phase {
        case .running, .holding: break
        case .greeting: return misplaced("Heartbeat", at: now)
        // A driver may beat from its hello on; it counts from Started on.
        default: return []
        }
        lastHeartbeat = now
        if lastTurns.map({ heartbeat.turns > $0 }) ?? true {
            lastTurns = heartbeat.turns
            lastProgress = now
            deadline = now.advanced(by: stallAfter)
        }
        if phase == .holding { return [.deliver] }
        let change =
            heartbeat.portOpen
            ? tell(.running, port)
            : tell(.portLost, heartbeat.portDetail.isEmpty ? "the port is gone" : heartbeat.portDetail.clipped)
        return change + [.deliver]
    }

    private mutating func other(_ name: String, at now: BootInstant) -> [Action] {
        switch phase {
        case .running, .holding, .starting, .stopping: [.deliver]
        case .greeting, .configuring: misplaced(name, at: now)
        case .idle, .spawning, .killing, .pausing, .failed: []
        }
    }

    /// On its way out: what it still says of its life no longer matters.
    private var isEnding: Bool {
        switch phase {
        case .stopping, .killing: true
        default: false
        }
    }

    private mutating func misplaced(_ message: String, at now: BootInstant) -> [Action] {
        let due =
            switch phase {
            case .greeting: "DriverHello"
            case .configuring: "Configured"
            case .starting: "Started or StartFailed"
            default: "no such message"
            }
        return breached(.outOfOrder(message: message, before: due), at: now)
    }

    // MARK: - The process

    mutating func spawn(at now: BootInstant) -> [Action] {
        if !isFirstSpawn { restarts += 1 }
        isFirstSpawn = false
        phase = .spawning
        process = 0
        runningSince = nil
        // From the start on: a process that never speaks is met by the same deadline.
        deadline = now.advanced(by: limits.helloWithin)
        return tell(.starting, "\(subject) is being started") + [.spawn]
    }

    private mutating func spawned(_ process: Int32, at now: BootInstant) -> [Action] {
        self.process = process
        guard phase == .spawning else { return [] }
        phase = .greeting
        deadline = now.advanced(by: limits.helloWithin)
        return tell(.starting, "\(subject) is being started") + [.greet]
    }

    private mutating func spawnFailed(_ reason: String, isTransient: Bool, at now: BootInstant) -> [Action] {
        switch phase {
        case .spawning:
            let sentence = "\(subject) cannot be started: \(reason)"
            return settle(isTransient ? .startRetriable(sentence) : .refused(sentence), at: now)
        case .stopping(let sequel), .killing(let sequel): return proceed(sequel, at: now)
        default: return []
        }
    }

    private mutating func exited(_ exit: DriverExit, at now: BootInstant) -> [Action] {
        process = 0
        switch phase {
        case .spawning, .greeting, .configuring, .starting, .running, .holding:
            return settle(.crash("\(subject) \(exit)"), at: now)
        case .stopping(let sequel), .killing(let sequel): return proceed(sequel, at: now)
        case .idle, .pausing, .failed: return []
        }
    }

    private mutating func proceed(_ sequel: Sequel, at now: BootInstant) -> [Action] {
        switch sequel {
        case .idle: becomeIdle()
        case .respawn: spawn(at: now)
        case .failure(let failure): settle(failure, at: now)
        }
    }

    func shutDownDeadline(at now: BootInstant) -> BootInstant {
        now.advanced(by: responseTimeout + limits.stopGrace)
    }

    mutating func shutDown(then sequel: Sequel, at now: BootInstant) -> [Action] {
        phase = .stopping(sequel)
        deadline = shutDownDeadline(at: now)
        return [.shutDown]
    }

    mutating func becomeIdle() -> [Action] {
        phase = .idle
        deadline = nil
        isGone = false
        return tell(.disabled, "stopped") + [.stopped]
    }

    /// Reports when anything changed.
    mutating func tell(_ condition: BusCondition, _ detail: String, isAlarm: Bool = false) -> [Action] {
        let next = BusState(
            condition: condition, detail: detail, isAlarm: isAlarm, restarts: restarts, process: process)
        guard next != state else { return [] }
        state = next
        return [.report(next)]
    }
}

extension String {
    /// Text of a driver inside our sentences: bounded.
    var clipped: String { count <= 400 ? self : String(prefix(400)) + "..." }
}
