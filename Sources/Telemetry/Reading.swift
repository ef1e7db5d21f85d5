/// One value of one point at one moment, as the driver acquired it.
public struct Sample: Sendable, Hashable {
    /// Index of the point in its device's list of ``PointDescriptor``s.
    public let point: Int
    public let value: Value?
    public let quality: Quality
    public let acquired: BootInstant

    public init(point: Int, value: Value?, quality: Quality, acquired: BootInstant) {
        self.point = point
        self.value = value
        self.quality = quality
        self.acquired = acquired
    }
}

/// A normalised value: what is stored and forwarded.
///
/// Its identity is (stream, ``device``, ``n``). The time is kept as the driver measured it; it gets its UTC name when it is encoded.
public struct Reading: Sendable, Hashable {
    public let device: String
    public let point: String
    /// Counts the readings of ``device`` without a gap from 1 in each stream; given by the outbox in the transaction that stores it.
    public var n: UInt64
    public let acquired: BootInstant
    public let value: Value?
    public let unit: String
    public let quality: Quality
    public let keep: KeepClass

    public init(
        device: String, point: String, n: UInt64 = 0, acquired: BootInstant, value: Value?, unit: String,
        quality: Quality, keep: KeepClass
    ) {
        self.device = device
        self.point = point
        self.n = n
        self.acquired = acquired
        self.value = value
        self.unit = unit
        self.quality = quality
        self.keep = keep
    }
}

/// What is dropped first when space is short.
public enum KeepClass: UInt8, Sendable, Hashable, CaseIterable {
    case telemetry = 0
    case event = 1
    /// Counters and windows: dropped last.
    case billing = 2

    public var name: String {
        switch self {
        case .telemetry: "telemetry"
        case .event: "event"
        case .billing: "billing"
        }
    }
}

/// The order in which batches leave.
public enum Lane: UInt8, Sendable, Hashable, CaseIterable {
    /// Events, alarms, command results.
    case urgent = 0
    case live = 1
    case backlog = 2

    public var name: String {
        switch self {
        case .urgent: "urgent"
        case .live: "live"
        case .backlog: "backlog"
        }
    }
}
