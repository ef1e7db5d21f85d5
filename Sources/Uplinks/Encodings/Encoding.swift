public import Telemetry

/// Makes messages of stored batches. Facts are stored, and encoded when they are sent: two uplinks can want different formats,
/// and a backlog stamped before the clock was right leaves with right times.
public protocol Encoding: Sendable {
    /// The value of `encoding` in gateway.yaml.
    var name: String { get }

    /// The messages of one batch, in order; none when the selection leaves nothing of it, and then it counts as acknowledged.
    ///
    /// Where a batch is cut depends on the batch and the selection alone, never on the clock or the moment, so that a batch sent again has the same parts.
    func encode(batch: Batch, context: EncodingContext) -> [EncodedMessage]
}

/// What an encoding has to know beyond the batch.
public struct EncodingContext: Sendable {
    /// `gateway.id`.
    public var gateway: String
    /// Revision (hash) of the `/devices` document that describes the points; nil before there is one.
    public var devicesRevision: String?
    /// Names a moment of a boot in UTC, as well as it is known at this moment.
    public var resolve: @Sendable (_ instant: BootInstant, _ boot: String) -> ResolvedTime
    /// Devices whose data this uplink gets; nil: all.
    public var devices: Set<String>?
    /// Whether an order came through this uplink: its results are sent here even when `devices` leaves the device out.
    public var isOwnCommand: @Sendable (_ id: String) -> Bool

    public init(
        gateway: String, devicesRevision: String? = nil, devices: Set<String>? = nil,
        isOwnCommand: @escaping @Sendable (_ id: String) -> Bool = { _ in false },
        resolve: @escaping @Sendable (_ instant: BootInstant, _ boot: String) -> ResolvedTime
    ) {
        self.gateway = gateway
        self.devicesRevision = devicesRevision
        self.devices = devices
        self.isOwnCommand = isOwnCommand
        self.resolve = resolve
    }
}

/// A moment's name in UTC with the trust that may be put in it.
public struct ResolvedTime: Sendable, Hashable {
    /// Nil when nothing is known; then ``quality`` counts as unsynchronised.
    public let utc: UTCInstant?
    public let quality: ClockQuality

    public init(utc: UTCInstant?, quality: ClockQuality) {
        self.utc = utc
        self.quality = utc == nil ? .unsynchronised : quality
    }
}

/// One message, ready to be sent.
public struct EncodedMessage: Sendable, Hashable {
    /// `readings`, `events` or `results`; the uplink puts its own prefix before it.
    public var topicSuffix: String
    public var payload: [UInt8]
    /// MQTT quality of service, 0 to 2.
    public var qos: UInt8
    public var retain: Bool
    /// From 1 to ``parts``; both are 1 when the batch was not cut.
    public var part: Int
    public var parts: Int
    /// Media type of the payload.
    public var contentType: String
    public var stream: String
    public var sequence: UInt64
    /// How many readings, events or results it holds.
    public var count: Int
    /// One document per command result in it, for whoever asked for an answer on a topic of his own.
    public var responses: [CommandResponse]

    public init(
        topicSuffix: String, payload: [UInt8], qos: UInt8 = 1, retain: Bool = false, part: Int = 1, parts: Int = 1,
        contentType: String = "application/json", stream: String = "", sequence: UInt64 = 0, count: Int = 1,
        responses: [CommandResponse] = []
    ) {
        self.topicSuffix = topicSuffix
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.part = part
        self.parts = parts
        self.contentType = contentType
        self.stream = stream
        self.sequence = sequence
        self.count = count
        self.responses = responses
    }
}

/// A command's result as a document of its own.
public struct CommandResponse: Sendable, Hashable {
    /// The command's id.
    public let id: String
    public let payload: [UInt8]

    public init(id: String, payload: [UInt8]) {
        self.id = id
        self.payload = payload
    }
}
