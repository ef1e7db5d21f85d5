public import Telemetry

/// What `/alarms` says: every alarm that is active now, so that a head-end that was away need not replay events.
public struct ActiveAlarms: Sendable {
    public struct Alarm: Sendable, Hashable {
        /// The same as in the event that raised it and in the one that will clear it.
        public var id: String
        public var kind: String
        public var device: String?
        public var point: String?
        public var severity: Event.Severity
        /// When it was raised, once that can be said.
        public var since: UTCInstant?
        public var detail: JSONValue

        public init(
            id: String, kind: String, device: String? = nil, point: String? = nil, severity: Event.Severity,
            since: UTCInstant? = nil, detail: JSONValue = .object([])
        ) {
            self.id = id
            self.kind = kind
            self.device = device
            self.point = point
            self.severity = severity
            self.since = since
            self.detail = detail
        }
    }

    public var gateway: String
    /// Identifies the list's place among the events: the last sequence when it was made.
    public var stream: String
    public var sequence: UInt64
    public var alarms: [Alarm]

    public init(gateway: String, stream: String, sequence: UInt64, alarms: [Alarm]) {
        self.gateway = gateway
        self.stream = stream
        self.sequence = sequence
        self.alarms = alarms
    }

    /// The `/alarms` document. With `selection`, only the gateway's own alarms and those of these devices.
    public func document(selection: Set<String>? = nil) -> [UInt8] {
        var json = JSONWriter(reserving: 64 + alarms.count * 192)
        json.beginObject()
        json.member("format", .number(ExactDecimal(JSONEncoding.format)))
        json.member("gateway", .string(gateway))
        json.member("stream", .string(stream))
        json.member("sequence", .integer(sequence))
        json.key("alarms")
        json.beginArray()
        for alarm in alarms {
            if let selection, let device = alarm.device, !selection.contains(device) { continue }
            json.beginObject()
            json.member("id", .string(alarm.id))
            json.member("kind", .string(alarm.kind))
            if let device = alarm.device { json.member("device", .string(device)) }
            if let point = alarm.point { json.member("point", .string(point)) }
            json.member("severity", .string(alarm.severity.name))
            if let since = alarm.since { json.member("since", .string(since.description)) }
            json.member("detail", alarm.detail)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.bytes
    }
}
