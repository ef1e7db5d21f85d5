/// The daemon's end of the control socket.
public final class ControlServer: Sendable {
    /// Answers one request; may reply more than once (watch). Its task is cancelled when the client goes away.
    public typealias Handler =
        @Sendable (ControlRequest, ControlPeer, _ reply: @escaping ControlReplySender) async -> Void
    /// Sends one reply. Waits while the client does not read; throws ``ControlServerError/clientGone`` when it has gone.
    public typealias ControlReplySender = @Sendable (ControlReply) async throws -> Void

    /// Binds the socket and begins to accept.
    ///
    /// - Parameters:
    ///   - path: at most 107 bytes.
    ///   - group: may connect; nil or unknown: the process's own group (``note`` says so).
    public init(path: String, group: String? = "candela", handler: @escaping Handler) throws(ControlServerError) {
        throw .clientGone
    }

    /// What a technician should know of the socket's permissions; nil: all as wished.
    public var note: String? { nil }

    /// Closes all connections, cancels what runs and removes the socket.
    public func stop() async {}
}

/// Who is at the other end of a connection, as the kernel says.
public struct ControlPeer: Sendable, Hashable {
    public let process: Int32
    public let user: UInt32
    public let group: UInt32
}

public enum ControlServerError: Error, Sendable, Hashable {
    case clientGone
}
