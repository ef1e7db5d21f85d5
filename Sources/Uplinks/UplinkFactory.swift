public import Logging
public import Telemetry

/// What gateway.yaml says of one uplink, whatever its kind, with secrets resolved.
public struct UplinkSettings: Sendable {
    /// The name under `uplinks:`.
    public var name: String
    /// `gateway.id`.
    public var gateway: String
    /// The key `type`.
    public var type: String
    public var url: String
    /// Of a file or named pipe.
    public var path: String?
    /// Bytes after which a file is set aside; nil: the kind's default.
    public var rotation: Int64?
    /// Files set aside that are kept; nil: the kind's default.
    public var keptFiles: Int?
    /// First level of the topics.
    public var topic: String
    /// Paths of PEM files.
    public var ca: String?
    public var certificate: String?
    public var key: String?
    public var username: String?
    public var password: String?
    /// A bearer token.
    public var token: String?
    /// Whether what is posted is compressed.
    public var compresses = false
    /// Whether everything goes to one URL.
    public var isSingleURL = false
    /// For one request and its answer; nil: the kind's default.
    public var timeout: Duration?
    /// The key `version`, for MQTT `5` or `3.1.1`; nil: the kind's default.
    public var version: String?
    /// Nil: the kind's default.
    public var requireSubscriber: Bool?
    /// Messages that may wait for acknowledgement at once; nil: the kind's default.
    public var inFlight: Int?
    /// Nil: derived from `gateway`.
    public var clientID: String?
    /// Whether orders are taken from this uplink at all.
    public var acceptsCommands: Bool
    /// The state document that the upstream shows by itself when this gateway is gone.
    public var will: [UInt8]

    public init(
        name: String, gateway: String, type: String = "mqtt", url: String, topic: String = "candela", ca: String? = nil,
        certificate: String? = nil, key: String? = nil, username: String? = nil, password: String? = nil,
        version: String? = nil, requireSubscriber: Bool? = nil, inFlight: Int? = nil, clientID: String? = nil,
        acceptsCommands: Bool = false, will: [UInt8] = []
    ) {
        self.name = name
        self.gateway = gateway
        self.type = type
        self.url = url
        self.topic = topic
        self.ca = ca
        self.certificate = certificate
        self.key = key
        self.username = username
        self.password = password
        self.version = version
        self.requireSubscriber = requireSubscriber
        self.inFlight = inFlight
        self.clientID = clientID
        self.acceptsCommands = acceptsCommands
        self.will = will
    }
}

/// A setting that an uplink cannot work with.
public struct UplinkSettingsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The key in gateway.yaml, under the uplink.
    public let key: String
    /// What is wrong and what was expected.
    public let problem: String

    public init(key: String, problem: String) {
        self.key = key
        self.problem = problem
    }

    public var description: String { "\(key): \(problem)" }
}

/// One kind of uplink: a folder of this room and one row of ``UplinkFactory/kinds``.
public struct UplinkKind: Sendable {
    /// The value of `type` in gateway.yaml.
    public let name: String
    /// Checks settings without any input or output; used by `config check`.
    public let check: @Sendable (UplinkSettings) throws(UplinkSettingsError) -> Void
    /// Makes an uplink that is not yet started. `now` gives UTC while the clock is trusted.
    public let make:
        @Sendable (UplinkSettings, Logger, @escaping @Sendable () -> UTCInstant?) throws(UplinkSettingsError) ->
            any Uplink
}

/// The table of kinds.
public enum UplinkFactory {
    public static let kinds: [UplinkKind] = [
        UplinkKind(
            name: "mqtt",
            check: { settings throws(UplinkSettingsError) in _ = try MQTTOptions(settings) },
            make: { settings, log, now throws(UplinkSettingsError) in
                MQTTUplink(options: try MQTTOptions(settings), log: log, now: now)
            }),
        UplinkKind(
            name: "http",
            check: { settings throws(UplinkSettingsError) in _ = try HTTPOptions(settings) },
            make: { settings, log, now throws(UplinkSettingsError) in
                try HTTPUplink(options: try HTTPOptions(settings), log: log, now: now)
            }),
        UplinkKind(
            name: "file",
            check: { settings throws(UplinkSettingsError) in _ = try FileOptions(settings) },
            make: { settings, log, _ throws(UplinkSettingsError) in
                FileUplink(options: try FileOptions(settings), log: log)
            }),
    ]

    /// The encodings, by the value of `encoding` in gateway.yaml.
    public static let encodings: [any Encoding] = [JSONEncoding(), SenMLEncoding(.json), SenMLEncoding(.cbor)]

    public static func kind(named name: String) -> UplinkKind? { kinds.first { $0.name == name } }

    public static func encoding(named name: String) -> (any Encoding)? { encodings.first { $0.name == name } }
}
