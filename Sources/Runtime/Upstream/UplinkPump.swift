import Logging
import Outbox
import Telemetry
import Uplinks

/// Moves batches from the outbox to one uplink and acknowledgements back. Each uplink has its own, so that a dead one holds nobody.
///
/// Nothing is acknowledged to the outbox before the upstream has acknowledged every part of the batch.
actor UplinkPump {
    /// Batches fetched at once: enough to fill the uplink's window, few enough to stay small in memory.
    private static let fetchLimit = 16
    /// Acknowledgements are stored together: one transaction for many PUBACKs, and at most this late.
    private static let acknowledgementDelay: Duration = .milliseconds(100)
    private static let acknowledgementBatch = 64
    /// What is refused or has no subscriber is tried again this long after at the latest.
    private static let restingRetry: Duration = .seconds(30)

    private struct Outstanding {
        let sequence: UInt64
        let count: Int
    }

    let name: String
    private let uplink: any Uplink
    private let encoding: any Encoding
    private let outbox: Outbox
    private let events: EventDesk
    private let log: Logger
    private let makeContext: @Sendable () async -> EncodingContext

    private(set) var isConnected = false
    private(set) var detail = "not connected yet"
    private(set) var acknowledgedReadings: UInt64 = 0
    private var spreading: Task<Void?, Never>?
    private var isCalledOff = false
    private var position = DeliveryPosition.start
    private var nextToken: UInt64 = 0
    private var outstanding: [UInt64: Outstanding] = [:]
    /// Parts of each sequence that are not acknowledged yet.
    private var openParts: [UInt64: Int] = [:]
    private var acknowledged: [UInt64] = []
    private var acknowledgementTimer: Task<Void, Never>?
    /// Batches fetched and not encoded yet, oldest last: one is when those before it are handed over, so that only few messages, which
    /// are large, exist at a time.
    private var fetched: [Batch] = []
    /// Messages of the batch encoded last that are not handed over yet.
    private var waiting: [EncodedMessage] = []
    /// Rises when everything begins again at the first batch that is not acknowledged.
    private var beginning = 0
    /// Something may be sent now: new work, room in the window, or a connection.
    private let kick: AsyncStream<Void>.Continuation
    private let kicks: AsyncStream<Void>

    init(
        uplink: any Uplink, encoding: any Encoding, outbox: Outbox, events: EventDesk, log: Logger,
        makeContext: @escaping @Sendable () async -> EncodingContext
    ) {
        name = uplink.name
        self.uplink = uplink
        self.encoding = encoding
        self.outbox = outbox
        self.events = events
        self.log = log
        self.makeContext = makeContext
        (kicks, kick) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    var inFlight: Int { outstanding.count }

    /// Pumps until the uplink's events end.
    ///
    /// - Parameter delay: before the first attempt to connect, so that a district whose power returns does not meet its head-end at once.
    func run(after delay: Duration = .zero) async {
        guard await waited(delay) else { return }
        uplink.start()
        let commits = await outbox.commits()
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await _ in commits { self.kick.yield() }
            }
            group.addTask { await self.pump() }
            for await event in uplink.events { await take(event) }
            group.cancelAll()
        }
        await storeAcknowledgements()
    }

    /// A wait for the first attempt to connect ends, and none follows: the gateway stops.
    func callOff() {
        isCalledOff = true
        spreading?.cancel()
    }

    /// - Returns: false when it was called off meanwhile.
    private func waited(_ delay: Duration) async -> Bool {
        if delay > .zero, !isCalledOff {
            detail = "first attempt in at most \(delay.components.seconds + 1) s, at random within connect_spread"
            let wait = Task { try? await Task.sleep(for: delay) }
            spreading = wait
            await wait.value
            spreading = nil
        }
        return !isCalledOff
    }

    /// Waits until everything stored is acknowledged; at most `limit`, and not without a connection.
    func drain(within limit: Duration) async {
        let deadline = ContinuousClock.now + limit
        while isConnected, ContinuousClock.now < deadline {
            if waiting.isEmpty, fetched.isEmpty, outstanding.isEmpty,
                (try? await outbox.next(for: name, after: position, limit: 1))?.isEmpty == true
            {
                return
            }
            kick.yield()
            // Nothing announces the last acknowledgement of all; a stop that is this much later harms nobody.
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    private func pump() async {
        for await _ in kicks {
            do {
                try await sendAll()
            } catch {
                log.error("uplink \(name): the outbox cannot be read: \(error)")
            }
        }
    }

    private func sendAll() async throws(StorageError) {
        while isConnected {
            if waiting.isEmpty {
                if fetched.isEmpty {
                    // A reconnection meanwhile starts from the beginning; what was fetched belongs to the old one.
                    let before = beginning
                    let batches = try await outbox.next(for: name, after: position, limit: Self.fetchLimit)
                    guard before == beginning else { continue }
                    guard isConnected, !batches.isEmpty else { return }
                    for batch in batches { position.advance(past: batch) }
                    fetched = batches.reversed()
                }
                let before = beginning
                let context = await makeContext()
                guard before == beginning, isConnected, let batch = fetched.popLast() else { continue }
                let messages = encoding.encode(batch: batch, context: context)
                if messages.isEmpty {
                    // Nothing in it is for this uplink.
                    note(acknowledged: batch.sequence)
                    continue
                }
                if messages.count > 1 {
                    try await outbox.recordCut(uplink: name, sequence: batch.sequence, parts: messages.map(\.count))
                    guard before == beginning else { continue }
                }
                openParts[batch.sequence] = messages.count
                waiting = messages
            }
            while let message = waiting.first {
                nextToken += 1
                do {
                    try uplink.publish(message, token: nextToken)
                } catch {
                    switch error {
                    case .notConnected, .windowFull: return
                    case .resting(let pause):
                        wakeLater(min(pause, Self.restingRetry))
                        return
                    case .tooLarge:
                        // Cannot happen with an encoding that cuts; the reading stays in the outbox and is said to be stuck.
                        log.error(
                            "uplink \(name): sequence \(message.sequence) does not fit into a message and is left in the outbox"
                        )
                        waiting.removeFirst()
                        continue
                    }
                }
                outstanding[nextToken] = Outstanding(
                    sequence: message.sequence, count: message.topicSuffix == "readings" ? message.count : 0)
                waiting.removeFirst()
            }
        }
    }

    private func take(_ event: UplinkEvent) async {
        switch event {
        case .connected(_, let version):
            isConnected = true
            detail = version
            restart()
            log.notice("uplink \(name): connected, \(version)")
        case .disconnected(let reason, let pause):
            if isConnected { log.warning("uplink \(name): \(reason)") }
            isConnected = false
            detail = "\(reason); next attempt in \(max(1, pause.wholeMilliseconds / 1000)) s"
            await storeAcknowledgements()
            restart()
        case .acknowledged(let token):
            if let done = outstanding.removeValue(forKey: token) {
                acknowledgedReadings += UInt64(done.count)
                let left = (openParts[done.sequence] ?? 1) - 1
                openParts[done.sequence] = left > 0 ? left : nil
                if left <= 0 { note(acknowledged: done.sequence) }
            }
            kick.yield()
        case .noSubscriber(let token, let pause), .refused(let token, _, let pause):
            // It stays in the outbox; everything not acknowledged is offered again after the rest, in order.
            outstanding[token] = nil
            await storeAcknowledgements()
            if outstanding.isEmpty {
                restart()
                wakeLater(min(pause, Self.restingRetry))
            } else {
                needsRestart = true
            }
        case .unacknowledged(let token, _): outstanding[token] = nil
        case .ready: kick.yield()
        case .condition(let condition, let active, let text): await tell(condition, active, text)
        }
        if needsRestart, outstanding.isEmpty {
            needsRestart = false
            restart()
        }
    }

    private var needsRestart = false

    /// From the first batch that is not acknowledged.
    private func restart() {
        beginning += 1
        position = .start
        fetched = []
        waiting = []
        outstanding = [:]
        openParts = [:]
        needsRestart = false
        kick.yield()
    }

    private func wakeLater(_ pause: Duration) {
        Task {
            try? await Task.sleep(for: pause)
            kick.yield()
        }
    }

    private func note(acknowledged sequence: UInt64) {
        acknowledged.append(sequence)
        if acknowledged.count >= Self.acknowledgementBatch {
            Task { await storeAcknowledgements() }
        } else if acknowledgementTimer == nil {
            acknowledgementTimer = Task {
                try? await Task.sleep(for: Self.acknowledgementDelay)
                await storeAcknowledgements()
            }
        }
    }

    private func storeAcknowledgements() async {
        acknowledgementTimer?.cancel()
        acknowledgementTimer = nil
        guard !acknowledged.isEmpty else { return }
        let sequences = acknowledged
        acknowledged = []
        do {
            try await outbox.acknowledge(uplink: name, sequences: sequences)
        } catch {
            // They are sent again later: twice, never lost.
            log.error("uplink \(name): acknowledgements could not be stored: \(error)")
        }
    }

    private func tell(_ condition: UplinkCondition, _ active: Bool, _ text: String) async {
        let kind: String? =
            switch condition {
            case .noSubscriber: EventKind.noSubscriber
            case .sessionTakenOver: EventKind.sessionTakenOver
            case .messagesRefused, .connectionRefused, .commandsNotSubscribed: EventKind.messageRefused
            case .olderVersion: nil
            }
        guard let kind else {
            log.notice("uplink \(name): \(text)")
            return
        }
        let id = "uplink:\(name):\(condition.rawValue)"
        if active {
            await events.raise(id, kind: kind, detail: ["uplink": .string(name), "detail": .string(text)])
        } else {
            await events.clear(id, detail: ["uplink": .string(name)])
        }
    }
}
