import CLinux
import Glibc
import Synchronization

/// Who is at the other end of a connection, as the kernel says.
public struct ControlPeer: Sendable, Hashable {
    public let process: Int32
    public let user: UInt32
    public let group: UInt32

    public init(process: Int32, user: UInt32, group: UInt32) {
        self.process = process
        self.user = user
        self.group = group
    }
}

/// The daemon's end of the control socket: one thread over poll(2), one task per request.
public final class ControlServer: Sendable {
    /// Sends one reply; version and id are filled in. Waits while the client does not read; throws
    /// ``ControlServerError/clientGone`` when it has gone.
    public typealias ControlReplySender = @Sendable (ControlReply) async throws -> Void
    /// Answers one request; may reply more than once (watch). Its task is cancelled when the client goes away, or
    /// calls it off by closing its sending side: then it is still heard.
    public typealias Handler =
        @Sendable (ControlRequest, ControlPeer, _ reply: @escaping ControlReplySender) async -> Void

    /// What a technician should know of the socket's permissions; nil: all as wished.
    public let note: String?
    let handler: Handler
    let wakeRead: Int32
    private let wakeWrite: Int32

    private struct Life: Sendable {
        var isStopping = false
        var hasEnded = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let life = Mutex(Life())

    /// Binds the socket and begins to accept.
    ///
    /// - Parameters:
    ///   - path: at most 107 bytes. A socket left there by a crash is replaced, one that answers is not.
    ///   - group: may connect; nil or unknown: the process's own group (``note`` says so).
    public init(path: String, group: String? = ControlLimits.group, handler: @escaping Handler)
        throws(ControlServerError)
    {
        let listener = try ControlListener(path: path, group: group)
        var ends: [Int32] = [-1, -1]
        let failure = candela_pipe(&ends, true)
        guard failure == 0 else {
            throw .system(what: "waking the thread", path: path, reason: UnixSocket.reason(failure))
        }
        note = listener.note
        self.handler = handler
        (wakeRead, wakeWrite) = (ends[0], ends[1])
        let loop = ControlServerLoop(server: self, listener: listener)
        let box = Unmanaged.passRetained(loop)
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { raw in
                candela_name_thread("control-socket")
                var signals = sigset_t()
                sigfillset(&signals)
                // Faults of our own must still end the program; all else is left to the main thread.
                for fault in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP] { sigdelset(&signals, fault) }
                pthread_sigmask(SIG_SETMASK, &signals, nil)
                Unmanaged<ControlServerLoop>.fromOpaque(raw!).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        guard result == 0 else {
            box.release()
            throw .system(what: "starting the thread", path: path, reason: UnixSocket.reason(result))
        }
        pthread_detach(thread)
    }

    deinit {
        close(wakeRead)
        close(wakeWrite)
    }

    /// Closes all connections, cancels what runs and removes the socket.
    public func stop() async {
        await withCheckedContinuation { continuation in
            let hasEnded = life.withLock { life in
                life.isStopping = true
                if !life.hasEnded { life.waiters.append(continuation) }
                return life.hasEnded
            }
            if hasEnded { continuation.resume() }
            wake()
        }
    }

    func wake() {
        var byte: UInt8 = 1
        _ = write(wakeWrite, &byte, 1)
    }

    var isStopping: Bool { life.withLock { $0.isStopping } }

    /// The thread's last word.
    func ended() {
        let waiters = life.withLock { life in
            life.hasEnded = true
            defer { life.waiters = [] }
            return life.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
