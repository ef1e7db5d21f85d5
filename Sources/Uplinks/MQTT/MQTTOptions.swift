/// How one broker is reached and used.
public struct MQTTOptions: Sendable {
    public enum Version: Sendable, Hashable {
        case v311
        case v5

        public var name: String { self == .v5 ? "MQTT 5" : "MQTT 3.1.1" }
    }

    /// Files of PEM; read at each connect, so that a renewed certificate needs no restart.
    public struct TLS: Sendable, Hashable {
        /// Nil: the certificate authorities of the operating system.
        public var ca: String?
        public var certificate: String?
        public var key: String?

        public init(ca: String? = nil, certificate: String? = nil, key: String? = nil) {
            self.ca = ca
            self.certificate = certificate
            self.key = key
        }
    }

    /// Enough to fill a link of 100 ms round trip with 128 KB messages, and few enough to send again after a lost connection.
    public static let defaultInFlight = 64
    /// Bytes that may wait at once: a minute of a 64 kbit/s link, so that a keep-alive behind them is not late.
    public static let inFlightBytes = 512 * 1024
    /// More than that a broker's own limit (65,535) or memory would not bear.
    public static let inFlightRange = 1...1024
    /// A dead peer is noticed within one and a half of it; shorter costs a mobile link needless packets.
    public static let keepAlive: Duration = .seconds(60)
    /// How long the broker keeps commands for an absent gateway: no command may expire later than a day ahead.
    public static let commandSessionExpiry: Duration = .seconds(86_400)

    public var name: String
    public var gateway: String
    public var host: String
    public var port: Int
    public var topic: String
    public var version: Version
    public var tls: TLS?
    public var username: String?
    public var password: String?
    public var requireSubscriber: Bool
    public var inFlight: Int
    /// Client id of the data connection; the command connection adds `-commands`.
    public var clientID: String
    public var acceptsCommands: Bool
    public var will: [UInt8]
    public var timing = MQTTTiming()

    /// Checks and completes settings.
    public init(_ settings: UplinkSettings) throws(UplinkSettingsError) {
        let address = try MQTTAddress(settings.url)
        name = settings.name
        gateway = settings.gateway
        host = address.host
        port = address.port
        topic = try Self.checkedTopic(settings.topic)
        version = try Self.version(settings.version)
        if address.isSecure {
            guard (settings.certificate == nil) == (settings.key == nil) else {
                throw UplinkSettingsError(
                    key: settings.key == nil ? "key" : "certificate",
                    problem: "is missing: a client certificate and its key go together")
            }
            tls = TLS(ca: settings.ca, certificate: settings.certificate, key: settings.key)
        } else if settings.ca != nil || settings.certificate != nil || settings.key != nil {
            throw UplinkSettingsError(
                key: "url", problem: "mqtt:// does not encrypt; with ca, certificate or key it must be mqtts://")
        }
        username = settings.username
        password = settings.password
        requireSubscriber = settings.requireSubscriber ?? (version == .v5)
        inFlight = settings.inFlight ?? Self.defaultInFlight
        guard Self.inFlightRange.contains(inFlight) else {
            throw UplinkSettingsError(
                key: "in_flight",
                problem: "\(inFlight) is outside \(Self.inFlightRange.lowerBound) to \(Self.inFlightRange.upperBound)")
        }
        clientID = settings.clientID ?? "candela-\(settings.gateway)-\(settings.name)"
        guard (1...200).contains(clientID.utf8.count) else {
            throw UplinkSettingsError(key: "client_id", problem: "must have 1 to 200 bytes")
        }
        acceptsCommands = settings.acceptsCommands
        will = settings.will
    }

    /// `candela/ruhrort-017/`: everything of this gateway is below.
    public var topicPrefix: String { "\(topic)/\(gateway)/" }

    private static func version(_ text: String?) throws(UplinkSettingsError) -> Version {
        switch text {
        case nil, "5", "5.0": .v5
        case "3.1.1": .v311
        case let other?:
            throw UplinkSettingsError(key: "version", problem: "\"\(other)\" is unknown; expected 5 or 3.1.1")
        }
    }

    private static func checkedTopic(_ text: String) throws(UplinkSettingsError) -> String {
        let forbidden = text.utf8.contains { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") || $0 < 0x20 }
        guard (1...200).contains(text.utf8.count), !forbidden, !text.hasPrefix("$"), !text.hasPrefix("/"),
            !text.hasSuffix("/")
        else {
            throw UplinkSettingsError(
                key: "topic",
                problem: "\"\(text)\" must have 1 to 200 bytes, no + or #, no $ first and no / first or last")
        }
        return text
    }
}

/// `mqtt://HOST[:PORT]`, `mqtts://HOST[:PORT]`; IPv6 in brackets.
struct MQTTAddress: Sendable, Hashable {
    let host: String
    let port: Int
    let isSecure: Bool

    init(_ text: String) throws(UplinkSettingsError) {
        func fail(_ problem: String) -> UplinkSettingsError {
            UplinkSettingsError(
                key: "url", problem: "\"\(text)\" \(problem); expected mqtt://HOST:PORT or mqtts://HOST:PORT")
        }
        let rest: Substring
        if text.hasPrefix("mqtts://") {
            (isSecure, rest) = (true, text.dropFirst(8))
        } else if text.hasPrefix("mqtt://") {
            (isSecure, rest) = (false, text.dropFirst(7))
        } else {
            throw fail("has an unknown scheme")
        }
        var authority = rest
        if authority.hasSuffix("/") { authority = authority.dropLast() }
        guard !authority.contains("@") else { throw fail("must not carry a password: use username and password") }
        guard !authority.contains("/") else { throw fail("has a path") }
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw fail("lacks a ]") }
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            let tail = authority[authority.index(after: end)...]
            guard tail.isEmpty || tail.hasPrefix(":") else { throw fail("has text after ]") }
            portText = tail.isEmpty ? nil : tail.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            host = String(authority[..<colon])
            portText = authority[authority.index(after: colon)...]
        } else {
            host = String(authority)
        }
        guard !host.isEmpty, !host.utf8.contains(where: { $0 <= 0x20 }) else { throw fail("has no host") }
        guard let portText else {
            port = isSecure ? 8883 : 1883
            return
        }
        guard let number = Int(portText), (1...65_535).contains(number) else {
            throw fail("has no port from 1 to 65535")
        }
        port = number
    }
}

/// The delays of a session. Tests shorten them; the field does not.
public struct MQTTTiming: Sendable, Hashable {
    /// The first wait after a lost connection: a broker's restart takes about that long.
    public var firstRetry: Duration = .seconds(1)
    /// The longest wait: a street's data may be late by a minute, and a city's gateways must not storm a broker.
    public var longestRetry: Duration = .seconds(60)
    /// The wait after another client took our id: both would throw each other out for ever.
    public var takenOverRetry: Duration = .seconds(300)
    /// From the TCP connection to the broker's CONNACK; a mobile link with TLS needs several round trips.
    public var connackTime: Duration = .seconds(20)
    /// The longest time without any PUBACK while some are due: then everything is sent again on a new connection. A 128 KB message
    /// takes a minute on a bad mobile link.
    public var acknowledgementTime: Duration = .seconds(120)
    /// How long a topic rests when nobody is subscribed or the broker refuses it.
    public var topicRest: Duration = .seconds(15)
    /// A connection that lived this long was a good one: the next wait is the first one again.
    public var stableAfter: Duration = .seconds(30)

    public init() {}
}
