import CLinux
import DriverProtocol
import Glibc
import Logging
import SwiftProtobuf
import Synchronization
import Telemetry

/// One run of a driver's program, with one thread of its own that starts it, carries its three streams and reaps it.
///
/// The thread lives as long as the process: the kernel kills the driver when the thread that started it ends, and so
/// when the runtime dies. All methods may be called from anywhere and never block.
final class DriverProcess: Sendable {
    struct Input: Sendable {
        /// Chunks that wait to be written, and how much of the first is written already.
        var chunks: [[UInt8]] = []
        var written = 0
        var bytes = 0
        var isClosing = false
        var isBroken = false
        /// When a byte was last taken, or waiting began.
        var lastTaken = BootInstant(nanoseconds: 0)
    }

    struct Shared: Sendable {
        var input = Input()
        /// 0 before it is started and after it is reaped: then no signal may be sent to that number.
        var pid: Int32 = 0
        var isKillWanted = false
    }

    /// Tells the runs of a bus's driver apart.
    let number: UInt64
    let launch: DriverLaunch
    let limits: SupervisionLimits
    let inbox: DriverInbox
    let log: Logger
    let wake: WakePipe
    let shared = Mutex(Shared())
    /// Boot time in nanoseconds at which reading was last held back because the listener is slow; 0: never.
    private let paused = Atomic<Int64>(0)

    /// Starts the thread, which starts the program. What comes of it goes to `inbox`; the last of it is `exited` or `spawnFailed`.
    init(number: UInt64, launch: DriverLaunch, limits: SupervisionLimits, inbox: DriverInbox, log: Logger)
        throws(SystemError)
    {
        self.number = number
        self.launch = launch
        self.limits = limits
        self.inbox = inbox
        self.log = log
        wake = try WakePipe()
        try startThread(named: "drv-\(launch.bus)") { DriverProcessLoop(process: self).run() }
    }

    var lastPaused: BootInstant? {
        let value = paused.load(ordering: .relaxed)
        return value == 0 ? nil : BootInstant(nanoseconds: value)
    }

    func notePause(at now: BootInstant) { paused.store(now.nanoseconds, ordering: .relaxed) }

    /// Queues a message for the driver.
    func send(_ message: DriverToDriver.OneOf_Message) {
        var envelope = DriverToDriver()
        envelope.version = DriverProtocolLimits.version
        envelope.message = message
        // Cannot fail: the message has no required fields and its texts are Swift strings.
        guard let body: [UInt8] = try? envelope.serializedBytes() else { return }
        guard body.count <= DriverProtocolLimits.toDriver else {
            inbox.post(
                .breach(
                    .nonsense(
                        "needs a message of \(body.count) bytes, over the limit of \(DriverProtocolLimits.toDriver): "
                            + "divide the bus or shorten its profiles"), process: number))
            return
        }
        let frame = LengthDelimited.frame(body)
        let isOver = shared.withLock { shared in
            guard !shared.input.isClosing, !shared.input.isBroken else { return false }
            guard shared.input.bytes + frame.count <= limits.inputBytes else { return true }
            if shared.input.bytes == 0 { shared.input.lastTaken = .now }
            shared.input.chunks.append(frame)
            shared.input.bytes += frame.count
            return false
        }
        if isOver { inbox.post(.breach(.inputOverflow(limit: limits.inputBytes), process: number)) }
        wake.wake()
    }

    /// Closes the driver's stdin once all that waits is written.
    func closeInput() {
        shared.withLock { $0.input.isClosing = true }
        wake.wake()
    }

    /// SIGKILL to the driver and all that it started.
    func kill() {
        shared.withLock { shared in
            shared.isKillWanted = true
            if shared.pid > 0 { _ = Glibc.kill(-shared.pid, SIGKILL) }
        }
        wake.wake()
    }
}

extension BootInstant {
    static var now: BootInstant { BootInstant(nanoseconds: candela_boottime_nanoseconds()) }
}

/// Runs `body` on a thread of its own. Signals meant for the process are left to the main thread.
private func startThread(named name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        let name: String
        init(_ body: @escaping @Sendable () -> Void, _ name: String) { (self.body, self.name) = (body, name) }
    }
    // Linux keeps 15 bytes of a thread's name.
    let box = Unmanaged.passRetained(Box(body, String(name.prefix(15))))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    // Decoding messages recurses little; the default of 8 MiB per bus would be address space for nothing.
    pthread_attr_setstacksize(&attributes, 524_288)
    var thread = pthread_t()
    let result = pthread_create(
        &thread, &attributes,
        { raw in
            let box = Unmanaged<Box>.fromOpaque(raw!).takeRetainedValue()
            candela_name_thread(box.name)
            var signals = sigset_t()
            sigfillset(&signals)
            // Faults of our own must still end the program.
            for fault in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP] { sigdelset(&signals, fault) }
            // SIGPIPE too: a driver that closed its stdin is met as EPIPE.
            pthread_sigmask(SIG_SETMASK, &signals, nil)
            box.body()
            return nil
        }, box.toOpaque())
    if result != 0 {
        box.release()
        throw SystemError(code: result)
    }
}
