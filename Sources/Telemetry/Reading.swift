/// One value of one point at one moment, as the driver acquired it.
public struct Sample: Sendable, Hashable {
    /// Index of the point in its device's list of ``PointDescriptor``s.
    public let point: Int
    public let value: Value?
    public let quality: Quality
    public let acquired: BootInstant
    /// The registers as they came, high byte first; empty unless they were asked for.
    public let raw: [UInt8]

    @inlinable public init(point: Int, value: Value?, quality: Quality, acquired: BootInstant, raw: [UInt8] = []) {
        self.point = point
        self.value = value
        self.quality = quality
        self.acquired = acquired
        self.raw = raw
    }
}

/// A normalised value: what is stored and forwarded.
///
/// Its identity is (stream, ``device``, ``n``). The time is kept as the driver measured it; it gets its UTC name when it is encoded.
/// What never changes from one reading of a point to the next stands in ``identity``, which all its readings share.
public struct Reading: Sendable, Hashable {
    public let identity: PointIdentity
    /// Counts the readings of ``device`` without a gap from 1 in each stream; given by the outbox in the transaction that stores it.
    public var n: UInt64
    public var acquired: BootInstant
    public let value: Value?
    public let quality: Quality
    /// Of a counter: rises with reset, swap and rollover, so that a receiver knows where a difference means nothing. 0: not a
    /// counter. A counter's first epoch is 1.
    public let epoch: UInt32
    /// What few readings have, kept apart so that the many stay small.
    @usableFromInline let extra: Extra?

    /// Set on a value of a window (a register at a quarter hour, an average): which period it closes.
    public var period: ReadingPeriod? { extra?.period }
    /// The registers as they came, high byte first; empty unless they were asked for.
    public var raw: [UInt8] { extra?.raw ?? [] }
    /// Whether it is neither of a window nor carries registers: nearly every reading.
    @inlinable public var isPlain: Bool { extra == nil }

    @inlinable public var device: String { identity.device }
    @inlinable public var point: String { identity.point }
    @inlinable public var unit: String { identity.unit }
    @inlinable public var keep: KeepClass { identity.keep }

    /// - Parameter identity: shared by all readings of the point.
    @inlinable public init(
        identity: PointIdentity, n: UInt64 = 0, acquired: BootInstant, value: Value?, quality: Quality,
        epoch: UInt32 = 0, period: ReadingPeriod? = nil, raw: [UInt8] = []
    ) {
        self.identity = identity
        self.n = n
        self.acquired = acquired
        self.value = value
        self.quality = quality
        self.epoch = epoch
        extra = period == nil && raw.isEmpty ? nil : Extra(period: period, raw: raw)
    }

    /// A reading with an identity of its own. For many readings of one point share a ``PointIdentity``.
    public init(
        device: String, point: String, n: UInt64 = 0, acquired: BootInstant, value: Value?, unit: String,
        quality: Quality, keep: KeepClass, epoch: UInt32 = 0, period: ReadingPeriod? = nil, raw: [UInt8] = []
    ) {
        self.init(
            identity: PointIdentity(device: device, point: point, unit: unit, keep: keep), n: n, acquired: acquired,
            value: value, quality: quality, epoch: epoch, period: period, raw: raw)
    }

    /// The number that the store gave it, and its stamp as the store keeps it, to the microsecond: what leaves is the same whether it was
    /// read back or not.
    public mutating func settle(n: UInt64) {
        self.n = n
        acquired = BootInstant(nanoseconds: acquired.nanoseconds / 1_000 * 1_000)
    }

    @usableFromInline final class Extra: Sendable, Hashable {
        let period: ReadingPeriod?
        let raw: [UInt8]

        @usableFromInline init(period: ReadingPeriod?, raw: [UInt8]) {
            self.period = period
            self.raw = raw
        }

        @usableFromInline static func == (a: Extra, b: Extra) -> Bool { a.period == b.period && a.raw == b.raw }

        @usableFromInline func hash(into hasher: inout Hasher) {
            hasher.combine(period)
            hasher.combine(raw)
        }
    }
}

/// The period that a window's value stands for, and what the value is.
public struct ReadingPeriod: Sendable, Hashable {
    public enum Kind: UInt8, Sendable, Hashable, CaseIterable {
        /// The counter's register at the period's end.
        case register = 0
        case average = 1
        case minimum = 2
        case maximum = 3

        /// The word used in configuration and upstream.
        public var name: String {
            switch self {
            case .register: "register"
            case .average: "average"
            case .minimum: "minimum"
            case .maximum: "maximum"
            }
        }
    }

    /// Seconds since 1970 UTC; periods are aligned to whole seconds.
    public let start: Int64
    public let end: Int64
    public let kind: Kind

    public init(start: Int64, end: Int64, kind: Kind) {
        self.start = start
        self.end = end
        self.kind = kind
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
