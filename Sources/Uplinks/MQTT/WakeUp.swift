internal import CLinux
internal import Glibc

/// Wakes a thread out of poll(2).
final class WakeUp: Sendable {
    private let readEnd: Int32
    private let writeEnd: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        let code = pipe(&ends)
        // A process without two descriptors left cannot reach any broker either.
        precondition(code == 0, "a pipe to wake a thread: \(String(cString: strerror(errno)))")
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// From any thread. A full pipe means that the thread will wake anyhow.
    func signal() {
        var one: UInt8 = 1
        _ = write(writeEnd, &one, 1)
    }

    /// Until it is signalled, the socket is ready, or `time` is over.
    func wait(_ time: Duration, socket: Int32 = -1, forWriting: Bool = false) {
        let (seconds, attoseconds) = max(time, .zero).components
        // Rounded up: waking a moment too early would spin. An hour is as good as for ever.
        let milliseconds = seconds >= 3600 ? 3_600_000 : seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1
        var descriptors = [pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)]
        if socket >= 0 {
            let events = Int16(POLLIN) | (forWriting ? Int16(POLLOUT) : 0)
            descriptors.append(pollfd(fd: socket, events: events, revents: 0))
        }
        _ = poll(&descriptors, UInt(descriptors.count), Int32(milliseconds))
        guard descriptors[0].revents != 0 else { return }
        var signals = [UInt8](repeating: 0, count: 256)
        while read(readEnd, &signals, signals.count) == signals.count {}
    }
}
