internal import CLinux
internal import Logging
internal import Synchronization
import Telemetry

/// The shell around one ``HTTPSession``: a named thread that owns the requests and does all input and output. Other threads only leave work
/// under the lock and wake it.
final class HTTPConnection: Sendable {
    private struct Outgoing: Sendable {
        let message: EncodedMessage
        let token: UInt64
    }

    private struct Shared {
        var session: HTTPSession
        var outgoing: [Outgoing] = []
        var documents: [RetainedDocument: @Sendable () -> [UInt8]] = [:]
        var unsentDocuments: Set<RetainedDocument> = []
        var stopRequested = false
        var lastNote = ""
    }

    /// How long the thread sleeps when nothing is due; whatever comes wakes it.
    private static let idle: Duration = .seconds(3600)
    /// A body smaller than a packet gains nothing.
    private static let leastCompressed = 512

    let options: HTTPOptions
    private let log: Logger
    private let shared: Mutex<Shared>
    private let multi: CurlMulti
    private let report: @Sendable (UplinkEvent) -> Void
    private let now: @Sendable () -> UTCInstant?

    /// Nil when there is no memory.
    init?(
        _ options: HTTPOptions, log: Logger, now: @escaping @Sendable () -> UTCInstant?,
        report: @escaping @Sendable (UplinkEvent) -> Void
    ) {
        guard let multi = CurlMulti() else { return nil }
        self.multi = multi
        self.options = options
        self.log = log
        self.now = now
        self.report = report
        shared = Mutex(
            Shared(
                session: HTTPSession(
                    timing: options.timing, window: options.inFlight, seed: UInt64.random(in: .min ... .max),
                    now: Self.clock())))
    }

    private static func clock() -> BootInstant { BootInstant(nanoseconds: candela_boottime_nanoseconds()) }

    // MARK: - From any thread

    func publish(_ message: EncodedMessage, token: UInt64) throws(PublishRefusal) {
        let refusal: PublishRefusal? = shared.withLock { shared in
            do throws(PublishRefusal) {
                try shared.session.accept(
                    token: token, content: message.topicSuffix, bytes: message.payload.count, at: Self.clock())
                shared.outgoing.append(Outgoing(message: message, token: token))
                return nil
            } catch {
                return error
            }
        }
        if let refusal { throw refusal }
        multi.wakeUp()
    }

    func setDocument(_ document: RetainedDocument, made: @escaping @Sendable () -> [UInt8]) {
        shared.withLock { shared in
            guard !shared.stopRequested else { return }
            shared.documents[document] = made
            shared.unsentDocuments.insert(document)
        }
        multi.wakeUp()
    }

    /// - Parameter finalState: the last state document; nil: none is sent.
    func stop(finalState: [UInt8]?) {
        shared.withLock { shared in
            guard !shared.stopRequested else { return }
            shared.stopRequested = true
            guard let finalState else { return }
            shared.documents[.state] = { finalState }
            shared.unsentDocuments.insert(.state)
        }
        multi.wakeUp()
    }

    // MARK: - On the connection's thread

    func run() {
        var transfers: [UnsafeMutableRawPointer: CurlTransfer] = [:]
        while true {
            if let owesState = shared.withLock({ $0.stopRequested ? $0.unsentDocuments.contains(.state) : nil }) {
                feed(.stop(owesState: owesState), &transfers)
            }
            feed(.tick, &transfers)
            if shared.withLock({ $0.session.phase }) == .stopped { return }
            sendDocument(&transfers)
            sendMessages(&transfers)
            multi.perform()
            let ended = multi.finished()
            for (easy, result) in ended {
                guard let transfer = transfers.removeValue(forKey: easy) else { continue }
                multi.remove(transfer)
                feed(transfer.outcome(result, now: now()), &transfers)
            }
            if ended.isEmpty { multi.wait(timeUntilDue()) }
        }
    }

