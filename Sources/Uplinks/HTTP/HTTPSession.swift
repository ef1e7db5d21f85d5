import Telemetry

/// The dealings with one server as a pure state machine: events in, actions out, no input or output and no clock of its own.
///
/// HTTP knows no connection; here it is one while the server answers. The first request after a failure is the state document, which costs
/// little and harms nothing when it comes twice.
struct HTTPSession {
    enum Phase: Sendable, Hashable {
        case waiting(until: BootInstant)
        /// One request is on its way, and nothing is accepted yet.
        case probing
        case connected(since: BootInstant)
        /// The last requests wait for their answers.
        case stopping(until: BootInstant)
        case stopped
    }

    /// What a request carries.
    enum Purpose: Sendable, Hashable {
        case message(token: UInt64)
        case document(RetainedDocument)
    }

    enum Event: Sendable, Hashable {
        /// Time has passed.
        case tick
        /// There is no document that could be sent first.
        case nothingToProbe
        case answered(Purpose, HTTPAnswer)
        /// No answer: no connection, a broken one, a time-out.
        case failed(Purpose, String)
        case documentSent(RetainedDocument)
        /// - Parameter owesState: a last state document is still to be sent.
        case stop(owesState: Bool)
    }

    enum Action: Sendable, Hashable {
        case report(UplinkEvent)
        /// Send the state document and nothing else.
        case probe
        /// Break off every request.
        case cancel
        /// For the log.
        case note(String)
    }

    let timing: HTTPTiming
    let window: Int
    private(set) var phase: Phase
    private var backOff: BackOff
    /// The content of each message that waits for its answer.
    private var pending: [UInt64: String] = [:]
    private var documentsInFlight = 0
    private var owesState = false
    private var resting: [String: BootInstant] = [:]
    private var refused: Set<String> = []

    init(timing: HTTPTiming, window: Int, seed: UInt64, now: BootInstant) {
        self.timing = timing
        self.window = window
        backOff = BackOff(first: timing.firstRetry, longest: timing.longestRetry, seed: seed)
        phase = .waiting(until: now)
    }

    var isConnected: Bool {
        switch phase {
        case .connected, .stopping: true
        default: false
        }
    }

    /// Takes a message into the window, or says why not.
    mutating func accept(token: UInt64, content: String, bytes: Int, at now: BootInstant) throws(PublishRefusal) {
        guard bytes <= UplinkLimits.messageBytes else { throw .tooLarge }
        guard case .connected = phase else { throw .notConnected }
        if let until = resting[content], until > now { throw .resting(until.duration(since: now)) }
        guard pending.count < window else { throw .windowFull }
        precondition(pending[token] == nil, "a token stands for one message at a time")
        pending[token] = content
    }

    /// When ``Event/tick`` is due at the latest.
    var deadline: BootInstant? {
        switch phase {
        case .waiting(let until), .stopping(let until): until
        case .connected: resting.values.min()
        case .probing, .stopped: nil
        }
    }

    mutating func handle(_ event: Event, at now: BootInstant) -> [Action] {
        switch event {
        case .tick: return tick(now)
        case .nothingToProbe: return connect(at: now)
        case .documentSent(let document):
            documentsInFlight += 1
            if document == .state { owesState = false }
            return []
        case .answered(let purpose, let answer): return answered(purpose, answer, at: now)
        case .failed(let purpose, let reason):
            settle(purpose)
            return lose(reason, asked: nil, at: now)
        case .stop(let owesState): return stop(owesState, at: now)
        }
    }

    private mutating func tick(_ now: BootInstant) -> [Action] {
        switch phase {
        case .waiting(let until):
            guard now >= until else { return [] }
            phase = .probing
            return [.probe]
        case .connected(let since):
            if now.duration(since: since) >= timing.stableAfter { backOff.reset() }
            let rested = resting.filter { $0.value <= now }.keys
            for content in rested { resting[content] = nil }
            return rested.isEmpty ? [] : [.report(.ready)]
        case .stopping(let until):
            return now >= until ? finish("stopped before everything was answered") : finishIfDone()
        case .probing, .stopped: return []
        }
    }

