import Telemetry

/// One connection to a broker as a pure state machine: events in, actions out, no input or output and no clock of its own.
///
/// The connection's thread feeds it; ``accept(token:suffix:bytes:at:)`` may come from elsewhere, under the connection's lock.
struct MQTTSession {
    enum Role: Sendable, Hashable {
        /// Publishes; clean session, so that the broker and the library keep nothing for us.
        case data
        /// Receives commands; persistent session, so that the broker keeps them while we are away.
        case commands
    }

    enum Phase: Sendable, Hashable {
        case waiting(until: BootInstant)
        /// Until the CONNACK.
        case connecting(until: BootInstant)
        case connected(since: BootInstant)
        /// Connected; the last messages wait for their acknowledgement.
        case stopping(until: BootInstant)
        case stopped
    }

    enum Event: Sendable, Hashable {
        /// Time has passed.
        case tick
        /// The socket is open; the CONNACK's time runs from here, because resolving and connecting block for as long as the kernel likes.
        case opened
        case connectFailed(String)
        case connack(code: Int, sessionPresent: Bool)
        case suback(code: Int)
        case sent(Purpose, messageID: Int32)
        /// The library or the broker's limits do not let it out.
        case sendFailed(token: UInt64, reason: String)
        case puback(messageID: Int32, code: Int)
        case lost(code: Int, reason: String)
        case stop
    }

    /// What a message identifier stands for.
    enum Purpose: Sendable, Hashable {
        case message(token: UInt64)
        case document(RetainedDocument)
        /// An answer on a topic of the asker's own: a courtesy, `/results` is what counts.
        case response
    }

    enum Action: Sendable, Hashable {
        case report(UplinkEvent)
        case subscribe
        case sendDocuments
        /// Say goodbye, so that the broker does not publish the will.
        case disconnect
        /// Drop the handle with all that it holds.
        case close
        /// For the log; people who watch an uplink want to know.
        case note(String)
    }

    private struct Pending: Sendable {
        let suffix: String
        let bytes: Int
    }

    let role: Role
    let timing: MQTTTiming
    let window: Int
    let windowBytes: Int
    let requireSubscriber: Bool
    private(set) var phase: Phase
    private(set) var version: MQTTOptions.Version
    private var backOff: BackOff
    private var pending: [UInt64: Pending] = [:]
    private var pendingBytes = 0
    private var identifiers: [Int32: Purpose] = [:]
    /// The last acknowledgement, or when something began to wait for one.
    private var progress = BootInstant(nanoseconds: 0)
    private var resting: [String: BootInstant] = [:]
    private var unsubscribed: Set<String> = []
    private var refused: Set<String> = []
    private var conditions: Set<UplinkCondition> = []

    init(role: Role, options: MQTTOptions, seed: UInt64, now: BootInstant) {
        self.role = role
        timing = options.timing
        window = options.inFlight
        windowBytes = MQTTOptions.inFlightBytes
        requireSubscriber = options.requireSubscriber
        version = options.version
        backOff = BackOff(first: options.timing.firstRetry, longest: options.timing.longestRetry, seed: seed)
        phase = .waiting(until: now)
    }

    var isConnected: Bool {
        switch phase {
        case .connected, .stopping: true
        default: false
        }
    }

    var inFlight: Int { pending.count }

    /// Takes a message into the window, or says why not.
    mutating func accept(token: UInt64, suffix: String, bytes: Int, at now: BootInstant) throws(PublishRefusal) {
        guard bytes <= UplinkLimits.messageBytes else { throw .tooLarge }
        guard case .connected = phase else { throw .notConnected }
        if let until = resting[suffix], until > now { throw .resting(until.duration(since: now)) }
        precondition(pending[token] == nil, "a token stands for one message at a time")
        let isFull = pending.count >= window || pendingBytes + bytes > windowBytes
        guard !isFull || pending.isEmpty else { throw .windowFull }
        if pending.isEmpty { progress = now }
        pending[token] = Pending(suffix: suffix, bytes: bytes)
        pendingBytes += bytes
    }

    /// When ``Event/tick`` is due at the latest.
    var deadline: BootInstant? {
        switch phase {
        case .waiting(let until), .connecting(let until), .stopping(let until): until
        case .connected: resting.values.min()
        case .stopped: nil
        }
    }