    private func timeUntilDue() -> Duration {
        let deadline = shared.withLock { $0.session.deadline }
        return min(deadline?.duration(since: Self.clock()) ?? Self.idle, Self.idle)
    }

    private func feed(_ event: HTTPSession.Event, _ transfers: inout [UnsafeMutableRawPointer: CurlTransfer]) {
        var event = event
        if case .failed(let purpose, let reason) = event { event = .failed(purpose, "\(options.url): \(reason)") }
        let actions = shared.withLock { shared in
            let actions = shared.session.handle(event, at: Self.clock())
            // What was accepted and not yet sent has been reported as unacknowledged.
            if actions.contains(.cancel) {
                shared.outgoing.removeAll()
                shared.unsentDocuments = Set(shared.documents.keys)
            }
            return actions
        }
        for action in actions {
            switch action {
            case .report(let event): report(event)
            case .note(let text): note(text)
            case .cancel:
                for transfer in transfers.values { multi.remove(transfer) }
                transfers.removeAll()
            case .probe:
                if !startDocument(.state, &transfers) { feed(.nothingToProbe, &transfers) }
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

    /// One document at a time, so that a large one does not hold up the messages of a slow link for longer than it must.
    private func sendDocument(_ transfers: inout [UnsafeMutableRawPointer: CurlTransfer]) {
        let isBusy = transfers.values.contains { if case .document = $0.purpose { true } else { false } }
        guard !isBusy else { return }
        let next = shared.withLock { shared in
            shared.session.isConnected ? RetainedDocument.allCases.first { shared.unsentDocuments.contains($0) } : nil
        }
        if let next { _ = startDocument(next, &transfers) }
    }

    private func startDocument(
        _ document: RetainedDocument, _ transfers: inout [UnsafeMutableRawPointer: CurlTransfer]
    ) -> Bool {
        let made = shared.withLock { shared in
            shared.unsentDocuments.remove(document)
            return shared.documents[document]
        }
        guard let made else { return false }
        _ = shared.withLock { $0.session.handle(.documentSent(document), at: Self.clock()) }
        _ = start(
            "PUT", document.rawValue, type: "application/json", body: made(), key: nil, for: .document(document),
            &transfers)
        return true
    }

    private func sendMessages(_ transfers: inout [UnsafeMutableRawPointer: CurlTransfer]) {
        let outgoing = shared.withLock { shared in
            defer { shared.outgoing.removeAll() }
            return shared.outgoing
        }
        for item in outgoing {
            let message = item.message
            let isStarted = start(
                "POST", message.topicSuffix, type: message.contentType, body: message.payload,
                key: "\(message.stream)-\(message.sequence)-\(message.part)", for: .message(token: item.token),
                &transfers)
            // Then all of them have been reported as unacknowledged.
            guard isStarted else { return }
        }
    }

    private func start(
        _ method: String, _ content: String, type: String, body: [UInt8], key: String?,
        for purpose: HTTPSession.Purpose,
        _ transfers: inout [UnsafeMutableRawPointer: CurlTransfer]
    ) -> Bool {
        var headers = ["Content-Type: \(type)", "Candela-Gateway: \(options.gateway)", "Candela-Content: \(content)"]
        if let key { headers.append("Idempotency-Key: \(key)") }
        if case .bearer(let token) = options.authorization { headers.append("Authorization: Bearer \(token)") }
        var sent = body
        if options.compression == .gzip, body.count >= Self.leastCompressed, let smaller = Gzip.compress(body) {
            sent = smaller
            headers.append("Content-Encoding: gzip")
        }
        let request = CurlTransfer.Request(method: method, url: options.url(for: content), headers: headers, body: sent)
        guard let transfer = CurlTransfer(request, options, for: purpose) else {
            feed(.failed(purpose, "no memory for a request"), &transfers)
            return false
        }
        transfers[transfer.easy] = transfer
        multi.add(transfer)
        return true
    }
}
