import CLinux
import Glibc

/// The few calls of Unix sockets that both ends need.
enum UnixSocket {
    /// A stream socket, close-on-exec; -1 and errno.
    static func make(nonBlocking: Bool) -> Int32 {
        let flags = Int32(SOCK_CLOEXEC.rawValue) | (nonBlocking ? Int32(SOCK_NONBLOCK.rawValue) : 0)
        return socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | flags, 0)
    }

    /// Calls `body` with the address of `path`, which must have at most ``ControlLimits/pathBytes`` bytes.
    static func withAddress<Result>(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(ControlLimits.pathBytes)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

    static func setNonBlocking(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// Writes without ever raising SIGPIPE; -1 and errno.
    static func send(_ descriptor: Int32, _ bytes: ArraySlice<UInt8>) -> Int {
        bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }
}

extension UnixSocket {
    /// Of the call just made.
    static var isInterrupted: Bool { errno == EINTR }
    static var wouldBlock: Bool { errno == EAGAIN || errno == EWOULDBLOCK }
}
