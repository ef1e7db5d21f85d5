internal import DriverKit
internal import DriverProtocol
internal import Telemetry

extension BusEngine: DALITaskBench {
    var now: BootInstant { world.now() }
    var isReadOnly: Bool { taskConfiguration.isReadOnly }
    var taskConfiguration: BusConfiguration {
        guard let configuration else { preconditionFailure("a task runs on a configured bus") }
        return configuration
    }

    func memory(device: String, key: String) -> [UInt8]? { memories[MemoryKey(device: device, key: key)] }

    func remember(device: String, key: String, _ bytes: [UInt8]) {
        let name = MemoryKey(device: device, key: key)
        memories[name] = bytes
        unstored.insert(name)
        outlet.remember(DriverMemory(device: device, key: key, bytes: bytes))
    }

    func isStored(device: String, key: String) -> Bool { !unstored.contains(MemoryKey(device: device, key: key)) }

    /// The runtime has it on disk.
    func stored(device: String, key: String) { unstored.remove(MemoryKey(device: device, key: key)) }

    func forget(device: String) {
        guard let position = gear.firstIndex(where: { $0.name == device }) else { return }
        gear[position].forget()
        // A look that was begun may have met the one before.
        if upkeep?.position == position { upkeep = nil }
        probes[position] = nil
        if !gear[position].isUnpowered, scheduler.contains(position) { scheduler.release(position, due: world.now()) }
    }

    func event(_ event: DriverEvent) { outlet.event(event) }

    func tell(_ content: DriverNode) {
        guard let request = tasks?.current else { return }
        var step = DriverTaskStep()
        step.request = request
        step.content = content
        outlet.taskStep(step)
    }

    /// One exchange of the task under way.
    ///
    /// - Returns: nil when something was done; otherwise when the task has something to do.
    func runTask(_ connection: DALIConnection, at now: BootInstant) -> BootInstant? {
        guard let tasks, !tasks.isEmpty else { return BootInstant(nanoseconds: .max) }
        switch tasks.next() {
        case .idle(let until): return until
        case .exchange(let requests):
            let outcomes = exchangeAll(requests, on: connection)
            if let last = outcomes.last { judge(last, at: world.now()) }
            tasks.received(outcomes)
            return nil
        case .lastFrames(let requests):
            if !requests.isEmpty { _ = exchangeAll(requests, on: connection) }
            return nil
        }
    }

    /// Tasks while there is no bus to work on: those that need none run, the others end.
    ///
    /// - Returns: when to come again.
    func runTasksWithoutBus(_ reason: String) -> BootInstant {
        guard let tasks else { return BootInstant(nanoseconds: .max) }
        while !tasks.isEmpty {
            if tasks.needsBus, let current = tasks.current {
                owedFrames += tasks.cancel(current, reason: reason)
            } else if case .idle(let until) = tasks.next() {
                return until
            }
        }
        return BootInstant(nanoseconds: .max)
    }

    /// Frames that a task could not send when the bus was lost under it: gear that was being given addresses would otherwise stay
    /// in that state for the 15 minutes of INITIALISE.
    ///
    /// - Returns: whether something was sent.
    func payOwedFrames(_ connection: DALIConnection) -> Bool {
        guard !owedFrames.isEmpty else { return false }
        let outcomes = exchangeAll(owedFrames, on: connection)
        if let last = outcomes.last { judge(last, at: world.now()) }
        switch outcomes.last {
        // Not on the bus: it, the interface or the port went away again.
        case .error(.busDown), .error(.noAnswerFromInterface), .error(.portLost): break
        default: owedFrames = []
        }
        return true
    }

    func cancelTask(_ request: UInt64) {
        let frames = tasks?.cancel(request) ?? []
        if let connection, !frames.isEmpty { _ = exchangeAll(frames, on: connection) }
    }

    /// Frames that belong together; ends at the first that does not reach the bus.
    func exchangeAll(_ requests: [DALIRequest], on connection: DALIConnection) -> [DALIOutcome] {
        var outcomes: [DALIOutcome] = []
        for request in requests {
            let outcome = exchange([request], on: connection)
            outcomes.append(outcome)
            if case .error = outcome { break }
        }
        return outcomes
    }
}

/// What a memory is of.
struct MemoryKey: Hashable {
    /// Empty: of the bus.
    let device: String
    let key: String
}
