internal import CLinux
internal import Glibc

/// A connection's socket, never blocking; closed with its owner. Used from one thread.
public final class StreamSocket {
    public enum Reading {
        case bytes(Int)
        case nothing
        /// The peer closed, or an errno.
        case ended(Int32)
    }

    /// Unacknowledged bytes are given up after this, in milliseconds: a host that lost its power must not hold a connection for the
    /// quarter hour that the kernel would wait.
    public static let userTimeout: Int32 = 10_000

    public let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { Glibc.close(descriptor) }

    public enum Connecting {
        case under(StreamSocket, isMade: Bool)
        case failed(Int32)
    }

    /// Begins a connection.
    public static func connect(_ address: SocketAddress) -> Connecting {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { return .failed(errno) }
        let socket = StreamSocket(descriptor)
        // A request is one small packet and waits for nothing.
        socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        socket.set(SOL_SOCKET, SO_KEEPALIVE, 1)
        socket.set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, userTimeout)
        let result = address.bytes.withUnsafeBytes { raw in
            // The bytes are a sockaddr as getaddrinfo made it; the kernel reads them by their length.
            Glibc.connect(
                descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
        }
        if result == 0 { return .under(socket, isMade: true) }
        return errno == EINPROGRESS ? .under(socket, isMade: false) : .failed(errno)
    }

    private func set(_ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// What became of a connection under way; 0 when it is made.
    public var failure: Int32 {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return errno }
        return code
    }

    /// Bytes taken, or a negative errno; 0 when it takes none now.
    public func send(_ bytes: ArraySlice<UInt8>) -> Int {
        let count = bytes.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count >= 0 { return count }
        return errno == EAGAIN || errno == EINTR ? 0 : -Int(errno)
    }

    /// What has arrived, at most as much as the buffer holds.
    public func receive(into buffer: inout [UInt8]) -> Reading {
        let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count > 0 { return .bytes(count) }
        if count == 0 { return .ended(0) }
        return errno == EAGAIN || errno == EINTR ? .nothing : .ended(errno)
    }

    /// What an errno of ``Reading/ended(_:)`` or ``failure`` means.
    public static func words(_ code: Int32) -> String {
        code == 0 ? "the host closed the connection" : String(cString: strerror(code))
    }
}
