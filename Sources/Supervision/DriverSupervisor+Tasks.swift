public import DriverProtocol
import Telemetry

/// Tasks: what takes many exchanges, such as a scan or a look at a profile.
extension DriverSupervisor {
    /// Has the driver do a task that its hello names, and waits for its end. A driver that dies, stops or is replaced ends it with
    /// words. Cancelling the caller's task, or the limit, sends `CancelTask` and waits for the driver to put the bus back as it was.
    ///
    /// - Parameters:
    ///   - arguments: a map; which keys it takes is the task's own affair.
    ///   - limit: nil: as long as it takes; the driver's stall watchdog rules all the same.
    ///   - onStep: called for each step in order, one at a time. While it is busy the bus goes on; steps beyond
    ///     some thousands are left out, and a step says how many.
    /// - Returns: the driver's end of the task; `failure` says what happened and is empty when all went well.
    public func task(
        _ name: String, arguments: DriverNode, within limit: Duration? = nil,
        onStep: @Sendable (DriverNode) async -> Void = { _ in }
    ) async -> DriverTaskDone {
        let mailbox = DriverTaskMailbox()
        let request: UInt64
        switch begin(name, arguments, mailbox) {
        case .failure(let refusal): return refusal.done
        case .success(let number): request = number
        }
        let limiter = limit.map { limit in
            Task {
                try? await Task.sleep(for: limit)
                guard !Task.isCancelled else { return }
                await self.cancel(request, "the task \(name) of bus '\(self.bus)' did not end within \(limit.inWords)")
            }
        }
        defer { limiter?.cancel() }
        return await withTaskCancellationHandler {
            while true {
                switch await mailbox.next() {
                case .step(let content): await onStep(content)
                case .done(let done): return done
                }
            }
        } onCancel: {
            Task { await self.cancel(request, "the task \(name) was called off") }
        }
    }

    private struct Refusal: Error {
        let done: DriverTaskDone
        init(_ reason: String) {
            var done = DriverTaskDone()
            done.failure = reason
            self.done = done
        }
    }

    private func begin(_ name: String, _ arguments: DriverNode, _ mailbox: DriverTaskMailbox) -> Result<
        UInt64, Refusal
    > {
        guard mayTakeTasks, let process else {
            return .failure(Refusal("the driver of bus '\(bus)' is not running: \(state.detail)"))
        }
        guard let hello, hello.tasks.contains(name) else {
            let known = hello?.tasks ?? []
            return .failure(
                Refusal(
                    "the driver of bus '\(bus)' knows no task \"\(name)\""
                        + (known.isEmpty ? "; it has none" : "; it knows \(known.joined(separator: ", "))")))
        }
        guard tasks.count < limits.tasksAtOnce else {
            return .failure(
                Refusal(
                    "bus '\(bus)' has \(tasks.count) tasks under way already; end one of them, or wait for its end"))
        }
        let request = pending.next()
        var message = DriverTask()
        message.request = request
        message.name = name
        message.arguments = arguments
        tasks[request] = mailbox
        process.send(.task(message))
        return .success(request)
    }

    /// Asks the driver to end the task, and gives it time to put the bus back as it was.
    private func cancel(_ request: UInt64, _ reason: String) async {
        guard let mailbox = tasks[request], !mailbox.isDone else { return }
        var message = DriverCancelTask()
        message.request = request
        process?.send(.cancelTask(message))
        try? await Task.sleep(for: limits.taskCancelWithin)
        // The driver says so itself as a rule; one that does not is left to the stall watchdog.
        end(request, reason + ", and the driver did not say that it ended within \(limits.taskCancelWithin.inWords)")
    }

    func took(_ step: DriverTaskStep) { tasks[step.request]?.post(step.content) }

    func took(_ done: DriverTaskDone) { tasks.removeValue(forKey: done.request)?.post(done) }

    private func end(_ request: UInt64, _ reason: String) {
        tasks.removeValue(forKey: request)?.post(Refusal(reason).done)
    }

    func failTasks(_ reason: String) {
        for request in tasks.keys { end(request, reason) }
    }
}