    mutating func handle(_ event: Event, at now: BootInstant) -> [Action] {
        switch event {
        case .tick: return tick(now)
        case .opened:
            if case .connecting = phase { phase = .connecting(until: now.advanced(by: timing.connackTime)) }
            return []
        case .connectFailed(let reason): return lose(reason, code: 0, at: now)
        case .connack(let code, let sessionPresent): return connack(code, sessionPresent, at: now)
        case .suback(let code):
            if code < MQTTReason.firstFailure { return condition(.commandsNotSubscribed, false, "subscribed") }
            return condition(
                .commandsNotSubscribed, true,
                "the broker does not let this gateway read its commands: "
                    + MQTTReason.words(code))
        case .sent(let purpose, let messageID):
            if identifiers.isEmpty { progress = now }
            identifiers[messageID] = purpose
            return []
        case .sendFailed(let token, let reason): return refuse(token, reason, at: now)
        case .puback(let messageID, let code): return puback(messageID, code, at: now)
        case .lost(let code, let reason): return lose(reason, code: code, at: now)
        case .stop: return stop(at: now)
        }
    }

    private mutating func tick(_ now: BootInstant) -> [Action] {
        switch phase {
        case .waiting(let until):
            if now >= until { phase = .connecting(until: now.advanced(by: timing.connackTime)) }
            return []
        case .connecting(let until):
            guard now >= until else { return [] }
            return lose("the broker took the connection and did not answer for \(timing.connackTime)", code: 0, at: now)
        case .connected(let since):
            if !identifiers.isEmpty, now.duration(since: progress) >= timing.acknowledgementTime {
                return lose(
                    "the broker has acknowledged nothing for \(timing.acknowledgementTime)", code: 0, at: now)
            }
            var actions: [Action] = []
            if now.duration(since: since) >= timing.stableAfter {
                backOff.reset()
                actions += condition(.sessionTakenOver, false, "the connection holds")
            }
            let rested = resting.filter { $0.value <= now }.keys
            for suffix in rested { resting[suffix] = nil }
            return rested.isEmpty ? actions : actions + [.report(.ready)]
        case .stopping(let until):
            // The last document may have been sent and acknowledged before the stop was asked for: then nothing more comes.
            return now >= until ? finish("stopped before everything was acknowledged") : finishIfDone()
        case .stopped: return []
        }
    }

    private mutating func connack(_ code: Int, _ sessionPresent: Bool, at now: BootInstant) -> [Action] {
        guard case .connecting = phase else { return [] }
        guard code == 0 else {
            if MQTTReason.isVersionRefused(connack: code), version == .v5 {
                version = .v311
                phase = .connecting(until: now.advanced(by: timing.connackTime))
                let text =
                    "the broker does not speak MQTT 5; MQTT 3.1.1 is used, which cannot tell whether anybody is subscribed"
                return [.close, .note(text)] + condition(.olderVersion, true, text)
            }
            let text = MQTTReason.connack(code)
            let raised = MQTTReason.needsAPerson(connack: code) ? condition(.connectionRefused, true, text) : []
            return raised + lose(text, code: 0, at: now)
        }
        phase = .connected(since: now)
        progress = now
        var actions = condition(.connectionRefused, false, "connected")
        switch role {
        case .data:
            actions += [.sendDocuments, .report(.connected(sessionPresent: sessionPresent, version: version.name))]
        case .commands: actions += [.subscribe]
        }
        return actions
    }

    private mutating func puback(_ messageID: Int32, _ code: Int, at now: BootInstant) -> [Action] {
        guard let purpose = identifiers.removeValue(forKey: messageID) else { return [] }
        progress = now
        var actions: [Action] = []
        switch purpose {
        case .message(let token): actions = answer(token, code, at: now)
        case .document(let document):
            if code >= MQTTReason.firstFailure {
                actions = [.note("the broker refuses the document \(document.rawValue): \(MQTTReason.words(code))")]
            }
        case .response:
            if code >= MQTTReason.firstFailure {
                actions = [.note("the broker refuses a response topic: \(MQTTReason.words(code))")]
            }
        }
        return actions + finishIfDone()
    }

