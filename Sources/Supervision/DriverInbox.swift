import DriverProtocol
import Synchronization

/// What reaches the supervisor's loop, in order.
enum SupervisorInput: Sendable {
    case machine(SupervisionMachine.Event)
    /// A message of the process with this number. Those of an earlier process are dropped.
    case message(DriverFromDriver, process: UInt64)
    /// Messages that are nothing but samples, as many as were read at once, in order.
    case samples([SampleBlock], process: UInt64)
    case spawned(Int32, process: UInt64)
    case spawnFailed(String, isTransient: Bool, process: UInt64)
    case breach(DriverBreach, process: UInt64)
    case exited(DriverExit, process: UInt64)
    /// The time for which the timer was set has come.
    case tick
}

/// The queue between the driver's thread and the supervisor's loop. Messages of the driver are bounded: when it is full
/// the thread reads no more until half of it is taken. All else is rare and always fits.
final class DriverInbox: Sendable {
    private struct State: Sendable {
        var queue: [(input: SupervisorInput, messages: Int, bytes: Int)] = []
        var head = 0
        var messages = 0
        var bytes = 0
        var isClosed = false
        var waiter: CheckedContinuation<SupervisorInput?, Never>?
        /// Called once when there is room again.
        var onRoom: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let messageLimit: Int
    private let byteLimit: Int

    init(limits: SupervisionLimits) {
        messageLimit = limits.inboxMessages
        byteLimit = limits.inboxBytes
    }

    /// Adds what is not a message.
    func post(_ input: SupervisorInput) { put(input, messages: 0, bytes: 0) }

    /// Adds a message of `bytes`.
    func post(message: DriverFromDriver, bytes: Int, process: UInt64) {
        put(.message(message, process: process), messages: 1, bytes: bytes)
    }

    /// Adds messages of samples, `bytes` together.
    func post(samples: [SampleBlock], bytes: Int, process: UInt64) {
        put(.samples(samples, process: process), messages: samples.count, bytes: bytes)
    }

    /// True when no further message should be read; then `onRoom` is called once when it may go on.
    func isFull(onRoom: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            guard state.messages >= messageLimit || state.bytes >= byteLimit else { return false }
            state.onRoom = onRoom
            return true
        }
    }

    /// The next input; nil once closed. One caller at a time.
    func next() async -> SupervisorInput? {
        await withCheckedContinuation { continuation in
            let (ready, room) = state.withLock { state -> (SupervisorInput??, (@Sendable () -> Void)?) in
                if let (input, room) = take(&state) { return (.some(input), room) }
                if state.isClosed { return (.some(nil), nil) }
                state.waiter = continuation
                return (nil, nil)
            }
            room?()
            if let ready { continuation.resume(returning: ready) }
        }
    }

    /// Ends the loop; what waits is dropped.
    func close() {
        let (waiter, room) = state.withLock { state in
            state.isClosed = true
            state.queue.removeAll()
            (state.head, state.messages, state.bytes) = (0, 0, 0)
            defer { (state.waiter, state.onRoom) = (nil, nil) }
            return (state.waiter, state.onRoom)
        }
        room?()
        waiter?.resume(returning: nil)
    }

    private func put(_ input: SupervisorInput, messages: Int, bytes: Int) {
        let waiter = state.withLock { state -> CheckedContinuation<SupervisorInput?, Never>? in
            guard !state.isClosed else { return nil }
            if let waiter = state.waiter {
                state.waiter = nil
                return waiter
            }
            state.queue.append((input, messages, bytes))
            state.messages += messages
            state.bytes += bytes
            return nil
        }
        waiter?.resume(returning: input)
    }

    private func take(_ state: inout State) -> (SupervisorInput, (@Sendable () -> Void)?)? {
        guard state.head < state.queue.count else { return nil }
        let (input, messages, bytes) = state.queue[state.head]
        state.head += 1
        if state.head == state.queue.count || state.head >= 512 {
            state.queue.removeFirst(state.head)
            state.head = 0
        }
        state.messages -= messages
        state.bytes -= bytes
        var room: (@Sendable () -> Void)?
        if state.messages <= messageLimit / 2, state.bytes <= byteLimit / 2 {
            room = state.onRoom
            state.onRoom = nil
        }
        return (input, room)
    }
}
