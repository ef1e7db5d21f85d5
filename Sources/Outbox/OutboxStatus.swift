public import Telemetry

/// The state of an outbox at one moment, for `/state`, `candela status` and `candela queue status`.
public struct OutboxStatus: Sendable, Hashable {
    /// How the disk does.
    public enum Disk: Sendable, Hashable {
        case ok
        /// The last commit failed; what is appended waits in memory and is retried.
        case failing(StorageError)
        case closed

        public var name: String {
            switch self {
            case .ok: "ok"
            case .failing(let error): error.code.rawValue
            case .closed: "closed"
            }
        }
    }

    public struct Stored: Sendable, Hashable {
        public var batches: Int = 0
        /// Readings, events or results.
        public var items: Int = 0

        public init(batches: Int = 0, items: Int = 0) {
            self.batches = batches
            self.items = items
        }
    }

    /// A moment of some boot.
    public struct Stamp: Sendable, Hashable {
        public let boot: String
        public let time: BootInstant

        public init(boot: String, time: BootInstant) {
            self.boot = boot
            self.time = time
        }
    }

    public struct Uplink: Sendable, Hashable {
        public let name: String
        public let unsent: Stored
        /// First reading of the oldest batch that it has not acknowledged; nil when it has all.
        public let oldestUnsent: Stamp?
        public let oldestUnsentSequence: UInt64?

        public init(name: String, unsent: Stored, oldestUnsent: Stamp?, oldestUnsentSequence: UInt64?) {
            self.name = name
            self.unsent = unsent
            self.oldestUnsent = oldestUnsent
            self.oldestUnsentSequence = oldestUnsentSequence
        }
    }

    public var stream: String
    /// The last sequence committed; 0 when none was.
    public var lastSequence: UInt64
    /// Per lane, as stored (an uplink's backlog is part of `live`).
    public var stored: [Lane: Stored]
    /// Database and write-ahead log and reserve, as the file system counts them, in bytes.
    public var bytesOnDisk: Int64
    /// Pages in use, in bytes: what retention weighs against the limit.
    public var bytesUsed: Int64
    public var bytesLimit: Int64
    /// Of all uplinks.
    public var oldestUnsent: Stamp?
    public var uplinks: [Uplink]
    /// Last `n` given, per device, committed.
    public var lastN: [String: UInt64]
    /// Readings that retention, damage or a full buffer removed before an uplink had them, since the stream began.
    public var droppedReadings: UInt64
    /// Damaged batches set aside since the stream began.
    public var damagedBatches: Int
    /// Readings, events and results in memory, not committed yet.
    public var buffered: Int
    public var disk: Disk
    /// What the last commit and the slowest commit since the start cost.
    public var lastCommit: Duration
    public var slowestCommit: Duration
    public var commits: UInt64
}

/// What became of something appended.
public enum AppendOutcome: Sendable, Hashable {
    /// It is on the disk, up to this sequence.
    case committed(lastSequence: UInt64)
    /// It is in memory and will be committed within ``OutboxOptions/flush``.
    case buffered
    /// The disk fails: it is in memory, is retried by the outbox, and must not be appended again.
    case delayed(StorageError)
    /// The outbox is closed; nothing was taken.
    case closed
}

/// Where an uplink stands in one connection: what it took beyond its acknowledged ranges. Begin each connection at ``start``.
public struct DeliveryPosition: Sendable, Hashable {
    public var urgent: UInt64 = 0
    public var live: UInt64 = 0
    public var backlog: UInt64 = 0

    public static let start = DeliveryPosition()

    public init(urgent: UInt64 = 0, live: UInt64 = 0, backlog: UInt64 = 0) {
        self.urgent = urgent
        self.live = live
        self.backlog = backlog
    }

    /// Call for each batch taken, in the order of ``Outbox/next(for:after:policy:limit:)``.
    public mutating func advance(past batch: Batch) {
        switch batch.lane {
        case .urgent: urgent = max(urgent, batch.sequence)
        case .live: live = max(live, batch.sequence)
        case .backlog: backlog = max(backlog, batch.sequence)
        }
    }
}

/// In which order an uplink gets what it has not acknowledged.
public enum LanePolicy: Sendable, Hashable {
    /// Urgent first, then everything by sequence.
    case inOrder
    /// Urgent first, then what was committed after this sequence, then the backlog (marked ``Telemetry/Lane/backlog``).
    case liveFirst(after: UInt64)
}

/// From where a new uplink begins.
public enum UplinkStart: Sendable, Hashable {
    /// With everything that is stored.
    case oldest
    /// With what is committed from now on.
    case now
}
