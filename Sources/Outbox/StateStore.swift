public import Telemetry

/// What the gateway must remember beside its queue, in `state.sqlite`: ids of commands, memories of drivers, overrides of lamps.
///
/// Every write is on the medium when it returns, or throws. Threading: an actor on a thread of its own, so that a long fsync of the queue
/// never delays a command.
public actor StateStore {
    /// What became of an attempt to take a command.
    public enum Reservation: Sendable, Hashable {
        /// Never seen; its id is on the medium now, and it may be sent to the field.
        case new
        /// Seen before; it must not be sent again.
        case seen(CommandState)
    }

    public enum CommandState: Sendable, Hashable {
        /// Taken, without a result yet.
        case reserved
        case finished([CommandResult])
    }

    /// A command that a crash or a power cut broke off: to be answered `failed`, never repeated.
    public struct Interrupted: Sendable, Hashable {
        public let id: String
        /// What was handed to ``reserve(id:expires:now:context:)``.
        public let context: [UInt8]
    }

    /// What a driver asked to be remembered.
    public struct Memory: Sendable, Hashable {
        public let bus: String
        /// Empty for what belongs to the bus itself.
        public let device: String
        public let key: String
        public let value: [UInt8]

        public init(bus: String, device: String, key: String, value: [UInt8]) {
            self.bus = bus
            self.device = device
            self.key = key
            self.value = value
        }
    }

    /// What was found at opening.
    public struct Opening: Sendable, Hashable {
        /// Anything but `continued` and `new` means that ids of commands are lost: commands issued before now must be rejected.
        public let cause: OutboxOpening.Cause
        /// Where the old file is now, when it was set aside.
        public let setAside: String?
        public let interrupted: [Interrupted]
    }

    public private(set) var opening = Opening(cause: .new, setAside: nil, interrupted: [])

    private let thread: StorageThread
    private let path: String
    private var tables: StateTables?

    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private init(path: String) throws(StorageError) {
        thread = try StorageThread(name: "state", path: path)
        self.path = path
    }

    /// Opens the file, creates it, or sets aside one that is destroyed; ``opening`` tells which.
    ///
    /// - Parameter newerFile: what to do with a file that a newer version wrote.
    public static func open(
        path: String, newerFile: OutboxOptions.NewerFile = .refuse
    ) async throws(StorageError) -> StateStore {
        let store = try StateStore(path: path)
        try await store.start(newerFile)
        return store
    }

    private func start(_ newerFile: OutboxOptions.NewerFile) throws(StorageError) {
        var cause = DatabaseFile.exists(path) ? OutboxOpening.Cause.continued : .new
        var aside: String?
        do {
            tables = try StateTables(path: path)
        } catch {
            switch error.code {
            case .corrupt: cause = .corrupt
            case .newerVersion where newerFile == .setAside: cause = .newerVersion
            default: throw error
            }
            aside = DatabaseFile.setAside(path, cause: cause.rawValue)
            guard aside != nil else {
                throw StorageError(
                    .cannotOpen, path: path, detail: "the old file (\(cause.rawValue)) cannot be renamed")
            }
            tables = try StateTables(path: path)
        }
        opening = Opening(cause: cause, setAside: aside, interrupted: try open().interrupted())
    }

    func open() throws(StorageError) -> StateTables {
        guard let tables else { throw StorageError(.closed, path: path, detail: "the state store is closed") }
        return tables
    }

    // MARK: Commands

    /// Stores the id of a command with fsync, before anything of it is sent to the field.
    ///
    /// - Parameters:
    ///   - id: unique per order, at most ``StateTables/longestID`` bytes.
    ///   - expires: after this moment the command is refused anyway; its id is kept for 48 hours more.
    ///   - now: UTC; nil while the clock is not trusted, the id is then kept until 72 hours after it is.
    ///   - context: handed back should the command be interrupted (its devices, its author).
    /// - Throws: ``StorageError``; the command must then not be sent.
    public func reserve(
        id: String, expires: UTCInstant?, now: UTCInstant?, context: [UInt8] = []
    ) throws(StorageError) -> Reservation {
        try open().reserve(id: id, expires: expires, now: now, context: context)
    }

    /// Stores what became of a command, for the answer to a repetition of its id.
    public func finish(id: String, results: [CommandResult]) throws(StorageError) {
        try open().finish(id: id, results: results)
    }

    /// Forgets ids that no broker can still hold.
    ///
    /// - Parameter now: UTC by a trusted clock.
    public func prune(now: UTCInstant) throws(StorageError) { try open().prune(now: now) }

    // MARK: Memories of drivers

    public func putMemory(_ memory: Memory) throws(StorageError) { try open().put(memory) }

    public func removeMemory(bus: String, device: String, key: String) throws(StorageError) {
        try open().removeMemory(bus: bus, device: device, key: key)
    }

    /// Everything the drivers of one bus asked to be remembered, by device and key.
    public func memories(bus: String) throws(StorageError) -> [Memory] { try open().memories(bus: bus) }

    // MARK: Overrides

    /// Opaque to this store: Lighting's own form.
    public func putOverride(key: String, value: [UInt8]) throws(StorageError) {
        try open().put(value, key, in: .overrides)
    }

    public func removeOverride(key: String) throws(StorageError) { try open().put(nil, key, in: .overrides) }

    public func overrides() throws(StorageError) -> [String: [UInt8]] { try open().all(in: .overrides) }

    // MARK: Anything else

    /// Puts or (nil) removes a value.
    public func put(key: String, value: [UInt8]?) throws(StorageError) { try open().put(value, key, in: .items) }

    public func value(key: String) throws(StorageError) -> [UInt8]? { try open().value(key, in: .items) }

    /// Moves the log into the database and closes the file.
    public func close() {
        tables?.close()
        tables = nil
    }
}
