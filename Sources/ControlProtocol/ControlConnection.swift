import SwiftProtobuf
import Synchronization
import Telemetry

/// The part of a connection that handlers and the server's thread share: what waits to be sent, and who works for it.
final class ControlConnection: Sendable {
    private struct State: Sendable {
        var chunks: [[UInt8]] = []
        var written = 0
        var bytes = 0
        var isGone = false
        var tasks: [UInt64: Task<Void, Never>] = [:]
        /// Requests that ended before their task was noted.
        var ended: Set<UInt64> = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    let peer: ControlPeer
    private let state = Mutex(State())
    /// Makes the server's thread look again.
    private let wake: @Sendable () -> Void

    init(peer: ControlPeer, wake: @escaping @Sendable () -> Void) {
        self.peer = peer
        self.wake = wake
    }

    // MARK: - For handlers

    /// Queues a reply; waits while too much waits already.
    func send(_ reply: ControlReply, to request: UInt64) async throws(ControlServerError) {
        let frame = try Self.frame(reply, to: request)
        while true {
            let isDone = try state.withLock { state throws(ControlServerError) -> Bool in
                if state.isGone { throw .clientGone }
                guard state.bytes == 0 || state.bytes + frame.count <= ControlLimits.waitingBytes else { return false }
                state.chunks.append(frame)
                state.bytes += frame.count
                return true
            }
            if isDone { return wake() }
            await withCheckedContinuation { continuation in
                let mayGoOn = state.withLock { state in
                    if state.isGone || state.bytes <= ControlLimits.waitingBytes / 2 { return true }
                    state.waiters.append(continuation)
                    return false
                }
                if mayGoOn { continuation.resume() }
            }
        }
    }

    /// As ``send(_:to:)``; a reply that is too long becomes a failure that says so.
    func answer(_ reply: ControlReply, to request: UInt64) async throws {
        do throws(ControlServerError) {
            try await send(reply, to: request)
        } catch {
            // Not a pattern of the catch itself: Swift 6.2 fails to compile one over an enumeration of texts.
            guard case .replyTooLong = error else { throw error }
            try await send(Self.failure(error.description, "ask for less at once"), to: request)
        }
    }

    static func failure(_ message: String, _ hint: String) -> ControlReply {
        var failure = ControlFailure()
        failure.exitStatus = 1
        failure.message = message
        failure.hint = hint
        var reply = ControlReply()
        reply.failure = failure
        return reply
    }

    /// A reply as bytes, with version and id filled in.
    static func frame(_ reply: ControlReply, to request: UInt64) throws(ControlServerError) -> [UInt8] {
        var reply = reply
        reply.version = ControlLimits.version
        reply.id = request
        // Cannot fail: the message has no required fields and its texts are Swift strings.
        let body: [UInt8] = (try? reply.serializedBytes()) ?? []
        guard body.count <= ControlLimits.reply else { throw .replyTooLong(bytes: body.count) }
        return LengthDelimited.frame(body)
    }

    // MARK: - For the server's thread

    var runningRequests: Int { state.withLock { $0.tasks.count } }
    var hasOutput: Bool { state.withLock { $0.bytes > 0 } }

    func began(_ number: UInt64, _ task: Task<Void, Never>) {
        state.withLock { state in
            if state.ended.remove(number) == nil { state.tasks[number] = task }
        }
    }

    func ended(_ number: UInt64) {
        state.withLock { state in
            if state.tasks.removeValue(forKey: number) == nil { state.ended.insert(number) }
        }
        wake()
    }

    /// Writes what it can.
    ///
    /// - Returns: false when the connection is broken.
    func flush(_ descriptor: Int32) -> Bool {
        let (isSound, waiters) = state.withLock { state -> (Bool, [CheckedContinuation<Void, Never>]) in
            while let first = state.chunks.first {
                let count = UnixSocket.send(descriptor, first[state.written...])
                guard count >= 0 else {
                    if UnixSocket.isInterrupted { continue }
                    return (UnixSocket.wouldBlock, [])
                }
                state.written += count
                state.bytes -= count
                if state.written == first.count {
                    state.chunks.removeFirst()
                    state.written = 0
                }
                if state.bytes <= ControlLimits.waitingBytes / 2, !state.waiters.isEmpty {
                    defer { state.waiters = [] }
                    return (true, state.waiters)
                }
            }
            return (true, [])
        }
        for waiter in waiters { waiter.resume() }
        return isSound
    }

    /// The client wants what runs to end, and reads what is still said of it.
    func callOff() {
        let tasks = state.withLock { Array($0.tasks.values) }
        for task in tasks { task.cancel() }
    }

    /// The client has gone: nobody waits for it any longer.
    func close() {
        let (tasks, waiters) = state.withLock { state in
            defer { (state.tasks, state.waiters, state.chunks, state.bytes) = ([:], [], [], 0) }
            state.isGone = true
            return (Array(state.tasks.values), state.waiters)
        }
        for task in tasks { task.cancel() }
        for waiter in waiters { waiter.resume() }
    }
}
