internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization
import Telemetry

/// The shell around one ``MQTTSession``: a named thread that owns the libmosquitto handle of the moment and does all input and
/// output. Other threads only leave work under the lock and wake it.
final class MQTTConnection: Sendable {
    /// A message that the session has accepted.
    struct Outgoing: Sendable {
        let message: EncodedMessage
        let token: UInt64
    }

    private struct Shared {
        var session: MQTTSession
        var outgoing: [Outgoing] = []
        /// Made when they are sent: what a thousand devices are takes megabytes as text.
        var documents: [RetainedDocument: @Sendable () -> [UInt8]] = [:]
        var unsentDocuments: Set<RetainedDocument> = []
        var stopRequested = false
        var lastNote = ""
    }

    /// How often the library's housekeeping (keep-alive) and the session's clock run while nothing else happens.
    private static let housekeepingPeriod: Duration = .seconds(1)
    /// A goodbye that does not get out within that is not waited for.
    private static let goodbyeTime: Duration = .seconds(1)
    /// Commands are far smaller; with MQTT 5 the broker keeps larger messages away from us altogether.
    private static let largestPacket = 1 << 20

    let options: MQTTOptions
    let role: MQTTSession.Role
    let log: Logger
    private let shared: Mutex<Shared>
    private let wakeUp: WakeUp
    private let responses: ResponseTopics
    private let report: @Sendable (UplinkEvent) -> Void
    private let deliver: @Sendable (IncomingMessage) -> Void

    init(
        options: MQTTOptions, role: MQTTSession.Role, log: Logger, responses: ResponseTopics,
        report: @escaping @Sendable (UplinkEvent) -> Void, deliver: @escaping @Sendable (IncomingMessage) -> Void
    ) {
        self.options = options
        self.role = role
        self.log = log
        self.responses = responses
        self.report = report
        self.deliver = deliver
        wakeUp = WakeUp()
        shared = Mutex(
            Shared(
                session: MQTTSession(
                    role: role, options: options, seed: UInt64.random(in: .min ... .max), now: Self.now())))
    }

    static func now() -> BootInstant { BootInstant(nanoseconds: candela_boottime_nanoseconds()) }

    /// Starts the thread; `ended` is called on it as its last act.
    func start(ended: @escaping @Sendable () -> Void) throws(NamedThread.Failure) {
        try NamedThread.start(name: role == .data ? "mqtt-data" : "mqtt-commands") { [self] in
            run()
            ended()
        }
    }

    func publish(_ message: EncodedMessage, token: UInt64) throws(PublishRefusal) {
        let refusal: PublishRefusal? = shared.withLock { shared in
            do throws(PublishRefusal) {
                try shared.session.accept(
                    token: token, suffix: message.topicSuffix, bytes: message.payload.count, at: Self.now())
                shared.outgoing.append(Outgoing(message: message, token: token))
                return nil
            } catch {
                return error
            }
        }
        if let refusal { throw refusal }
        wakeUp.signal()
    }

    func setDocument(_ document: RetainedDocument, made: @escaping @Sendable () -> [UInt8]) {
        shared.withLock { shared in
            shared.documents[document] = made
            shared.unsentDocuments.insert(document)
        }
        wakeUp.signal()
    }

    func stop() {
        shared.withLock { $0.stopRequested = true }
        wakeUp.signal()
    }

    // MARK: - On the connection's thread

    private func run() {
        while true {
            if shared.withLock({ $0.stopRequested }) { _ = handle(.stop) }
            switch shared.withLock({ $0.session.phase }) {
            case .waiting(let until):
                wakeUp.wait(until.duration(since: Self.now()))
                _ = handle(.tick)
            case .connecting: serve()
            // Both belong to a handle in use, and `serve` leaves neither behind.
            case .connected, .stopping: _ = handle(.lost(code: 0, reason: "the connection ended"))
            case .stopped: return
            }
        }
    }

    /// One connection, from the first packet to the last. The handle lives as long as this call: what it holds unsent dies with it,
    /// and the outbox sends it again.
    private func serve() {
        let inbox = CallbackInbox(largestPayload: CommandDecoder.largestPayload)
        let version = shared.withLock { $0.session.version }
        do throws(MosquittoError) {
            let handle = try makeHandle(inbox, version)
            try handle.connect(
                options, version: version, sessionExpiry: role == .commands ? MQTTOptions.commandSessionExpiry : nil,
                largestPacket: role == .commands ? Self.largestPacket : nil)
            _ = self.handle(.opened)
            shared.withLock { $0.unsentDocuments = Set($0.documents.keys) }
            drive(handle, version)
        } catch {
            _ = handle(.connectFailed("\(place): \(error)"))
        }
    }

