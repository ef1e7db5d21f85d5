internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Runs tasks on the bus, one after the other, a step between two polls.
final class TaskHost: TaskBench {
    private struct Entry {
        let request: UInt64
        let task: any BusTask
        var notBefore: BootInstant
    }

    let configuration: BusConfiguration
    let isReadOnly: Bool
    let outlet: any DriverOutlet
    private let clock: () -> BootInstant
    /// nil until the port is open.
    var engine: BusEngine?
    var shell: NetworkShell?
    var onResolved: @Sendable () -> Void = {}
    private var queue: [Entry] = []
    private var isRetuned = false

    init(
        configuration: BusConfiguration, isReadOnly: Bool, outlet: any DriverOutlet, clock: @escaping () -> BootInstant
    ) {
        self.configuration = configuration
        self.isReadOnly = isReadOnly
        self.outlet = outlet
        self.clock = clock
    }

    var isEmpty: Bool { queue.isEmpty }
    /// When the next step is due; nil: there is none.
    var due: BootInstant? { queue.first?.notBefore }

    func add(_ task: DriverTask) {
        guard let made = TaskCatalog.make(name: task.name, arguments: task.arguments) else {
            outlet.taskDone(ModbusDriver.unknownTask(task))
            return
        }
        queue.append(Entry(request: task.request, task: made, notBefore: now))
    }

    /// One step of the first task, when it is due.
    func step() {
        guard let first = queue.first, first.notBefore <= now else { return }
        switch first.task.step(self) {
        case .again: queue[0].notBefore = now
        case .wait(let until): queue[0].notBefore = until
        case .done(let result): end(result: result, failure: "")
        case .failed(let what): end(result: nil, failure: what.isEmpty ? "the task failed without a word" : what)
        }
    }

    func cancel(_ request: UInt64) {
        guard let place = queue.firstIndex(where: { $0.request == request }) else { return }
        if place == 0 {
            queue[0].task.cancel(self)
            end(result: queue[0].task.soFar, failure: "cancelled")
        } else {
            queue.remove(at: place)
            tellDone(request, result: nil, failure: "cancelled before it began")
        }
    }

    /// The bus is being closed.
    func cancelAll() {
        while let first = queue.first { cancel(first.request) }
    }

    private func end(result: DriverNode?, failure: String) {
        let entry = queue.removeFirst()
        // Whatever the task did or forgot: the line goes back to what the bus needs.
        if isRetuned { try? retune(nil) }
        shell?.closeGuests()
        tellDone(entry.request, result: result, failure: failure)
        if !queue.isEmpty { queue[0].notBefore = now }
    }

    private func tellDone(_ request: UInt64, result: DriverNode?, failure: String) {
        var done = DriverTaskDone()
        done.request = request
        done.failure = failure
        if let result { done.result = result }
        outlet.taskDone(done)
    }

    // MARK: bench

    var now: BootInstant { clock() }

    func exchange(
        _ request: ModbusRequest, unit: UInt8, host: HostAddress?, timeout: Duration, pause: Duration
    ) -> Exchange {
        guard let engine else { return refused("the port is not open") }
        if isReadOnly, request.isWrite { return refused("the gateway is read-only") }
        guard let lane = lane(host) else {
            return refused("the bus has a host for each device; name one with host")
        }
        func work(_ done: @escaping (Exchange) -> Void) -> Work {
            Work(
                lane: lane, device: engine.devices.firstIndex { $0.lane == lane && $0.unit == unit }, unit: unit,
                request: request, timeout: timeout, pause: pause, purpose: .errand(done))
        }
        if let shell { return shell.exchange(work) }
        guard let line = engine.line else { return refused("the port is not open") }
        if let failure = engine.portFailure { return refused(failure) }
        // A late answer to the same question is waited for first.
        let late = engine.lanes[lane].guardedUntil(request, unit: unit)
        var result: Exchange?
        var errand = work { result = $0 }
        if let rest = late?.duration(since: now), rest > pause {
            errand = Work(
                lane: lane, device: errand.device, unit: unit, request: request, timeout: timeout, pause: rest,
                purpose: errand.purpose)
        }
        engine.make(errand, on: line)
        if case .gone(let reason)? = result?.outcome, let result { engine.portGone(result, reason) }
        return result ?? refused("the exchange came to no end")
    }

    private func lane(_ host: HostAddress?) -> Int? {
        guard let shell else { return 0 }
        if let host {
            let framing: NetworkFraming
            if case .rtuOverTCP? = configuration.port { framing = .rtu } else { framing = .tcp }
            return shell.lane(to: host, framing: framing, onResolved: onResolved)
        }
        return shell.connections.count == 1 ? 0 : nil
    }

    private func refused(_ reason: String) -> Exchange {
        Exchange(outcome: .gone(reason), sent: [], received: [], began: now, ended: now, silent: .zero)
    }

    func retune(_ settings: SerialSettings?) throws(LinkFailure) {
        // Giving back what was never taken is no error: a bus of hosts has no settings to go back to.
        if settings == nil, !isRetuned { return }
        guard let engine else { throw LinkFailure(message: "the port is not open", isRetriable: true) }
        guard let line = engine.line else {
            // Nothing was changed, so nothing is to be put back.
            guard settings != nil else { return }
            throw LinkFailure(message: "the bus is no serial line: it has no baud rate", isRetriable: false)
        }
        if settings != nil {
            isRetuned = true
            engine.isSuspended = true
        }
        do {
            try line.retune(settings)
        } catch {
            if settings == nil { resume(engine, failure: error) }
            throw error
        }
        if settings == nil { resume(engine, failure: nil) }
    }

    private func resume(_ engine: BusEngine, failure: LinkFailure?) {
        isRetuned = false
        engine.isSuspended = false
        // The engine opens the port again by itself.
        if let failure { engine.portFailure = failure.message }
    }

    func listen(for limit: Duration) -> [HeardBytes] { engine?.line?.listen(for: limit) ?? [] }

    func tell(_ content: DriverNode) {
        guard let request = queue.first?.request else { return }
        var step = DriverTaskStep()
        step.request = request
        step.content = content
        outlet.taskStep(step)
    }
}