    private mutating func connect(at now: BootInstant) -> [Action] {
        guard case .probing = phase else { return [] }
        phase = .connected(since: now)
        return [.report(.connected(sessionPresent: false, version: "HTTP"))]
    }

    private mutating func settle(_ purpose: Purpose) {
        if case .document = purpose { documentsInFlight = max(0, documentsInFlight - 1) }
    }

    private mutating func answered(_ purpose: Purpose, _ answer: HTTPAnswer, at now: BootInstant) -> [Action] {
        settle(purpose)
        if answer.verdict == .later { return lose(answer.words, asked: answer.retryAfter, at: now) }
        // Whatever it says of the document: the server is there.
        var actions = connect(at: now)
        switch purpose {
        case .document(let document):
            if answer.verdict == .refused {
                actions.append(.note("the server refuses the document \(document.rawValue): \(answer.words)"))
            }
        case .message(let token):
            guard let content = pending.removeValue(forKey: token) else { break }
            if answer.verdict == .accepted {
                backOff.reset()
                actions.append(.report(.acknowledged(token: token)))
                if refused.remove(content) != nil, refused.isEmpty {
                    actions.append(
                        .report(
                            .condition(
                                .messagesRefused, active: false, detail: "the server accepts messages again")))
                }
            } else {
                actions += refuse(token, content, answer, at: now)
            }
        }
        return actions + finishIfDone()
    }

    private mutating func refuse(
        _ token: UInt64, _ content: String, _ answer: HTTPAnswer, at now: BootInstant
    ) -> [Action] {
        let rest = max(backOff.spread(timing.refusedRest), answer.retryAfter.map(bounded) ?? .zero)
        resting[content] = now.advanced(by: rest)
        let report = Action.report(.refused(token: token, reason: answer.words, retryAfter: rest))
        guard refused.insert(content).inserted else { return [report] }
        let text = "\(content): \(answer.words)"
        return [report, .note(text), .report(.condition(.messagesRefused, active: true, detail: text))]
    }

    /// - Parameter asked: the server's own wish; it is never undercut.
    private mutating func lose(_ reason: String, asked: Duration?, at now: BootInstant) -> [Action] {
        switch phase {
        case .stopping: return finish(reason)
        case .waiting, .stopped: return []
        case .connected(let since):
            if now.duration(since: since) >= timing.stableAfter { backOff.reset() }
        case .probing: break
        }
        var wait = backOff.next()
        if let asked {
            // All that were told the same come back one after the other: up to a quarter later.
            let plain = bounded(asked)
            wait = max(wait, plain + (backOff.spread(plain) - plain * 0.75) / 2)
        }
        phase = .waiting(until: now.advanced(by: wait))
        return [.cancel] + dropAll(reason) + [.report(.disconnected(reason: reason, retryAfter: wait)), .note(reason)]
    }

    private func bounded(_ asked: Duration) -> Duration { min(asked, timing.longestAskedWait) }

    /// Everything in flight is the outbox's again. The server may have it all the same: then the key tells it so.
    private mutating func dropAll(_ reason: String) -> [Action] {
        let tokens = pending.keys.sorted()
        pending.removeAll()
        documentsInFlight = 0
        return tokens.map { .report(.unacknowledged(token: $0, reason: reason)) }
    }

    private mutating func stop(_ owesState: Bool, at now: BootInstant) -> [Action] {
        switch phase {
        case .connected:
            self.owesState = owesState
            phase = .stopping(until: now.advanced(by: UplinkLimits.stopTime))
            return finishIfDone()
        case .stopping, .stopped: return []
        case .waiting, .probing: return finish("stopped")
        }
    }

    private mutating func finishIfDone() -> [Action] {
        guard case .stopping = phase, pending.isEmpty, documentsInFlight == 0, !owesState else { return [] }
        return finish("stopped")
    }

    private mutating func finish(_ reason: String) -> [Action] {
        phase = .stopped
        return [.cancel] + dropAll(reason)
    }
}