    private mutating func answer(_ token: UInt64, _ code: Int, at now: BootInstant) -> [Action] {
        if code >= MQTTReason.firstFailure { return refuse(token, MQTTReason.words(code), at: now) }
        guard let message = pending[token] else { return [] }
        let suffix = message.suffix
        if code == MQTTReason.noMatchingSubscribers, requireSubscriber {
            release(token)
            resting[suffix] = now.advanced(by: timing.topicRest)
            unsubscribed.insert(suffix)
            return [.report(.noSubscriber(token: token, retryAfter: timing.topicRest))]
                + condition(
                    .noSubscriber, true, "nobody is subscribed to \(unsubscribed.sorted().joined(separator: ", "))")
        }
        release(token)
        var actions: [Action] = [.report(.acknowledged(token: token))]
        if unsubscribed.remove(suffix) != nil, unsubscribed.isEmpty {
            actions += condition(.noSubscriber, false, "somebody is subscribed again")
        }
        if refused.remove(suffix) != nil, refused.isEmpty {
            actions += condition(.messagesRefused, false, "the broker accepts messages again")
        }
        return actions
    }

    private mutating func refuse(_ token: UInt64, _ reason: String, at now: BootInstant) -> [Action] {
        guard let suffix = pending[token]?.suffix else { return [] }
        release(token)
        resting[suffix] = now.advanced(by: timing.topicRest)
        refused.insert(suffix)
        return [.report(.refused(token: token, reason: reason, retryAfter: timing.topicRest))]
            + condition(.messagesRefused, true, "\(suffix): \(reason)") + finishIfDone()
    }

    private mutating func release(_ token: UInt64) {
        if let message = pending.removeValue(forKey: token) { pendingBytes -= message.bytes }
    }

    private mutating func lose(_ reason: String, code: Int, at now: BootInstant) -> [Action] {
        let wasConnected: BootInstant?
        switch phase {
        case .connecting: wasConnected = nil
        case .connected(let since): wasConnected = since
        case .stopping: return finish(reason)
        case .waiting, .stopped: return []
        }
        if let since = wasConnected, now.duration(since: since) >= timing.stableAfter { backOff.reset() }
        var raised: [Action] = []
        var wait = backOff.next()
        if code == MQTTReason.sessionTakenOver {
            wait = backOff.spread(timing.takenOverRetry)
            raised = condition(.sessionTakenOver, true, "another gateway uses this id: \(MQTTReason.words(code))")
        }
        phase = .waiting(until: now.advanced(by: wait))
        return [.close] + dropAll(reason) + raised
            + (role == .data ? [.report(.disconnected(reason: reason, retryAfter: wait))] : []) + [.note(reason)]
    }

    /// Everything in flight is the outbox's again.
    private mutating func dropAll(_ reason: String) -> [Action] {
        let tokens = pending.keys.sorted()
        pending.removeAll()
        pendingBytes = 0
        identifiers.removeAll()
        return tokens.map { .report(.unacknowledged(token: $0, reason: reason)) }
    }

    private mutating func stop(at now: BootInstant) -> [Action] {
        switch phase {
        case .connected where role == .data:
            phase = .stopping(until: now.advanced(by: UplinkLimits.stopTime))
            return [.sendDocuments]
        case .connected: return finish("stopped")
        case .stopping, .stopped: return []
        case .waiting, .connecting:
            phase = .stopped
            return [.close] + dropAll("stopped")
        }
    }

    private mutating func finishIfDone() -> [Action] {
        guard case .stopping = phase, pending.isEmpty, identifiers.isEmpty else { return [] }
        return finish("stopped")
    }

    private mutating func finish(_ reason: String) -> [Action] {
        phase = .stopped
        return [.disconnect, .close] + dropAll(reason)
    }

    /// Reports a condition when it changes. The command connection speaks only of what concerns commands and ids.
    private mutating func condition(_ condition: UplinkCondition, _ active: Bool, _ detail: String) -> [Action] {
        guard role == .data || condition == .commandsNotSubscribed || condition == .sessionTakenOver else { return [] }
        guard conditions.contains(condition) != active else { return [] }
        if active { conditions.insert(condition) } else { conditions.remove(condition) }
        return [.report(.condition(condition, active: active, detail: detail))]
    }
}
