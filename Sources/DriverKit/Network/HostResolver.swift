internal import CLinux
internal import Glibc
internal import Synchronization

/// An address that a socket can be connected to.
public struct SocketAddress: Sendable {
    /// AF_INET or AF_INET6.
    public let family: Int32
    /// A sockaddr as getaddrinfo makes it.
    public let bytes: [UInt8]
}

/// Finds the addresses of a host. A number is its own address; a name is asked for on a thread of its own, because the system's
/// resolver blocks for seconds when the name server is silent.
public final class HostResolver: Sendable {
    public enum State: Sendable {
        case unknown
        case asking
        case found([SocketAddress])
        case failed(String)
    }

    public let host: HostAddress
    private let state = Mutex(State.unknown)

    public init(_ host: HostAddress) {
        self.host = host
        if case .found(let addresses) = Self.ask(host, numericOnly: true) { state.withLock { $0 = .found(addresses) } }
    }

    /// What is known; begins to ask where nothing is.
    ///
    /// - Parameter onChange: called once from another thread when the answer is there.
    public func addresses(onChange: @escaping @Sendable () -> Void) -> State {
        let mustAsk = state.withLock { state in
            guard case .unknown = state else { return false }
            state = .asking
            return true
        }
        if mustAsk {
            NamedThread("resolver") { [self] in
                let answer = Self.ask(host, numericOnly: false)
                state.withLock { $0 = answer }
                onChange()
            }.detach()
        }
        return state.withLock { $0 }
    }

    /// Names move: after a failed connection the name is asked for again.
    public func forget() {
        state.withLock { state in
            switch state {
            case .found, .failed: state = .unknown
            case .unknown, .asking: break
            }
        }
        if case .found(let addresses) = Self.ask(host, numericOnly: true) { state.withLock { $0 = .found(addresses) } }
    }

    private static func ask(_ host: HostAddress, numericOnly: Bool) -> State {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (numericOnly ? AI_NUMERICHOST : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host.host, String(host.port), &hints, &list)
        guard code == 0 else { return .failed(String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var entry = list
        while let info = entry {
            if let address = info.pointee.ai_addr {
                let raw = UnsafeRawBufferPointer(start: address, count: Int(info.pointee.ai_addrlen))
                addresses.append(SocketAddress(family: info.pointee.ai_family, bytes: Array(raw)))
            }
            entry = info.pointee.ai_next
        }
        return addresses.isEmpty ? .failed("no address") : .found(addresses)
    }
}
