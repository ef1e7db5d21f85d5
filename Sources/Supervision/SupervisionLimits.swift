import DriverProtocol

/// Times and bounds of supervision, each with its reason. docs/driver-protocol.md tells them to drivers' authors.
public struct SupervisionLimits: Sendable, Hashable {
    /// From process start to `DriverHello`. A Python interpreter on a slow card needs two seconds.
    public var helloWithin: Duration = .seconds(5)
    /// From `Configure` to `Configured`: 247 devices with large profiles on the slowest gateway.
    public var configuredWithin: Duration = .seconds(10)
    /// From `Start` to `Started`. Opening a port is quick; a TCP connection may take its SYN retries.
    public var startedWithin: Duration = .seconds(15)
    /// Without progress for this long a driver is killed, unless its hello says otherwise.
    public var stallAfter: Duration = DriverProtocolLimits.stallAfter
    /// Longest stall time that a hello may ask for: beyond it a hung bus would go unnoticed for too long.
    public var longestStall: Duration = .seconds(300)
    /// First pause after a crash: short, so that a single crash costs a bus about a second.
    public var firstBackOff: Duration = .milliseconds(500)
    /// Longest pause after a crash.
    public var longestBackOff: Duration = .seconds(30)
    /// First pause after a start that failed for a reason that may pass, such as a port that is not there.
    public var firstStartBackOff: Duration = .seconds(1)
    /// Longest such pause: a re-plugged adapter is used again within a minute.
    public var longestStartBackOff: Duration = .seconds(60)
    /// After this long without a crash the back-off begins anew.
    public var healthyAfter: Duration = .seconds(60)
    /// So many crashes within ``crashWindow`` are a crash loop: restarting faster helps nobody.
    public var crashLimit: Int = 5
    public var crashWindow: Duration = .seconds(60)
    /// A failed bus is tried again this often: what broke it may have been mended by an update.
    public var retryFailed: Duration = .seconds(300)
    /// A failed bus with lamps: a street must not stay dark for five minutes longer than needed.
    public var retryFailedWithLamps: Duration = .seconds(60)
    /// At a stop a driver gets its response time-out and this, to finish the exchange on the wire.
    public var stopGrace: Duration = .milliseconds(1_500)
    /// After SIGKILL a process is gone at once unless it hangs in the kernel; then nobody waits for it any longer.
    public var killWithin: Duration = .seconds(5)
    /// Messages per second, averaged over ``floodWindow`` seconds.
    public var messagesPerSecond: Int = DriverProtocolLimits.messagesPerSecond
    /// Bytes per second, averaged likewise: twenty times what the busiest bus needs.
    public var bytesPerSecond: Int = 4_194_304
    /// Seconds over which the flood limits are averaged: a burst after a restart is no flood.
    public var floodWindow: Int = 5
    /// Messages taken from the driver that the listener has not taken yet; then reading stops.
    public var inboxMessages: Int = 256
    /// The same in bytes as they came.
    public var inboxBytes: Int = 1_048_576
    /// Bytes waiting for a driver that does not read: one largest `Configure` and as much again.
    public var inputBytes: Int = 8_388_608
    /// Bytes waiting this long without one being taken: the driver does not read its input.
    public var inputStall: Duration = .seconds(15)
    /// Longest line taken from stderr, in bytes.
    public var logLineBytes: Int = 1_024
    /// Lines per second passed on from stderr; a burst of ten times as many is let through.
    public var logLinesPerSecond: Int = 10
    /// Bytes read from stderr per second; a driver that writes more waits.
    public var logBytesPerSecond: Int = 1_048_576
    /// Answers that may be awaited at once.
    public var pendingRequests: Int = 256
    /// An answer may come this much after the deadline given to the driver: it travels through two queues.
    public var answerGrace: Duration = .milliseconds(500)

    /// Tasks of one driver under way at once: some technicians and a script; a driver does them one after the other.
    public var tasksAtOnce: Int = 8
    /// From `CancelTask` to `TaskDone`: the longest exchange on the wire, and putting back the line's settings.
    public var taskCancelWithin: Duration = .seconds(30)

    public init() {}
}
