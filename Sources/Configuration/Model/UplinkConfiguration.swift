/// One head-end.
public struct UplinkConfiguration: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case mqtt
    }

    public enum Encoding: String, Sendable, Hashable, CaseIterable {
        case json
    }

    public enum ProtocolVersion: String, Sendable, Hashable, CaseIterable {
        case v5 = "5"
        case v311 = "3.1.1"
    }

    public let name: String
    public let position: SourcePosition
    public let kind: Kind
    public let url: UplinkURL
    /// First part of every topic.
    public let topic: String
    public let encoding: Encoding
    /// Files in PEM form; several authorities may stand at once.
    public let certificateAuthorities: [String]
    public let certificate: String?
    public let key: SecretReference?
    public let username: String?
    public let password: SecretReference?
    public let version: ProtocolVersion
    /// An acknowledgement without subscriber counts for nothing.
    public let requireSubscriber: Bool
    /// Nil: every device that is not kept private.
    public let selection: UplinkSelection?
    public let commands: CommandPermission
    /// Messages sent and not yet acknowledged.
    public let inFlight: Int
    /// Nil: made from the gateway's id and the uplink's name.
    public let clientID: String?
    public let keepAlive: Duration
    /// The first connection after a boot waits a random part of this.
    public let connectSpread: Duration
}

public struct UplinkURL: Sendable, Hashable, CustomStringConvertible {
    /// `mqtt` or `mqtts`.
    public let scheme: String
    public let host: String
    public let port: UInt16

    public var isEncrypted: Bool { scheme == "mqtts" }

    public var description: String { "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)" }
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
