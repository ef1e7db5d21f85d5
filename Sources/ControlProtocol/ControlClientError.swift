/// Why the daemon could not be asked.
public struct ControlClientError: Error, Sendable, Hashable, CustomStringConvertible {
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

    public var description: String { hint.isEmpty ? message : "\(message); \(hint)" }
}
