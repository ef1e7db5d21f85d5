/// The CLI's end of the control socket. Calls block: for programs that do one thing at a time.
public struct ControlClient: ~Copyable {
    /// Connects to the daemon.
    public init(path: String) throws(ControlClientError) {
        throw ControlClientError(kind: .notReachable, message: "", hint: "")
    }

    /// Sends a request; version and id are filled in.
    ///
    /// - Returns: the id that its replies carry.
    @discardableResult
    public mutating func send(_ request: ControlRequest) throws(ControlClientError) -> UInt64 { 0 }

    /// The next reply; nil when none came within `limit`.
    public mutating func receive(within limit: Duration) throws(ControlClientError) -> ControlReply? { nil }

    /// Sends a request and waits for its reply.
    public mutating func ask(_ request: ControlRequest, within limit: Duration = .seconds(30))
        throws(ControlClientError)
        -> ControlReply
    { .init() }

    /// Descriptor for poll(2) beside a keyboard; owned by the client.
    public var descriptor: Int32 { -1 }
}

/// Why the daemon could not be asked.
public struct ControlClientError: Error, Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// Nobody listens, or the socket is not there.
        case notReachable
        case permissionDenied
        case timedOut
        /// The connection broke or the daemon sent what is no reply.
        case broken
    }

    public let kind: Kind
    /// What happened, with the path.
    public let message: String
    /// What to do.
    public let hint: String

    public init(kind: Kind, message: String, hint: String) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }
}
