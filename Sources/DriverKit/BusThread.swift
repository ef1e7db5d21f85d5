internal import Synchronization
public import Telemetry

/// One named thread per port, as the executor of the bus's actor: blocking calls of C libraries happen here and
/// never on Swift's shared pool.
///
/// ```swift
/// actor MyDriver: BusDriver {
///     nonisolated let thread: BusThread
///     nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
/// }
/// ```
///
/// The thread lives until ``shutDown()``.
// @unchecked: `state` is touched only inside `monitor`, `thread` is set once before `init` returns.
public final class BusThread: SerialExecutor, @unchecked Sendable {
    private struct Waiter {
        var until: BootInstant
        let isWakeable: Bool
        let continuation: UnsafeContinuation<Void, Never>
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var waiters: [Waiter] = []
        var isWakePending = false
        var isStopping = false
        /// The thread sleeps in `poller` and not in `monitor`.
        var isPolling = false
        var poller: EventPoller?
    }

    public let name: String
    private let monitor = Monitor()
    private var state = State()
    private let thread = Mutex<NamedThread?>(nil)

    /// - Parameter name: shown by `ps -L`; the kernel keeps its first 15 bytes.
    public init(name: String) {
        self.name = name
        thread.withLock { $0 = NamedThread(name) { self.loop() } }
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        monitor.withLock {
            precondition(!state.isStopping || !state.jobs.isEmpty || isOnThread, "a job for the stopped thread \(name)")
            state.jobs.append(job)
            rouse()
        }
    }

    /// From now on the thread sleeps in `poller`: its events end a ``wait(until:)`` as ``wake()`` does. Called on the thread itself; nil
    /// goes back to sleeping without descriptors.
    public func attach(_ poller: EventPoller?) { monitor.withLock { state.poller = poller } }

    /// Inside the lock: the thread has something to do.
    private func rouse() {
        if state.isPolling { state.poller?.interrupt() } else { monitor.signal() }
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    public func checkIsolated() {
        precondition(isOnThread, "must run on the bus thread \(name)")
    }

    /// Whether the caller runs on this thread.
    public var isOnThread: Bool { thread.withLock { $0?.isCurrent ?? false } }

    /// Suspends the caller until `instant`, or until ``wake()``; the thread does other jobs of its actor meanwhile.
    ///
    /// A ``wake()`` that came since the last wait ended ends this one at once. Jobs that are queued already run first.
    public func wait(until instant: BootInstant) async { await suspend(until: instant, isWakeable: true) }

    /// Blocks the thread itself until `instant`, ``wake()``, a job or an event, without suspending the job that calls it: suspending and
    /// resuming costs more than a whole turn of a busy bus. Only on the thread.
    ///
    /// - Returns: false, at once, when others wait for the thread: the caller has to ``wait(until:)``, so that they get it.
    func rest(until instant: BootInstant) -> Bool {
        var poller: EventPoller?
        let isFree = monitor.withLock {
            guard state.jobs.isEmpty, state.waiters.isEmpty, !state.isStopping else { return false }
            if let attached = state.poller, !state.isWakePending {
                // Set inside the lock: who queues something from now on interrupts the wait, also before it began.
                state.isPolling = true
                poller = attached
                return true
            }
            while state.jobs.isEmpty, !state.isWakePending, !state.isStopping, BootClock.now() < instant {
                monitor.wait(until: instant)
            }
            state.isWakePending = false
            return true
        }
        guard let poller else { return isFree }
        _ = poller.wait(until: instant)
        monitor.withLock {
            state.isPolling = false
            state.isWakePending = false
        }
        return true
    }

    /// Suspends the caller until `instant`, whoever calls ``wake()``: for a driver that waits inside a command.
    /// Ends early only when the thread shuts down.
    public func sleep(until instant: BootInstant) async { await suspend(until: instant, isWakeable: false) }

    /// Ends every ``wait(until:)`` now; when nobody waits, the next one. From any thread.
    public func wake() {
        monitor.withLock {
            var isAnyone = false
            for index in state.waiters.indices where state.waiters[index].isWakeable {
                state.waiters[index].until = BootInstant(nanoseconds: .min)
                isAnyone = true
            }
            if !isAnyone { state.isWakePending = true }
            rouse()
        }
    }

    private func suspend(until instant: BootInstant, isWakeable: Bool) async {
        await withUnsafeContinuation { continuation in
            monitor.withLock {
                var until = instant
                if isWakeable && state.isWakePending {
                    state.isWakePending = false
                    until = BootInstant(nanoseconds: .min)
                }
                state.waiters.append(Waiter(until: until, isWakeable: isWakeable, continuation: continuation))
                rouse()
            }
        }
    }

    /// Does what is queued, ends every wait and joins the thread. From another thread; a second call does nothing.
    public func shutDown() {
        let running = thread.withLock { $0 }
        precondition(running?.isCurrent != true, "the thread \(name) cannot wait for its own end")
        monitor.withLock {
            state.isStopping = true
            rouse()
        }
        // Taken out only now: until its end the thread must know itself.
        running?.join()
        thread.withLock { $0 = nil }
    }

    private enum Step {
        case run(UnownedJob)
        case resume(UnsafeContinuation<Void, Never>)
        case poll(EventPoller, until: BootInstant?)
        case end
    }

    private func loop() {
        let executor = asUnownedSerialExecutor()
        while true {
            switch nextStep() {
            case .run(let job): job.runSynchronously(on: executor)
            case .resume(let continuation): continuation.resume()
            case .poll(let poller, let until): poll(poller, until)
            case .end: return
            }
        }
    }

    private func nextStep() -> Step {
        monitor.withLock {
            while true {
                if !state.jobs.isEmpty { return .run(state.jobs.removeFirst()) }
                let first = state.waiters.indices.min { state.waiters[$0].until < state.waiters[$1].until }
                if let first, state.isStopping || state.waiters[first].until <= BootClock.now() {
                    return .resume(state.waiters.remove(at: first).continuation)
                }
                if state.isStopping { return .end }
                let until = first.map { state.waiters[$0].until }
                if let poller = state.poller {
                    // Set inside the lock: who queues something from now on interrupts the wait, also before it began.
                    state.isPolling = true
                    return .poll(poller, until: until)
                }
                monitor.wait(until: until)
            }
        }
    }

    private func poll(_ poller: EventPoller, _ until: BootInstant?) {
        let hasEvents = poller.wait(until: until)
        monitor.withLock {
            state.isPolling = false
            guard hasEvents else { return }
            for index in state.waiters.indices where state.waiters[index].isWakeable {
                state.waiters[index].until = BootInstant(nanoseconds: .min)
            }
        }
    }
}