    private func makeHandle(
        _ inbox: CallbackInbox, _ version: MQTTOptions.Version
    ) throws(MosquittoError) -> MosquittoHandle {
        let suffix = role == .commands ? "-commands" : ""
        let handle = try MosquittoHandle(
            clientID: options.clientID + suffix, cleanSession: role == .data, inbox: inbox)
        try handle.configure(options, version: version)
        if role == .data, !options.will.isEmpty {
            try handle.setWill(topic: options.topicPrefix + RetainedDocument.state.rawValue, payload: options.will)
        }
        return handle
    }

    private var place: String {
        "\(options.tls == nil ? "mqtt" : "mqtts")://\(options.host):\(options.port)"
    }

    private func drive(_ handle: borrowing MosquittoHandle, _ version: MQTTOptions.Version) {
        while true {
            if shared.withLock({ $0.stopRequested }), perform(self.handle(.stop), handle, version) { return }
            sendOutgoing(handle, version)
            if perform(takeCallbacks(handle), handle, version) { return }
            guard handle.socket >= 0 else {
                _ = perform(self.handle(.lost(code: 0, reason: "\(place): the connection ended")), handle, version)
                return
            }
            wait(handle)
            var failure: MosquittoError?
            do throws(MosquittoError) {
                if handle.socket >= 0 { try handle.read() }
                if handle.socket >= 0, handle.wantsWrite { try handle.write() }
                if handle.socket >= 0 { try handle.housekeeping() }
            } catch {
                failure = error
            }
            // What the callbacks said comes first: they know the broker's reason.
            if perform(takeCallbacks(handle), handle, version) { return }
            if let failure, perform(self.handle(.lost(code: 0, reason: "\(place): \(failure)")), handle, version) {
                return
            }
            if perform(self.handle(.tick), handle, version) { return }
        }
    }

    private func wait(_ handle: borrowing MosquittoHandle) {
        let deadline = shared.withLock { $0.session.deadline }
        let time = min(deadline?.duration(since: Self.now()) ?? Self.housekeepingPeriod, Self.housekeepingPeriod)
        wakeUp.wait(time, socket: handle.socket, forWriting: handle.wantsWrite)
    }

    private func takeCallbacks(_ handle: borrowing MosquittoHandle) -> [MQTTSession.Action] {
        var actions: [MQTTSession.Action] = []
        for event in handle.inbox.take() {
            switch event {
            case .connack(let code, let sessionPresent):
                actions += self.handle(.connack(code: code, sessionPresent: sessionPresent))
            case .disconnected(let code):
                let words = code >= MQTTReason.firstFailure ? MQTTReason.words(code) : "\(MosquittoError(Int32(code)))"
                actions += self.handle(.lost(code: code, reason: "\(place): \(words)"))
            case .puback(let messageID, let code): actions += self.handle(.puback(messageID: messageID, code: code))
            case .suback(let code): actions += self.handle(.suback(code: code))
            case .message(let message): deliver(message)
            }
        }
        return actions
    }

    /// Feeds the session, reports what is to be reported, and returns what concerns the handle.
    private func handle(_ event: MQTTSession.Event) -> [MQTTSession.Action] {
        let actions = shared.withLock { shared in
            let actions = shared.session.handle(event, at: Self.now())
            // What was accepted and not yet sent has been reported as unacknowledged.
            if actions.contains(.close) { shared.outgoing.removeAll() }
            return actions
        }
        return actions.filter { action in
            switch action {
            case .report(let event):
                report(event)
                return false
            case .note(let text):
                note(text)
                return false
            case .subscribe, .sendDocuments, .disconnect, .close: return true
            }
        }
    }

    /// The same complaint at every attempt would fill the log: it is a warning once, and then only detail.
    private func note(_ text: String) {
        let isNew = shared.withLock { shared in
            defer { shared.lastNote = text }
            return shared.lastNote != text
        }
        log.log(level: isNew ? .warning : .debug, "\(text)", metadata: ["uplink": "\(options.name)"])
    }

