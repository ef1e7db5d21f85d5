public import Telemetry

/// The durable store-and-forward queue: what is appended is committed with fsync, offered to each uplink, and removed when
/// all of them have acknowledged it.
public actor Outbox {
    /// What was found at opening (or at the last recovery from a destroyed file).
    public private(set) var opening: OutboxOpening

    private init(opening: OutboxOpening) { self.opening = opening }

    public static func open(path: String, options: OutboxOptions) async throws(StorageError) -> Outbox {
        throw StorageError(.closed, path: path, detail: "not built yet")
    }

    @discardableResult
    public func append(readings: [Reading], counterStates: [String: [UInt8]] = [:]) async -> AppendOutcome { .closed }
    @discardableResult
    public func append(events: [Event]) async -> AppendOutcome { .closed }
    @discardableResult
    public func append(results: [CommandResult]) async -> AppendOutcome { .closed }
    @discardableResult
    public func flush() async -> AppendOutcome { .closed }
    public func counterStates() -> [String: [UInt8]] { [:] }
    public func rename(device old: String, to new: String) throws(StorageError) {}

    public func register(uplink: String, from start: UplinkStart = .oldest) throws(StorageError) {}
    public func keepOnly(uplinks: [String]) throws(StorageError) {}
    public func next(
        for uplink: String, after position: DeliveryPosition = .start, policy: LanePolicy = .inOrder, limit: Int = 8
    ) throws(StorageError) -> [Batch] { [] }
    public func acknowledge(uplink: String, sequences: [UInt64]) throws(StorageError) {}
    public func recordCut(uplink: String, sequence: UInt64, parts: [Int]) throws(StorageError) {}
    public func cut(uplink: String, sequence: UInt64) throws(StorageError) -> [Int]? { nil }
    public func commits() -> AsyncStream<UInt64> { AsyncStream { $0.finish() } }

    public func status() -> OutboxStatus? { nil }
    public func close() async {}
}
