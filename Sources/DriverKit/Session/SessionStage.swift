internal import DriverProtocol
internal import Telemetry

/// How far a session has come, and what is refused before it has come far enough.
struct SessionStage {
    private(set) var isConfigured = false
    private(set) var isCheckOnly = false
    private(set) var isReadOnly = false
    var isStarted = false

    mutating func accept(_ configure: DriverConfigure) {
        isConfigured = true
        isCheckOnly = configure.checkOnly
        isReadOnly = configure.readOnly
    }

    private var missing: String? {
        if !isConfigured { return "not configured yet" }
        return isStarted ? nil : "the port is not open yet"
    }

    func refusalOfStart() -> DriverStartFailed? {
        let reason: String
        if !isConfigured {
            reason = "Start came before Configure"
        } else if isCheckOnly {
            reason = "Start after a Configure that only checks"
        } else if isStarted {
            reason = "started already"
        } else {
            return nil
        }
        var failed = DriverStartFailed()
        failed.retriable = false
        failed.message = reason
        return failed
    }

    func refusal(of query: DriverQuery, at now: BootInstant) -> DriverQueryDone? {
        let reason =
            missing ?? (Self.isOver(query.deadlineBootNs, now) ? "the time for it was over before its turn" : nil)
        guard let reason else { return nil }
        var done = DriverQueryDone()
        done.failure = reason
        return done
    }

    func refusal(of task: DriverTask) -> DriverTaskDone? {
        guard !isConfigured else { return nil }
        var done = DriverTaskDone()
        done.request = task.request
        done.failure = "not configured yet"
        return done
    }

    func refusal(of command: DriverCommand, at now: BootInstant) -> DriverCommandDone? {
        var done = DriverCommandDone()
        if let missing {
            done.outcome = .rejected
            done.reason = missing
        } else if isReadOnly {
            done.outcome = .rejected
            done.reason = "the gateway is read-only"
        } else if Self.isOver(command.deadlineBootNs, now) {
            done.outcome = .expired
            done.reason = "the time for it was over before its turn; nothing was sent"
        } else {
            return nil
        }
        return done
    }

    private static func isOver(_ deadline: UInt64, _ now: BootInstant) -> Bool {
        deadline != 0 && deadline <= UInt64(max(0, now.nanoseconds))
    }
}

extension DriverConfigured {
    /// The answer to a Configure after Start: a bus is changed by a new process.
    init(tooLate configure: DriverConfigure) {
        self.init()
        request = configure.request
        var diagnostic = DriverDiagnostic()
        diagnostic.severity = .error
        diagnostic.subject = .bus
        diagnostic.message = "Configure came after Start; a changed bus needs a new driver process"
        diagnostics = [diagnostic]
    }
}

extension DriverDriverHello {
    init(_ identity: DriverIdentity) {
        self.init()
        name = identity.name
        driverVersion = identity.version
        protocolVersion = DriverProtocolLimits.version
        actions = identity.actions
        tasks = identity.tasks
        busOptions = identity.busOptions
        deviceOptions = identity.deviceOptions
        stallAfterMs = UInt64(max(0, identity.stallAfter.wholeMilliseconds))
    }
}