    /// - Returns: whether the handle has had its day.
    private func perform(
        _ actions: [MQTTSession.Action], _ handle: borrowing MosquittoHandle, _ version: MQTTOptions.Version
    ) -> Bool {
        for action in actions {
            switch action {
            case .subscribe:
                do throws(MosquittoError) {
                    try handle.subscribe(options.topicPrefix + "commands", version: version)
                } catch {
                    if perform(self.handle(.lost(code: 0, reason: "\(place): \(error)")), handle, version) {
                        return true
                    }
                }
            case .sendDocuments: sendDocuments(handle, version)
            case .disconnect: sayGoodbye(handle)
            case .close: return true
            case .report, .note: break
            }
        }
        return false
    }

    private func sayGoodbye(_ handle: borrowing MosquittoHandle) {
        let end = Self.now().advanced(by: Self.goodbyeTime)
        handle.disconnect()
        while handle.socket >= 0, Self.now() < end {
            wakeUp.wait(end.duration(since: Self.now()), socket: handle.socket, forWriting: true)
            do throws(MosquittoError) { try handle.write() } catch { return }
        }
    }

    private func sendOutgoing(_ handle: borrowing MosquittoHandle, _ version: MQTTOptions.Version) {
        let (isConnected, outgoing) = shared.withLock { shared in
            defer { shared.outgoing.removeAll() }
            return (shared.session.isConnected, shared.outgoing)
        }
        guard isConnected else { return }
        for item in outgoing {
            let message = item.message
            do throws(MosquittoError) {
                var properties = PropertyList()
                if version == .v5 { describe(message, &properties) }
                let messageID = try handle.publish(
                    topic: options.topicPrefix + message.topicSuffix, payload: message.payload, qos: message.qos,
                    retain: message.retain, properties: properties)
                _ = self.handle(.sent(.message(token: item.token), messageID: messageID))
            } catch {
                if error.isLoss {
                    // The session learns of it from the callback or the next read; all that is in flight ends the same way.
                    handle.inbox.events.append(.disconnected(code: Int(error.code)))
                    return
                }
                let text = error.isTooLarge ? "the message is larger than the broker accepts" : "\(error)"
                _ = perform(self.handle(.sendFailed(token: item.token, reason: text)), handle, version)
            }
            sendResponses(message, handle, version)
        }
        sendDocuments(handle, version)
    }

    private func describe(_ message: EncodedMessage, _ properties: inout PropertyList) {
        if message.contentType == "application/json" { properties.addTextFormat() }
        properties.add(contentType: message.contentType)
        guard !message.stream.isEmpty else { return }
        properties.add(user: "stream", message.stream)
        properties.add(user: "sequence", String(message.sequence))
        guard message.parts > 1 else { return }
        properties.add(user: "part", String(message.part))
        properties.add(user: "parts", String(message.parts))
    }

    /// Answers on topics that senders asked for: at most once, `/results` carries the same in the guaranteed way.
    private func sendResponses(
        _ message: EncodedMessage, _ handle: borrowing MosquittoHandle, _ version: MQTTOptions.Version
    ) {
        guard version == .v5 else { return }
        for response in message.responses {
            guard let wanted = responses.topic(for: response.id) else { continue }
            var properties = PropertyList()
            properties.addTextFormat()
            properties.add(contentType: "application/json")
            if !wanted.correlationData.isEmpty { properties.add(correlationData: wanted.correlationData) }
            do throws(MosquittoError) {
                let messageID = try handle.publish(
                    topic: wanted.topic, payload: response.payload, qos: 1, retain: false, properties: properties)
                _ = self.handle(.sent(.response, messageID: messageID))
            } catch {
                note("response topic \(wanted.topic): \(error)")
            }
        }
    }

    private func sendDocuments(_ handle: borrowing MosquittoHandle, _ version: MQTTOptions.Version) {
        let unsent = shared.withLock { shared -> [(RetainedDocument, @Sendable () -> [UInt8])] in
            guard shared.session.isConnected else { return [] }
            defer { shared.unsentDocuments.removeAll() }
            return RetainedDocument.allCases.compactMap { document in
                guard shared.unsentDocuments.contains(document) else { return nil }
                return shared.documents[document].map { (document, $0) }
            }
        }
        for (document, made) in unsent {
            let payload = made()
            do throws(MosquittoError) {
                var properties = PropertyList()
                if version == .v5 {
                    properties.addTextFormat()
                    properties.add(contentType: "application/json")
                }
                let messageID = try handle.publish(
                    topic: options.topicPrefix + document.rawValue, payload: payload, qos: 1, retain: true,
                    properties: properties)
                _ = self.handle(.sent(.document(document), messageID: messageID))
            } catch {
                note("the document \(document.rawValue) cannot be sent: \(error)")
            }
        }
    }
}
