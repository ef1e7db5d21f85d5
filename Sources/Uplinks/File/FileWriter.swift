internal import CLinux
internal import Logging
internal import Synchronization
import Telemetry

/// The thread of a file uplink: it owns the open file. Other threads only leave work under the lock and wake it.
final class FileWriter: Sendable {
    private struct Outgoing: Sendable {
        let message: EncodedMessage
        let token: UInt64
    }

    private struct Shared {
        var isOpen = false
        var isStopping = false
        var restsUntil: BootInstant?
        var outgoing: [Outgoing] = []
        /// Of all messages accepted and not yet answered.
        var pending = 0
        var pendingBytes = 0
        var documents: [RetainedDocument: @Sendable () -> [UInt8]] = [:]
        var unsentDocuments: Set<RetainedDocument> = []
        var lastNote = ""
    }

    private let options: FileOptions
    private let log: Logger
    private let report: @Sendable (UplinkEvent) -> Void
    private let wakeUp = WakeUp()
    private let shared = Mutex(Shared())

    init(_ options: FileOptions, log: Logger, report: @escaping @Sendable (UplinkEvent) -> Void) {
        self.options = options
        self.log = log
        self.report = report
    }

    private static func now() -> BootInstant { BootInstant(nanoseconds: candela_boottime_nanoseconds()) }

    // MARK: - From any thread

    func publish(_ message: EncodedMessage, token: UInt64) throws(PublishRefusal) {
        guard message.payload.count <= UplinkLimits.messageBytes else { throw .tooLarge }
        let refusal: PublishRefusal? = shared.withLock { shared in
            guard shared.isOpen, !shared.isStopping else { return .notConnected }
            if let until = shared.restsUntil {
                let rest = until.duration(since: Self.now())
                if rest > .zero { return .resting(rest) }
            }
            let isFull =
                shared.pending >= FileOptions.inFlight
                || shared.pendingBytes + message.payload.count > FileOptions.inFlightBytes
            guard !isFull || shared.pending == 0 else { return .windowFull }
            shared.pending += 1
            shared.pendingBytes += message.payload.count
            shared.outgoing.append(Outgoing(message: message, token: token))
            return nil
        }
        if let refusal { throw refusal }
        wakeUp.signal()
    }

    func setDocument(_ document: RetainedDocument, made: @escaping @Sendable () -> [UInt8]) {
        shared.withLock { shared in
            guard !shared.isStopping else { return }
            shared.documents[document] = made
            shared.unsentDocuments.insert(document)
        }
        wakeUp.signal()
    }

    /// - Parameter finalState: the last state document; nil: none is written.
    func stop(finalState: [UInt8]?) {
        shared.withLock { shared in
            guard !shared.isStopping else { return }
            shared.isStopping = true
            guard let finalState else { return }
            shared.documents[.state] = { finalState }
            shared.unsentDocuments.insert(.state)
        }
        wakeUp.signal()
    }

    // MARK: - On the writer's thread

    func run() {
        var backOff = BackOff(
            first: options.timing.firstRetry, longest: options.timing.longestRetry,
            seed: UInt64.random(in: .min ... .max))
        while true {
            do throws(FileFailure) {
                try serve { backOff.reset() }
            } catch {
                lose("\(error)", backOff.next())
            }
            if shared.withLock({ $0.isStopping }) { return }
        }
    }

    /// One opened file after the other, until a failure or the stop.
    private func serve(_ wrote: () -> Void) throws(FileFailure) {
        var sink = try FileSink.open(options.path)
        shared.withLock { shared in
            shared.isOpen = true
            shared.unsentDocuments = Set(shared.documents.keys)
        }
        report(.connected(sessionPresent: false, version: sink.isRegular ? "file" : "pipe"))
        while true {
            let (outgoing, isStopping) = shared.withLock { shared in
                defer { shared.outgoing.removeAll() }
                return (shared.outgoing, shared.isStopping)
            }
            try writeDocuments(&sink)
            if !outgoing.isEmpty {
                var waiting = outgoing[...]
                defer { giveBack(waiting) }
                if sink.isRegular, !sink.isInPlace { sink = try FileSink.open(options.path) }
                if try write(&waiting, &sink) { wrote() }
            }
            if isStopping {
                // What came in since is the outbox's again.
                shared.withLock { $0.isOpen = false }
                giveBack(shared.withLock { $0.outgoing }[...])
                return
            }
            if outgoing.isEmpty { wait() }
        }
    }

    /// Until there is work. At the end of a rest it says so.
    private func wait() {
        // Nothing but a signal or the end of a rest needs this thread: an hour is as good as for ever.
        let rest = shared.withLock { $0.restsUntil?.duration(since: Self.now()) }
        wakeUp.wait(rest ?? .seconds(3600))
        let isRested = shared.withLock { shared in
            guard let until = shared.restsUntil, until <= Self.now() else { return false }
            shared.restsUntil = nil
            return true
        }
        if isRested { report(.ready) }
    }

