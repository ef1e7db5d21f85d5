/// One head-end.
public struct UplinkConfiguration: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case mqtt
        case http
        case file
    }

    public enum Encoding: String, Sendable, Hashable, CaseIterable {
        case json
        case senml
        case senmlCBOR = "senml-cbor"
    }

    public enum ProtocolVersion: String, Sendable, Hashable, CaseIterable {
        case v5 = "5"
        case v311 = "3.1.1"
    }

    public let name: String
    public let position: SourcePosition
    public let kind: Kind
    /// Of a file: `file://` and its path.
    public let url: UplinkURL
    public internal(set) var encoding = Encoding.json
    /// Nil: every device that is not kept private.
    public internal(set) var selection: UplinkSelection?
    public internal(set) var commands = CommandPermission.none
    /// The first connection after a boot waits a random part of this.
    public internal(set) var connectSpread: Duration = .zero
    /// Messages sent and not yet acknowledged; nil: the kind's own number.
    public internal(set) var inFlight: Int?

    // MARK: over a network

    /// Files in PEM form; several authorities may stand at once.
    public internal(set) var certificateAuthorities: [String] = []
    public internal(set) var certificate: String?
    public internal(set) var key: SecretReference?
    public internal(set) var username: String?
    public internal(set) var password: SecretReference?

    // MARK: of one kind each

    /// Of MQTT: first part of every topic.
    public internal(set) var topic = "candela"
    public internal(set) var version = ProtocolVersion.v5
    /// An acknowledgement without subscriber counts for nothing.
    public internal(set) var requireSubscriber = true
    /// Nil: made from the gateway's id and the uplink's name.
    public internal(set) var clientID: String?
    public internal(set) var keepAlive: Duration = .seconds(60)
    /// Of HTTP; nil for the other kinds.
    public internal(set) var http: HTTPUplinkConfiguration?
    /// Of files and pipes; nil for the other kinds.
    public internal(set) var file: FileUplinkConfiguration?

    init(name: String, position: SourcePosition, kind: Kind, url: UplinkURL) {
        self.name = name
        self.position = position
        self.kind = kind
        self.url = url
    }
}

/// What only an uplink of type `http` has.
public struct HTTPUplinkConfiguration: Sendable, Hashable {
    /// A bearer token.
    public let token: SecretReference?
    /// Bodies are sent as gzip.
    public let compresses: Bool
    /// Everything goes to the URL as it stands, without `/readings`, `/events` and so on behind it.
    public let isSingleURL: Bool
    /// From the beginning of a request to the end of its answer.
    public let timeout: Duration

    public init(token: SecretReference?, compresses: Bool, isSingleURL: Bool, timeout: Duration) {
        self.token = token
        self.compresses = compresses
        self.isSingleURL = isSingleURL
        self.timeout = timeout
    }
}

/// What only an uplink of type `file` has.
public struct FileUplinkConfiguration: Sendable, Hashable {
    /// Of a file or a named pipe.
    public let path: String
    /// Bytes after which a file is set aside.
    public let rotation: Int64
    /// Files set aside that are kept.
    public let kept: Int

    public init(path: String, rotation: Int64, kept: Int) {
        self.path = path
        self.rotation = rotation
        self.kept = kept
    }
}

public struct UplinkURL: Sendable, Hashable, CustomStringConvertible {
    /// `mqtt`, `mqtts`, `http`, `https` or `file`.
    public let scheme: String
    /// Empty of a file.
    public let host: String
    public let port: UInt16
    /// Behind host and port, from its first `/` on.
    public let path: String

    public var isEncrypted: Bool { scheme == "mqtts" || scheme == "https" }

    /// Whether it never leaves this machine.
    var isLocal: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    public var description: String {
        guard scheme != "file" else { return "file://" + path }
        return "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)\(path)"
    }
}

/// The devices that an uplink sees, by whole device.
public struct UplinkSelection: Sendable, Hashable {
    /// Names, groups and buses, as written.
    public let written: [String]
    /// The devices these mean.
    public let devices: Set<String>
    /// The devices named themselves; only so does a household's device go to an uplink.
    public let named: Set<String>
}

/// What an uplink may command.
public enum CommandPermission: Sendable, Hashable {
    case none
    case lamps
    case all
    /// Only these devices, these points (empty: all), within these limits.
    case restricted(devices: Set<String>, points: Set<String>, limits: [PointLimit])

    public struct PointLimit: Sendable, Hashable {
        public let point: String
        public let minimum: PhysicalQuantity?
        public let maximum: PhysicalQuantity?
    }
}
