public import Logging
internal import Synchronization
public import Telemetry

/// An HTTP server as upstream, over libcurl (docs/http.md): each message is one POST with a key that stays the same when it is sent again.
///
/// A thread of its own does all input and output; the methods here only leave work. No commands come this way.
public final class HTTPUplink: Uplink {
    public let name: String
    public let events: AsyncStream<UplinkEvent>
    public let commands: AsyncStream<CommandDelivery>

    private struct Life {
        var isStarted = false
        var isStopping = false
    }

    private let eventSink: AsyncStream<UplinkEvent>.Continuation
    private let connection: HTTPConnection
    private let end = ThreadEnd()
    private let life = Mutex(Life())
    private let log: Logger

    /// - Parameters:
    ///   - log: gets what a technician wants to know; secrets and payloads never.
    ///   - now: UTC while the clock is trusted, for a `Retry-After` that names a date.
    /// - Throws: when libcurl is not installed, or there is no memory.
    public init(
        options: HTTPOptions, log: Logger, now: @escaping @Sendable () -> UTCInstant?
    ) throws(UplinkSettingsError) {
        name = options.name
        self.log = log
        // Unbounded, and bounded all the same: events answer to messages in the window, and conditions are few.
        let (events, eventSink) = AsyncStream.makeStream(of: UplinkEvent.self)
        let (commands, commandSink) = AsyncStream.makeStream(of: CommandDelivery.self)
        (self.events, self.eventSink, self.commands) = (events, eventSink, commands)
        commandSink.finish()
        if let problem = CurlMulti.load() {
            throw UplinkSettingsError(
                key: "type",
                problem: "http needs libcurl, which cannot be used here (\(problem)); install the package libcurl4")
        }
        guard let connection = HTTPConnection(options, log: log, now: now, report: { eventSink.yield($0) }) else {
            throw UplinkSettingsError(key: "type", problem: "there is no memory for an http uplink")
        }
        self.connection = connection
    }

    deinit {
        connection.stop(finalState: nil)
        eventSink.finish()
    }

    public func start() {
        let isFirst = life.withLock { life in
            defer { life.isStarted = true }
            return !life.isStarted && !life.isStopping
        }
        guard isFirst else { return }
        let (connection, end) = (connection, end)
        do throws(NamedThread.Failure) {
            try NamedThread.start(name: "http-uplink") {
                connection.run()
                end.signal()
            }
        } catch {
            log.error("\(error)", metadata: ["uplink": "\(name)"])
            eventSink.yield(.disconnected(reason: "\(error)", retryAfter: .zero))
            end.signal()
        }
    }

    public func publish(_ message: EncodedMessage, token: UInt64) throws(PublishRefusal) {
        try connection.publish(message, token: token)
    }

    public func setDocument(_ document: RetainedDocument, made: @escaping @Sendable () -> [UInt8]) {
        connection.setDocument(document, made: made)
    }

    public func stop(finalState: [UInt8]) async {
        let wasStarted = life.withLock { life in
            defer { life.isStopping = true }
            return life.isStarted
        }
        connection.stop(finalState: finalState)
        if wasStarted { await end.wait(atMost: UplinkLimits.stopTime + .seconds(1)) }
        eventSink.finish()
    }
}