    /// Writes messages one by one and makes them durable together; what is answered leaves `waiting`.
    ///
    /// - Returns: whether anything was acknowledged.
    private func write(_ waiting: inout ArraySlice<Outgoing>, _ sink: inout FileSink) throws(FileFailure) -> Bool {
        var written = 0
        do throws(FileFailure) {
            for item in waiting {
                let line = item.message.payload + [UInt8(ascii: "\n")]
                if sink.isRegular, sink.length > 0, sink.length + Int64(line.count) > options.rotation {
                    try settle(&waiting, &written, sink)
                    try FileSink.rotate(options.path, kept: options.kept)
                    sink = try FileSink.open(options.path)
                }
                try sink.write(line, stall: options.timing.stall) { shared.withLock { $0.isStopping } }
                written += 1
            }
            try settle(&waiting, &written, sink)
            return true
        } catch {
            guard error.isFull else { throw error }
            // What fitted is told as acknowledged if it can be made durable, the rest is refused.
            if (try? settle(&waiting, &written, sink)) == nil { throw error }
            refuse(waiting, "\(error)")
            waiting = []
            return false
        }
    }

    /// The first `written` of them are on the medium, and so acknowledged.
    private func settle(
        _ waiting: inout ArraySlice<Outgoing>, _ written: inout Int, _ sink: borrowing FileSink
    ) throws(FileFailure) {
        guard written > 0 else { return }
        try sink.sync()
        let done = waiting.prefix(written)
        waiting = waiting.dropFirst(written)
        written = 0
        release(done)
        for item in done { report(.acknowledged(token: item.token)) }
        let wasResting = shared.withLock { shared in
            defer { shared.lastNote = "" }
            return shared.lastNote == Self.full
        }
        if wasResting {
            report(.condition(.messagesRefused, active: false, detail: "\(options.path): there is space again"))
        }
    }

    /// Marks that the condition `messagesRefused` is raised.
    private static let full = "full"

    private func refuse(_ items: ArraySlice<Outgoing>, _ reason: String) {
        release(items)
        let isNew = shared.withLock { shared in
            defer { shared.lastNote = Self.full }
            shared.restsUntil = Self.now().advanced(by: options.timing.rest)
            return shared.lastNote != Self.full
        }
        for item in items {
            report(.refused(token: item.token, reason: reason, retryAfter: options.timing.rest))
        }
        guard isNew else { return }
        log.warning("\(reason)", metadata: ["uplink": "\(options.name)"])
        report(.condition(.messagesRefused, active: true, detail: reason))
    }

    private func lose(_ reason: String, _ pause: Duration) {
        let (waiting, isNew) = shared.withLock { shared in
            defer {
                shared.isOpen = false
                shared.restsUntil = nil
                shared.outgoing.removeAll()
                if shared.lastNote != Self.full { shared.lastNote = reason }
            }
            return (shared.outgoing, shared.lastNote != reason)
        }
        giveBack(waiting[...], reason)
        log.log(level: isNew ? .warning : .debug, "\(reason)", metadata: ["uplink": "\(options.name)"])
        guard !shared.withLock({ $0.isStopping }) else { return }
        report(.disconnected(reason: reason, retryAfter: pause))
        let end = Self.now().advanced(by: pause)
        while Self.now() < end, !shared.withLock({ $0.isStopping }) { wakeUp.wait(end.duration(since: Self.now())) }
    }

    private func giveBack(_ items: ArraySlice<Outgoing>, _ reason: String = "it was not written in time") {
        release(items)
        for item in items { report(.unacknowledged(token: item.token, reason: reason)) }
    }

    private func release(_ items: ArraySlice<Outgoing>) {
        let bytes = items.reduce(0) { $0 + $1.message.payload.count }
        shared.withLock { shared in
            shared.pending -= items.count
            shared.pendingBytes -= bytes
        }
    }

    /// Beside a file in files of their own, where only the newest counts; into a pipe as lines.
    private func writeDocuments(_ sink: inout FileSink) throws(FileFailure) {
        let unsent = shared.withLock { shared in
            defer { shared.unsentDocuments.removeAll() }
            return RetainedDocument.allCases.compactMap { document in
                guard shared.unsentDocuments.contains(document) else { return nil }
                return shared.documents[document].map { (document, $0) }
            } as [(RetainedDocument, @Sendable () -> [UInt8])]
        }
        for (document, made) in unsent {
            let payload = made()
            guard sink.isRegular else {
                try sink.write(payload + [UInt8(ascii: "\n")], stall: options.timing.stall) {
                    shared.withLock { $0.isStopping }
                }
                continue
            }
            do throws(FileFailure) {
                try FileSink.replace(options.documentPath(document), with: payload)
            } catch {
                // It is told again with the next change, and the messages speak for themselves.
                log.debug("\(error)", metadata: ["uplink": "\(options.name)"])
            }
        }
    }
}
