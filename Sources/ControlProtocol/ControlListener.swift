import CLinux
import Glibc

/// The listening socket and its name in the file system. Closed and removed with its owner.
struct ControlListener: ~Copyable {
    let descriptor: Int32
    let path: String
    /// What a technician should know of its permissions.
    let note: String?
    /// The file we made: another daemon's is never removed.
    private let inode: UInt64

    /// Connections that wait to be accepted; more than clients are served make no sense.
    private static let backlog = Int32(ControlLimits.clients)

    init(path: String, group: String?) throws(ControlServerError) {
        guard path.utf8.count <= ControlLimits.pathBytes else {
            throw .pathTooLong(path: path, bytes: path.utf8.count)
        }
        try Self.removeStale(path)
        let descriptor = UnixSocket.make(nonBlocking: true)
        guard descriptor >= 0 else { throw Self.failure("opening", path) }
        let note: String?
        do throws(ControlServerError) {
            guard UnixSocket.withAddress(path, { bind(descriptor, $0, $1) }) == 0 else {
                throw Self.failure("creating", path)
            }
            // Nobody can connect before listen(2), so there is no moment with wider permissions.
            guard chmod(path, 0o660) == 0 else { throw Self.failure("setting the permissions", path) }
            note = Self.handOver(path, to: group)
            guard listen(descriptor, Self.backlog) == 0 else { throw Self.failure("listening", path) }
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.note = note
        self.path = path
        inode = Self.inode(of: path)
    }

    deinit {
        if Self.inode(of: path) == inode { unlink(path) }
        close(descriptor)
    }

    /// A crash leaves the socket's name behind: it goes if nobody answers there.
    private static func removeStale(_ path: String) throws(ControlServerError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: path) }
        let probe = UnixSocket.make(nonBlocking: true)
        guard probe >= 0 else { throw failure("opening", path) }
        defer { close(probe) }
        let result = UnixSocket.withAddress(path) { connect(probe, $0, $1) }
        // EAGAIN: it listens, but its queue is full.
        guard result != 0, errno == ECONNREFUSED else { throw .inUse(path: path) }
        unlink(path)
    }

    private static func handOver(_ path: String, to group: String?) -> String? {
        guard let group else { return nil }
        guard let entry = getgrnam(group) else {
            return "there is no group '\(group)': only the daemon's own user and group may use \(path)"
        }
        guard chown(path, uid_t.max, entry.pointee.gr_gid) == 0 else {
            return
                "\(path) cannot be given to group '\(group)' (\(UnixSocket.reason(errno))): only the daemon's own user "
                + "and group may use it"
        }
        return nil
    }

    private static func inode(of path: String) -> UInt64 {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : 0
    }

    private static func failure(_ what: String, _ path: String) -> ControlServerError {
        .system(what: what, path: path, reason: UnixSocket.reason(errno))
    }
}
