public import Logging
internal import Synchronization

/// Lines in a file or a named pipe as upstream (docs/file.md): for a bench, a pipe into another program, a stick that is carried away.
///
/// A thread of its own does all input and output; the methods here only leave work.
public final class FileUplink: Uplink {
    public let name: String
    public let events: AsyncStream<UplinkEvent>
    public let commands: AsyncStream<CommandDelivery>

    private struct Life {
        var isStarted = false
        var isStopping = false
    }

    private let eventSink: AsyncStream<UplinkEvent>.Continuation
    private let commandSink: AsyncStream<CommandDelivery>.Continuation
    private let writer: FileWriter
    private let end = ThreadEnd()
    private let life = Mutex(Life())
    private let log: Logger

    public init(options: FileOptions, log: Logger) {
        name = options.name
        self.log = log
        // Unbounded, and bounded all the same: events answer to messages in the window, and conditions are few.
        let (events, eventSink) = AsyncStream.makeStream(of: UplinkEvent.self)
        let (commands, commandSink) = AsyncStream.makeStream(of: CommandDelivery.self)
        (self.events, self.eventSink) = (events, eventSink)
        (self.commands, self.commandSink) = (commands, commandSink)
        writer = FileWriter(options, log: log) { eventSink.yield($0) }
        commandSink.finish()
    }

    deinit {
        writer.stop(finalState: nil)
        eventSink.finish()
    }

    public func start() {
        let isFirst = life.withLock { life in
            defer { life.isStarted = true }
            return !life.isStarted && !life.isStopping
        }
        guard isFirst else { return }
        let (writer, end) = (writer, end)
        do throws(NamedThread.Failure) {
            try NamedThread.start(name: "file-uplink") {
                writer.run()
                end.signal()
            }
        } catch {
            log.error("\(error)", metadata: ["uplink": "\(name)"])
            eventSink.yield(.disconnected(reason: "\(error)", retryAfter: .zero))
            end.signal()
        }
    }

    public func publish(_ message: EncodedMessage, token: UInt64) throws(PublishRefusal) {
        try writer.publish(message, token: token)
    }

    public func setDocument(_ document: RetainedDocument, made: @escaping @Sendable () -> [UInt8]) {
        writer.setDocument(document, made: made)
    }

    public func stop(finalState: [UInt8]) async {
        let wasStarted = life.withLock { life in
            defer { life.isStopping = true }
            return life.isStarted
        }
        writer.stop(finalState: finalState)
        if wasStarted { await end.wait(atMost: UplinkLimits.stopTime) }
        eventSink.finish()
    }
}
