public import Telemetry

/// What the gateway must remember beside its queue: command ids, memories of drivers, overrides. Every write is durable when it returns.
public actor StateStore {
    public enum Reservation: Sendable, Hashable {
        case new
        case seen(CommandState)
    }
    public enum CommandState: Sendable, Hashable {
        case reserved
        case finished([CommandResult])
    }
    public struct Interrupted: Sendable, Hashable {
        public let id: String
        public let context: [UInt8]
    }
    public struct Memory: Sendable, Hashable {
        public let bus: String
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
    public struct Opening: Sendable, Hashable {
        public let cause: OutboxOpening.Cause
        public let setAside: String?
        public let interrupted: [Interrupted]
    }

    public private(set) var opening: Opening
    private init(opening: Opening) { self.opening = opening }

    public static func open(path: String, newerFile: OutboxOptions.NewerFile = .refuse) async throws(StorageError)
        -> StateStore
    {
        throw StorageError(.closed, path: path, detail: "not built yet")
    }

    public func reserve(id: String, expires: UTCInstant?, now: UTCInstant?, context: [UInt8] = []) throws(StorageError)
        -> Reservation
    { .new }
    public func finish(id: String, results: [CommandResult]) throws(StorageError) {}
    public func prune(now: UTCInstant) throws(StorageError) {}

    public func putMemory(_ memory: Memory) throws(StorageError) {}
    public func removeMemory(bus: String, device: String, key: String) throws(StorageError) {}
    public func memories(bus: String) throws(StorageError) -> [Memory] { [] }

    public func putOverride(key: String, value: [UInt8]) throws(StorageError) {}
    public func removeOverride(key: String) throws(StorageError) {}
    public func overrides() throws(StorageError) -> [String: [UInt8]] { [:] }

    public func put(key: String, value: [UInt8]?) throws(StorageError) {}
    public func value(key: String) throws(StorageError) -> [UInt8]? { nil }

    public func close() async {}
}
