internal import CLinux
public import Telemetry

/// The durable store-and-forward queue: what is appended is committed with fsync, offered to each uplink, and removed when
/// all of them have acknowledged it.
///
/// Threading: an actor on a thread of its own. A call waits while the disk works; that is the back-pressure on a slow disk.
/// When the disk *fails*, nothing waits: what is appended stays in memory up to ``OutboxOptions/bufferedReadings`` and is retried;
/// beyond that the oldest telemetry goes first, billing last, and what went is declared as gaps.
///
/// Order: what is appended first gets the lower sequence. Within one commit readings of telemetry come before those of billing.
public actor Outbox {
    /// What was found at opening, or at the last recovery from a destroyed or vanished file.
    public private(set) var opening: OutboxOpening

    private let thread: StorageThread
    private let path: String
    private let options: OutboxOptions
    /// Nil before opening, after closing, and while a lost file cannot be opened again.
    private var store: OutboxStore?
    private var buffer = OutboxBuffer()
    /// Removed from the buffer while no file was open: readings per device, and events and results.
    private var undeclared: [String: UInt64] = [:]
    private var undeclaredUrgent: UInt64 = 0
    private var isClosed = false
    private var failure: StorageError?
    private var timing = CommitTiming()
    private var isTimerRunning = false
    /// While the disk fails, appending does not try again before this moment.
    private var retryAt: BootInstant?
    private var lastCommit: BootInstant?
    private var lastDeclaration: BootInstant?
    private var listeners: [Int: AsyncStream<UInt64>.Continuation] = [:]
    private var nextListener = 0

    /// A failing disk is tried again after this: soon enough for a remounted card, rare enough not to hang every call in a busy timeout.
    static let retryDelay = Duration.seconds(2)
    /// Full batches wait for each other this long, on a gateway that fills them faster: nobody's head-end notices a quarter of a second.
    static let commitSpacing = Duration.milliseconds(250)
    /// So many full batches are committed at once whatever the time; what waits in memory stays small.
    static let mostBatchesTogether = 12
    /// Acknowledgements wait at most this long for a commit to ride on; a crash before only repeats what was sent.
    static let longestAcknowledgementDelay = Duration.seconds(1)
    /// Gaps are declared at once, then at most this often, so that neighbours merge while retention goes on.
    static let declarationInterval = Duration.seconds(10)

    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private init(path: String, options: OutboxOptions) throws(StorageError) {
        thread = try StorageThread(name: "outbox", path: path)
        self.path = path
        self.options = options
        opening = OutboxOpening(
            stream: "", cause: .new, previousStream: nil, lastCommittedSequence: 0, lastBoot: nil, boot: options.boot,
            wasClosed: true, setAside: nil)
    }

    /// Opens the file, creates it, or sets aside one that is destroyed or another machine's; ``opening`` tells which.
    ///
    /// - Parameter path: of `outbox.sqlite`; its folder must exist. `-wal`, `-shm` and `-reserve` appear beside it.
    /// - Throws: ``StorageError`` when no database can be opened there, or a newer version wrote it.
    public static func open(path: String, options: OutboxOptions) async throws(StorageError) -> Outbox {
        let outbox = try Outbox(path: path, options: options)
        try await outbox.start()
        return outbox
    }

    private func start() throws(StorageError) {
        let (store, opening) = try OutboxStore.open(path: path, options: options)
        self.store = store
        self.opening = opening
        _ = store.restoreReserve()
        try store.shrink()
    }

    // MARK: Appending

    /// Takes readings; they are committed after ``OutboxOptions/flush`` at the latest, or when a batch is full. `n` is given then.
    ///
    /// - Parameter counterStates: what the normalisation must remember with these readings, by key; the same transaction.
    @discardableResult
    public func append(readings: [Reading], counterStates: [String: [UInt8]] = [:]) -> AppendOutcome {
        guard !isClosed else { return .closed }
        buffer.append(readings: readings, counterStates: counterStates)
        if buffer.readings >= OutboxStore.mostReadingsInBatch || buffer.bytes >= OutboxStore.mostBytesInBatch,
            mayCommitFull
        {
            return commitUnlessFailing()
        }
        startTimer()
        guard let failure else { return .buffered }
        keepBounds()
        return .delayed(failure)
    }

    /// A commit costs the medium a write and this process a millisecond, however much it brings: where batches fill faster than
    /// ``commitSpacing``, several go together.
    private var mayCommitFull: Bool {
        guard let lastCommit, buffer.readings < OutboxStore.mostReadingsInBatch * Outbox.mostBatchesTogether else {
            return true
        }
        return options.bootClock().duration(since: lastCommit) >= Outbox.commitSpacing
    }

    /// Commits events at once, and before them whatever is still in memory; returns after fsync.
    @discardableResult
    public func append(events: [Event]) -> AppendOutcome {
        guard !isClosed else { return .closed }
        buffer.append(events: events)
        return commitUnlessFailing()
    }

    /// Commits results of commands at once, and before them whatever is still in memory; returns after fsync.
    @discardableResult
    public func append(results: [CommandResult]) -> AppendOutcome {
        guard !isClosed else { return .closed }
        buffer.append(results: results)
        return commitUnlessFailing()
    }

    /// Commits now what is in memory, also when the disk failed a moment ago.
    @discardableResult
    public func flush() -> AppendOutcome {
        guard !isClosed else { return .closed }
        return commit()
    }

    /// What was handed over with readings, as last committed.
    public func counterStates() throws(StorageError) -> [String: [UInt8]] { try open().counterStates() }

    /// Takes the count of readings along when a device was renamed (`was:`).
    ///
    /// - Throws: ``StorageError/Code/refused`` when the new name has readings of its own.
    public func rename(device old: String, to new: String) throws(StorageError) {
        commit()
        try open().rename(old, to: new)
    }

    private func open() throws(StorageError) -> OutboxStore {
        guard let store else { throw failure ?? StorageError(.closed, path: path, detail: "the outbox is closed") }
        return store
    }

    private func commitUnlessFailing() -> AppendOutcome {
        if let failure, let retryAt, options.bootClock() < retryAt {
            keepBounds()
            startTimer()
            return .delayed(failure)
        }
        return commit()
    }

    /// - Parameter mayBeginAgain: false when this commit is the first into a file that was just begun anew.
    @discardableResult
    private func commit(mayBeginAgain: Bool = true) -> AppendOutcome {
        do {
            let store = try usableStore()
            if !buffer.isEmpty || store.hasUnwrittenAcknowledgements || store.ledger.gapsChanged {
                let before = store.ledger.lastSequence
                let start = candela_boottime_nanoseconds()
                let sequence = try store.commit(&buffer, now: options.bootClock())
                timing.add(.nanoseconds(candela_boottime_nanoseconds() - start))
                lastCommit = options.bootClock()
                if sequence != before { announce(sequence) }
            }
            failure = nil
            retryAt = nil
            return .committed(lastSequence: store.ledger.lastSequence)
        } catch {
            fail(error)
            // A destroyed file was replaced: what is in memory goes into the new one now.
            if mayBeginAgain, error.code == .corrupt, failure == nil { return commit(mayBeginAgain: false) }
            return .delayed(error)
        }
    }

    private func fail(_ error: StorageError) {
        failure = error
        retryAt = options.bootClock().advanced(by: Outbox.retryDelay)
        keepBounds()
        startTimer()
        if error.code == .corrupt { beginAgain(after: error) }
    }

    private func keepBounds() {
        let removed = buffer.trim(toReadings: options.bufferedReadings)
        for reading in removed.readings { undeclared[reading.device, default: 0] += 1 }
        undeclaredUrgent += UInt64(removed.urgent)
        declareUnstored()
    }

    /// Into the ledger of the store, when there is one: it goes to the disk with the next commit.
    private func declareUnstored() {
        guard let store, !undeclared.isEmpty || undeclaredUrgent > 0 else { return }
        store.ledger.drop(unstored: undeclared, urgent: undeclaredUrgent)
        undeclared = [:]
        undeclaredUrgent = 0
    }

    /// The store, after making sure that its file is still the one that was opened.
    private func usableStore() throws(StorageError) -> OutboxStore {
        if let store, DatabaseFile.identity(path) == store.identity { return store }
        try reopen()
        return try open()
    }

    /// The file was destroyed while it was open: it is set aside, and a new stream takes what comes and what is in memory.
    private func beginAgain(after error: StorageError) {
        let previous = opening.stream
        let names = store.map { Array($0.ledger.uplinks.keys) } ?? []
        store = nil
        let aside = DatabaseFile.setAside(path, cause: OutboxOpening.Cause.corrupt.rawValue)
        do {
            try reopen(names: names, previous: previous, cause: .corrupt, setAside: aside)
            failure = nil
            retryAt = nil
        } catch {
            failure = error
        }
    }

    private func reopen() throws(StorageError) {
        let names = store.map { Array($0.ledger.uplinks.keys) } ?? []
        store = nil
        try reopen(names: names, previous: opening.stream, cause: nil, setAside: nil)
    }

    private func reopen(
        names: [String], previous: String, cause: OutboxOpening.Cause?, setAside: String?
    ) throws(StorageError) {
        let (new, found) = try OutboxStore.open(path: path, options: options)
        for name in names { try new.register(name, from: .oldest) }
        store = new
        declareUnstored()
        guard new.ledger.stream != previous else { return }
        opening = OutboxOpening(
            stream: found.stream, cause: cause ?? found.cause, previousStream: previous,
            lastCommittedSequence: found.lastCommittedSequence, lastBoot: found.lastBoot, boot: found.boot,
            wasClosed: found.wasClosed, setAside: setAside ?? found.setAside)
        buffer.prepend(events: opening.events(occurred: options.bootClock(), flush: options.flush))
    }

    // MARK: Timers and listeners

    private func startTimer() {
        guard !isTimerRunning, !isClosed else { return }
        isTimerRunning = true
        var delay = failure == nil ? options.flush : Outbox.retryDelay
        if store?.hasUnwrittenAcknowledgements == true { delay = min(delay, Outbox.longestAcknowledgementDelay) }
        Task { [weak self] in
            try? await Task.sleep(for: delay)
            await self?.timerFired()
        }
    }

    private func timerFired() {
        isTimerRunning = false
        guard !isClosed else { return }
        commit()
        if failure != nil || !buffer.isEmpty { startTimer() }
    }

    /// The last sequence, at once and after each commit that brought a new one: the wake-up of an uplink. Only the newest is kept.
    public func commits() -> AsyncStream<UInt64> {
        let (stream, continuation) = AsyncStream.makeStream(of: UInt64.self, bufferingPolicy: .bufferingNewest(1))
        guard !isClosed else {
            continuation.finish()
            return stream
        }
        let number = nextListener
        nextListener += 1
        listeners[number] = continuation
        continuation.onTermination = { [weak self] _ in
            Task { [weak self] in await self?.removeListener(number) }
        }
        continuation.yield(store?.ledger.lastSequence ?? 0)
        return stream
    }

    private func removeListener(_ number: Int) { listeners[number] = nil }

    private func announce(_ sequence: UInt64) {
        for continuation in listeners.values { continuation.yield(sequence) }
    }

    // MARK: Uplinks

    /// Gives an uplink a cursor; nothing happens when it has one.
    public func register(uplink: String, from start: UplinkStart = .oldest) throws(StorageError) {
        try open().register(uplink, from: start)
    }

    /// Drops the cursors of uplinks that are not configured any more.
    public func keepOnly(uplinks: [String]) throws(StorageError) { try open().keepOnly(Set(uplinks)) }

    /// What the uplink has not acknowledged, beyond `position`, in the order of `policy`. Damaged batches are set aside and declared
    /// by events on the way; gaps become events here too.
    public func next(
        for uplink: String, after position: DeliveryPosition = .start, policy: LanePolicy = .inOrder, limit: Int = 8
    ) throws(StorageError) -> [Batch] {
        let store = try open()
        do {
            let now = options.bootClock()
            if !store.ledger.gaps.isEmpty, failure == nil,
                lastDeclaration.map({ now.duration(since: $0) >= Outbox.declarationInterval }) ?? true
            {
                lastDeclaration = now
                if try store.declareGaps(now: now) { announce(store.ledger.lastSequence) }
            }
            var delivery = try store.next(for: uplink, after: position, policy: policy, limit: max(1, limit))
            if !delivery.damaged.isEmpty {
                try store.quarantine(delivery.damaged, now: now)
                announce(store.ledger.lastSequence)
                delivery = try store.next(for: uplink, after: position, policy: policy, limit: max(1, limit))
            }
            return delivery.batches
        } catch {
            if error.code != .refused { fail(error) }
            throw error
        }
    }

    /// Marks batches as delivered; any order, repeated at will. Effective at once, on the disk with the next commit; a crash before that repeats them with the same (stream, sequence).
    public func acknowledge(uplink: String, sequences: [UInt64]) throws(StorageError) {
        let store = try open()
        try store.acknowledge(uplink, sequences)
        if store.hasUnwrittenAcknowledgements { startTimer() }
    }

    /// Remembers, before anything of it is sent, into how many readings each part of a batch was cut. The first cut stands.
    public func recordCut(uplink: String, sequence: UInt64, parts: [Int]) throws(StorageError) {
        try open().recordCut(uplink, sequence, parts: parts)
    }

    /// How a batch was cut for this uplink; nil when it was not.
    public func cut(uplink: String, sequence: UInt64) throws(StorageError) -> [Int]? {
        try open().cut(uplink, sequence)
    }

    // MARK: State

    /// Nil when the outbox is closed or its file cannot be read; ``disk`` tells why.
    public func status() -> OutboxStatus? {
        do {
            return try store?.status(bufferedItems: buffer.count, disk: disk, timing: timing)
        } catch {
            fail(error)
            return nil
        }
    }

    /// How the disk does.
    public var disk: OutboxStatus.Disk { isClosed ? .closed : failure.map(OutboxStatus.Disk.failing) ?? .ok }

    /// Commits what is in memory, moves the log into the database and closes the file.
    ///
    /// - Returns: whether everything is on the disk.
    @discardableResult
    public func close() -> Bool {
        guard !isClosed else { return true }
        commit()
        let isSafe = buffer.isEmpty && failure == nil
        isClosed = true
        for continuation in listeners.values { continuation.finish() }
        listeners = [:]
        if isSafe { try? store?.close() }
        store = nil
        return isSafe
    }

    /// Tests only: lets the database meet its end of space (pages), or lifts it again with nil.
    func setPageLimit(_ pages: Int64?) throws(StorageError) {
        let store = try open()
        try store.setPageLimit(pages ?? store.space.pages)
    }
}
