internal import CLinux
internal import Glibc
public import Telemetry

/// Waits for many descriptors and for a wake-up in one system call, so that a bus of a thousand hosts is one thread that sleeps.
///
/// Built on epoll(7): poll(2) hands the kernel every descriptor anew at each wait, which at 1,000 hosts asked each second is a million
/// checks per second for nothing. Used from one thread; only ``interrupt()`` may come from another.
// @unchecked: both descriptors are set once; everything else is touched by the waiting thread only.
public final class EventPoller: @unchecked Sendable {
    /// What happened to a descriptor.
    public struct Event: Sendable, Hashable {
        /// As it was handed to ``add(_:token:write:)``.
        public let token: Int
        /// Something can be read, the peer is gone, or the socket failed: reading tells which.
        public let isReadable: Bool
        public let isWritable: Bool
    }

    /// Events taken from the kernel at once; more come with the next wait.
    static let eventsAtOnce = 256
    private static let wakeToken = UInt64.max

    private let epoll: Int32
    private let wake: Int32
    private var buffer = [epoll_event](repeating: epoll_event(), count: eventsAtOnce)
    private var events: [Event] = []

    /// nil with errno set when the process has no descriptor left.
    public init?() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard epoll >= 0, wake >= 0, Self.control(epoll, EPOLL_CTL_ADD, wake, Self.wakeToken, write: false) else {
            if epoll >= 0 { close(epoll) }
            if wake >= 0 { close(wake) }
            return nil
        }
        events.reserveCapacity(Self.eventsAtOnce)
    }

    deinit {
        close(epoll)
        close(wake)
    }

    /// Watches `descriptor` until it is removed or closed.
    ///
    /// - Parameters:
    ///   - token: comes back in its events.
    ///   - write: tell also when it takes bytes (a connection under way is made or has failed then).
    @discardableResult public func add(_ descriptor: Int32, token: Int, write: Bool) -> Bool {
        Self.control(epoll, EPOLL_CTL_ADD, descriptor, UInt64(token), write: write)
    }

    public func change(_ descriptor: Int32, token: Int, write: Bool) {
        _ = Self.control(epoll, EPOLL_CTL_MOD, descriptor, UInt64(token), write: write)
    }

    public func remove(_ descriptor: Int32) {
        var event = epoll_event()
        _ = epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &event)
    }

    /// Blocks until something happens, ``interrupt()`` is called, or `deadline` (nil: for ever).
    ///
    /// - Returns: true when there are events to ``takeEvents()``.
    public func wait(until deadline: BootInstant?) -> Bool {
        var milliseconds: Int32 = -1
        if let deadline {
            let left = deadline.nanoseconds &- BootClock.now().nanoseconds
            // Rounded up: a millisecond early would be a turn for nothing.
            milliseconds = left <= 0 ? 0 : Int32(min(Int64(Int32.max), (left + 999_999) / 1_000_000))
        }
        let count = buffer.withUnsafeMutableBufferPointer { buffer in
            // Some C libraries declare the pointer as never nil.
            buffer.baseAddress.map { epoll_wait(epoll, $0, Int32(buffer.count), milliseconds) } ?? 0
        }
        guard count > 0 else { return !events.isEmpty }
        for event in buffer[..<Int(count)] {
            guard event.data.u64 != Self.wakeToken else {
                var value: UInt64 = 0
                _ = read(wake, &value, 8)
                continue
            }
            let failed = event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
            events.append(
                Event(
                    token: Int(event.data.u64), isReadable: failed || event.events & EPOLLIN.rawValue != 0,
                    isWritable: failed || event.events & EPOLLOUT.rawValue != 0))
        }
        return !events.isEmpty
    }

    /// What happened since the last call.
    public func takeEvents() -> [Event] {
        defer { events.removeAll(keepingCapacity: true) }
        return events
    }

    /// Ends a ``wait(until:)`` that is under way, or the next one. From any thread.
    public func interrupt() {
        var one: UInt64 = 1
        _ = write(wake, &one, 8)
    }

    private static func control(
        _ epoll: Int32, _ operation: Int32, _ descriptor: Int32, _ token: UInt64, write: Bool
    ) -> Bool {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | (write ? EPOLLOUT.rawValue : 0)
        event.data.u64 = token
        return epoll_ctl(epoll, operation, descriptor, &event) == 0
    }
}
