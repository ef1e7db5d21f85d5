public import Telemetry

/// What `/state` says: how the gateway is, for a head-end that has just come. Sent on change and at least every 60 s.
public struct GatewayState: Sendable {
    public enum State: String, Sendable, Hashable, CaseIterable {
        case online
        /// Set by the broker when the gateway is gone (last will).
        case offline
        /// The gateway goes down in an orderly way.
        case stopping
    }

    public struct Bus: Sendable, Hashable {
        public var name: String
        public var driver: String
        /// `running`, `starting`, `failed`, `disabled` ...
        public var state: String
        public var devices: Int
        public var devicesFailing: Int
        /// Why it is not running.
        public var reason: String?

        public init(
            name: String, driver: String, state: String, devices: Int = 0, devicesFailing: Int = 0,
            reason: String? = nil
        ) {
            self.name = name
            self.driver = driver
            self.state = state
            self.devices = devices
            self.devicesFailing = devicesFailing
            self.reason = reason
        }
    }

    public struct Outbox: Sendable, Hashable {
        public var stream: String
        public var lastSequence: UInt64
        /// The smallest sequence that this uplink has not had acknowledged; nil when the backlog is empty.
        public var oldestUnsent: UInt64?
        public var batches: Int
        public var bytes: Int64
        public var limitBytes: Int64

        public init(
            stream: String, lastSequence: UInt64, oldestUnsent: UInt64?, batches: Int, bytes: Int64, limitBytes: Int64
        ) {
            self.stream = stream
            self.lastSequence = lastSequence
            self.oldestUnsent = oldestUnsent
            self.batches = batches
            self.bytes = bytes
            self.limitBytes = limitBytes
        }
    }

    public struct Clock: Sendable, Hashable {
        public var quality: ClockQuality
        /// `ntp`, `rtc`, `head-end`, `none`.
        public var source: String
        /// Estimated error in seconds; nil when unknown.
        public var errorSeconds: ExactDecimal?

        public init(quality: ClockQuality, source: String, errorSeconds: ExactDecimal? = nil) {
            self.quality = quality
            self.source = source
            self.errorSeconds = errorSeconds
        }
    }

    public var gateway: String
    public var state: State
    public var version: String
    public var boot: String
    /// When the daemon started, once that can be said.
    public var since: UTCInstant?
    public var devicesRevision: String?
    public var clock: Clock?
    public var buses: [Bus]
    public var outbox: Outbox?
    /// Alarms active now.
    public var alarms: Int?
    public var readOnly: Bool?
    /// Remarks a head-end should show: a last good configuration in use, lamps that hold their last level ...
    public var notices: [String]
    /// Further members, at the end.
    public var extra: [JSONValue.Member]

    public init(
        gateway: String, state: State, version: String, boot: String, since: UTCInstant? = nil,
        devicesRevision: String? = nil, clock: Clock? = nil, buses: [Bus] = [], outbox: Outbox? = nil,
        alarms: Int? = nil, readOnly: Bool? = nil, notices: [String] = [], extra: [JSONValue.Member] = []
    ) {
        self.gateway = gateway
        self.state = state
        self.version = version
        self.boot = boot
        self.since = since
        self.devicesRevision = devicesRevision
        self.clock = clock
        self.buses = buses
        self.outbox = outbox
        self.alarms = alarms
        self.readOnly = readOnly
        self.notices = notices
        self.extra = extra
    }

    /// The `/state` document.
    public func document() -> [UInt8] {
        var json = JSONWriter(reserving: 1024)
        json.beginObject()
        json.member("format", .number(ExactDecimal(JSONEncoding.format)))
        json.member("gateway", .string(gateway))
        json.member("state", .string(state.rawValue))
        json.member("version", .string(version))
        json.member("boot", .string(boot))
        if let since { json.member("since", .string(since.description)) }
        if let devicesRevision { json.member("devices", .string(devicesRevision)) }
        if let readOnly { json.member("read_only", .bool(readOnly)) }
        if let clock { write(clock, to: &json) }
        if state != .offline || !buses.isEmpty {
            json.key("buses")
            json.beginObject()
            for bus in buses { write(bus, to: &json) }
            json.endObject()
        }
        if let outbox { write(outbox, to: &json) }
        if let alarms { json.member("alarms", .integer(alarms)) }
        if !notices.isEmpty { json.member("notices", .array(notices.map { .string($0) })) }
        for member in extra { json.member(member.key, member.value) }
        json.endObject()
        return json.bytes
    }

    private func write(_ clock: Clock, to json: inout JSONWriter) {
        json.key("clock")
        json.beginObject()
        json.member("quality", .string(clock.quality.name))
        json.member("source", .string(clock.source))
        if let error = clock.errorSeconds { json.member("error", .number(error)) }
        json.endObject()
    }

    private func write(_ bus: Bus, to json: inout JSONWriter) {
        json.key(bus.name)
        json.beginObject()
        json.member("driver", .string(bus.driver))
        json.member("state", .string(bus.state))
        json.member("devices", .integer(bus.devices))
        json.member("devices_failing", .integer(bus.devicesFailing))
        if let reason = bus.reason { json.member("reason", .string(reason)) }
        json.endObject()
    }

    private func write(_ outbox: Outbox, to json: inout JSONWriter) {
        json.key("outbox")
        json.beginObject()
        json.member("stream", .string(outbox.stream))
        json.member("last_sequence", .integer(outbox.lastSequence))
        json.member("oldest_unsent", outbox.oldestUnsent.map { .integer($0) } ?? .null)
        json.member("batches", .integer(outbox.batches))
        json.member("bytes", .integer(outbox.bytes))
        json.member("limit_bytes", .integer(outbox.limitBytes))
        json.endObject()
    }
}
