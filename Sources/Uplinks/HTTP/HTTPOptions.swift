/// How one HTTP server is reached and used.
public struct HTTPOptions: Sendable {
    public enum Compression: String, Sendable, Hashable, CaseIterable {
        case none
        /// RFC 1952; a tenth to a fifth of the bytes of JSON.
        case gzip
    }

    /// Files of PEM; read for each new connection, so that a renewed certificate needs no restart.
    public struct TLS: Sendable, Hashable {
        /// Nil: the certificate authorities of the operating system.
        public var ca: String?
        public var certificate: String?
        public var key: String?
    }

    public enum Authorization: Sendable, Hashable {
        case none
        /// RFC 6750.
        case bearer(String)
        /// RFC 7617.
        case basic(username: String, password: String)
    }

    /// One after the other keeps the order within a device; a message of 1,000 readings per round trip is enough for most.
    public static let defaultInFlight = 1
    /// More at once would only queue in the server.
    public static let inFlightRange = 1...16
    /// The longest time from a request's beginning to its answer's end: 128 KB take a minute on a bad mobile link.
    public static let defaultTimeout: Duration = .seconds(60)

    public var name: String
    public var gateway: String
    /// Without `/` at its end.
    public var url: String
    /// Everything goes to ``url`` itself, and a header says what it is.
    public var isSingleURL: Bool
    public var tls: TLS
    public var authorization: Authorization
    public var compression: Compression
    public var inFlight: Int
    public var timeout: Duration
    public var timing = HTTPTiming()

    /// Checks settings; no input or output.
    public init(_ settings: UplinkSettings) throws(UplinkSettingsError) {
        name = settings.name
        gateway = settings.gateway
        url = settings.url.hasSuffix("/") ? String(settings.url.dropLast()) : settings.url
        let isSecure = url.hasPrefix("https://")
        guard isSecure || url.hasPrefix("http://"), !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            throw UplinkSettingsError(
                key: "url", problem: "is none; expected http://HOST:PORT/PATH or https://HOST:PORT/PATH")
        }
        guard !settings.acceptsCommands else {
            throw UplinkSettingsError(
                key: "commands", problem: "the gateway calls the server and never the other way; expected none")
        }
        isSingleURL = settings.isSingleURL
        if !isSecure, settings.ca != nil || settings.certificate != nil || settings.key != nil {
            throw UplinkSettingsError(
                key: "url", problem: "http:// does not encrypt; with ca, certificate or key it must be https://")
        }
        guard (settings.certificate == nil) == (settings.key == nil) else {
            throw UplinkSettingsError(
                key: settings.key == nil ? "key" : "certificate",
                problem: "is missing: a client certificate and its key go together")
        }
        tls = TLS(ca: settings.ca, certificate: settings.certificate, key: settings.key)
        authorization = try Self.authorization(settings)
        compression = settings.compresses ? .gzip : .none
        inFlight = settings.inFlight ?? Self.defaultInFlight
        guard Self.inFlightRange.contains(inFlight) else {
            throw UplinkSettingsError(
                key: "in_flight",
                problem: "\(inFlight) is outside \(Self.inFlightRange.lowerBound) to \(Self.inFlightRange.upperBound)")
        }
        timeout = settings.timeout ?? Self.defaultTimeout
    }

    private static func authorization(_ settings: UplinkSettings) throws(UplinkSettingsError) -> Authorization {
        if let token = settings.token {
            // A line's end in a token would become a header of its own.
            guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw UplinkSettingsError(key: "token", problem: "holds characters that no token has, or nothing")
            }
            return .bearer(token)
        }
        guard let username = settings.username else { return .none }
        return .basic(username: username, password: settings.password ?? "")
    }

    /// Where this content goes: `readings`, `events`, `state` ...
    func url(for content: String) -> String { isSingleURL ? url : "\(url)/\(content)" }
}

/// The delays of a session. Tests shorten them; the field does not.
public struct HTTPTiming: Sendable, Hashable {
    /// The first wait after a failure: a server's restart takes about that long.
    public var firstRetry: Duration = .seconds(1)
    /// The longest wait of our own: a street's data may be late by a minute, and a city's gateways must not storm a server.
    public var longestRetry: Duration = .seconds(60)
    /// The longest wait that a server may ask for: a wrong date must not silence a gateway for years.
    public var longestAskedWait: Duration = .seconds(86_400)
    /// How long a content rests that the server refuses: only a person can help, and asking again costs a request.
    public var refusedRest: Duration = .seconds(300)
    /// A server that answered for so long is well: the next wait is the first one again.
    public var stableAfter: Duration = .seconds(30)
    /// For the TCP and TLS handshakes; a mobile link needs several round trips.
    public var connectTime: Duration = .seconds(20)

    public init() {}
}
