/// Why the daemon cannot offer its control socket, or a reply did not reach its client.
public enum ControlServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The path does not fit into a socket address.
    case pathTooLong(path: String, bytes: Int)
    /// A daemon answers there.
    case inUse(path: String)
    /// Something else than a socket has this name; it is not removed.
    case notASocket(path: String)
    /// A call of the system failed.
    case system(what: String, path: String, reason: String)
    /// The connection is closed.
    case clientGone
    /// The message is longer than ``ControlLimits/reply``.
    case replyTooLong(bytes: Int)

    public var description: String {
        switch self {
        case .pathTooLong(let path, let bytes):
            "the control socket's path is \(bytes) bytes long, Linux allows \(ControlLimits.pathBytes): \(path); "
                + "choose a shorter one with --socket"
        case .inUse(let path):
            "another daemon answers at \(path); stop it, or choose another --socket and --state-dir for this one"
        case .notASocket(let path): "\(path) exists and is no socket; remove it or choose another --socket"
        case .system(let what, let path, let reason):
            "\(what) of the control socket \(path) failed: \(reason); its folder must exist and be writable for the daemon"
        case .clientGone: "the client has closed its connection"
        case .replyTooLong(let bytes): "a reply of \(bytes) bytes, over the limit of \(ControlLimits.reply)"
        }
    }
}
