public import Logging
internal import Synchronization
public import Telemetry

/// An MQTT broker as upstream, over libmosquitto (docs/mqtt.md): one connection with a clean session for data, and, where commands
/// are taken, another with a persistent session.
///
/// Threads: each connection has its own named thread that does all its input and output; the methods here only leave work.
public final class MQTTUplink: Uplink {
    public let name: String
    public let events: AsyncStream<UplinkEvent>
    public let commands: AsyncStream<CommandDelivery>

    private struct Life {
        var isStarted = false
        var isStopping = false
        var running = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let eventSink: AsyncStream<UplinkEvent>.Continuation
    private let commandSink: AsyncStream<CommandDelivery>.Continuation
    private let log: Logger
    private let data: MQTTConnection
    private let commandConnection: MQTTConnection?
    private let life = Mutex(Life())

    /// - Parameters:
    ///   - log: gets what a technician wants to know; secrets and payloads never.
    ///   - now: UTC while the clock is trusted, for the 24 hours that a command may lie ahead.
    public init(options: MQTTOptions, log: Logger, now: @escaping @Sendable () -> UTCInstant?) {
        name = options.name
        self.log = log
        // Unbounded, and bounded all the same: events answer to messages in the window, and conditions are few.
        let (events, eventSink) = AsyncStream.makeStream(of: UplinkEvent.self)
        let (commands, commandSink) = AsyncStream.makeStream(
            of: CommandDelivery.self, bufferingPolicy: .bufferingOldest(UplinkLimits.waitingCommands))
        (self.events, self.eventSink) = (events, eventSink)
        (self.commands, self.commandSink) = (commands, commandSink)
        let responses = ResponseTopics(ownPrefix: options.topicPrefix)
        let report: @Sendable (UplinkEvent) -> Void = { eventSink.yield($0) }
        data = MQTTConnection(
            options: options, role: .data, log: log, responses: responses, report: report, deliver: { _ in })
        let receiver = CommandReceiver(
            uplink: options.name, topic: options.topicPrefix + "commands", log: log, responses: responses,
            sink: commandSink, now: now)
        commandConnection =
            options.acceptsCommands
            ? MQTTConnection(
                options: options, role: .commands, log: log, responses: responses, report: report,
                deliver: { receiver.receive($0) }) : nil
    }

    deinit {
        data.stop()
        commandConnection?.stop()
        eventSink.finish()
        commandSink.finish()
    }

    public func start() {
        let isFirst = life.withLock { life in
            guard !life.isStarted, !life.isStopping else { return false }
            life.isStarted = true
            return true
        }
        guard isFirst else { return }
        for connection in [data, commandConnection].compactMap(\.self) {
            life.withLock { $0.running += 1 }
            do throws(NamedThread.Failure) {
                try connection.start { [weak self] in self?.connectionEnded() }
            } catch {
                log.error("\(error)", metadata: ["uplink": "\(name)"])
                eventSink.yield(.disconnected(reason: "\(error)", retryAfter: .seconds(0)))
                connectionEnded()
            }
        }
    }

    public func publish(_ message: EncodedMessage, token: UInt64) throws(PublishRefusal) {
        try data.publish(message, token: token)
    }

    public func setDocument(_ document: RetainedDocument, made: @escaping @Sendable () -> [UInt8]) {
        guard !life.withLock({ $0.isStopping }) else { return }
        data.setDocument(document, made: made)
    }

    public func stop(finalState: [UInt8]) async {
        let (isFirst, isRunning) = life.withLock { life in
            defer { life.isStopping = true }
            return (!life.isStopping, life.running > 0)
        }
        if isFirst {
            data.setDocument(.state) { finalState }
            data.stop()
            commandConnection?.stop()
        }
        if isRunning { await ended() }
        eventSink.finish()
        commandSink.finish()
    }

    /// Waits for the threads, but not for one that the kernel holds in connect(2) to a silent host: it ends by itself.
    private func ended() async {
        let timer = Task { [weak self] in
            try? await Task.sleep(for: UplinkLimits.stopTime + .seconds(1))
            self?.resumeWaiting()
        }
        await withCheckedContinuation { continuation in
            let isOver = life.withLock { life in
                if life.running > 0 { life.waiting.append(continuation) }
                return life.running == 0
            }
            if isOver { continuation.resume() }
        }
        timer.cancel()
    }

    private func connectionEnded() {
        let isLast = life.withLock { life in
            life.running -= 1
            return life.running == 0
        }
        if isLast { resumeWaiting() }
    }

    private func resumeWaiting() {
        let waiting = life.withLock { life in
            defer { life.waiting.removeAll() }
            return life.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}

/// Turns messages of the command topic into deliveries.
private struct CommandReceiver: Sendable {
    let uplink: String
    let topic: String
    let log: Logger
    let responses: ResponseTopics
    let sink: AsyncStream<CommandDelivery>.Continuation
    let now: @Sendable () -> UTCInstant?

    func receive(_ message: IncomingMessage) {
        // A session at the broker may still hold the subscription of an earlier configuration, with other permissions.
        guard message.topic == topic else {
            log.warning(
                "a command on the topic \(message.topic.prefix(200)) is ignored: commands of this uplink come on \(topic)",
                metadata: ["uplink": "\(uplink)"])
            return
        }
        // A retained message that was cleared leaves an empty one behind: no command.
        if message.payload.isEmpty, message.retained { return }
        let decoded = CommandDecoder().decode(
            message.payload, retained: message.retained, now: now(), messageExpirySeconds: message.expirySeconds)
        switch decoded {
        case .success(let command):
            remember(message, command.id)
            hand(
                .command(
                    DeliveredCommand(
                        command: command, brokerExpiry: message.expirySeconds.map { .seconds(Int64($0)) },
                        uplink: uplink, receivedAt: MQTTConnection.now(), responseTopic: message.responseTopic,
                        correlationData: message.correlationData)))
        case .failure(let rejection):
            if let id = rejection.id { remember(message, id) }
            log.warning("\(rejection)", metadata: ["uplink": "\(uplink)"])
            hand(.rejected(rejection))
        }
    }

    private func remember(_ message: IncomingMessage, _ id: String) {
        guard let topic = message.responseTopic else { return }
        responses.remember(topic, message.correlationData, for: id)
    }

    private func hand(_ delivery: CommandDelivery) {
        guard case .dropped(let lost) = sink.yield(delivery) else { return }
        log.error(
            "more than \(UplinkLimits.waitingCommands) commands wait; one is dropped without a result: \(lost.name)",
            metadata: ["uplink": "\(uplink)"])
    }
}

extension CommandDelivery {
    fileprivate var name: String {
        switch self {
        case .command(let delivered): delivered.command.id
        case .rejected(let rejection): rejection.id ?? "without id"
        }
    }
}
