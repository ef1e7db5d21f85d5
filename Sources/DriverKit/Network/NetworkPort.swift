internal import CLinux
internal import Glibc
public import Telemetry

/// A TCP connection used like a serial port: one owner, blocking reads and writes with a deadline. For interfaces that speak over
/// the network as they do on a line. To be used on the bus's own thread.
public final class NetworkPort {
    /// A name server that is silent for longer will not answer.
    public static let resolveTimeout: Duration = .seconds(2)
    /// Connecting to a host in the next street takes milliseconds, over a mobile network a second or two.
    public static let connectTimeout: Duration = .seconds(2)

    public let host: HostAddress
    private let socket: StreamSocket
    private var buffer = [UInt8](repeating: 0, count: 4096)

    /// Connects; tries each address of the name.
    ///
    /// - Throws: ``SerialPortError`` with `notThere` when nobody is reached in time.
    public init(_ host: HostAddress) throws(SerialPortError) {
        self.host = host
        var reason = "no address"
        for address in try Self.resolve(host) {
            switch StreamSocket.connect(address) {
            case .failed(let code): reason = StreamSocket.words(code)
            case .under(let socket, let isMade):
                let deadline = BootClock.now().advanced(by: Self.connectTimeout)
                guard isMade || Self.wait(socket, POLLOUT, until: deadline) else {
                    reason = "no answer within \(Self.connectTimeout.components.seconds) s"
                    continue
                }
                let code = socket.failure
                guard code == 0 else {
                    reason = StreamSocket.words(code)
                    continue
                }
                self.socket = socket
                return
            }
        }
        throw Self.unreachable(host, reason)
    }

    /// For people: `tcp://192.168.1.241:23`.
    public var summary: String { "tcp://\(host)" }

    /// Waits until bytes are there or `deadline` has passed; what has arrived already is returned even when it is past.
    ///
    /// - Throws: ``SerialPortError/Code/gone`` when the host closed the connection or is no longer reached.
    public func read(until deadline: BootInstant) throws(SerialPortError) -> [UInt8] {
        while true {
            switch socket.receive(into: &buffer) {
            case .bytes(let count): return Array(buffer[..<count])
            case .ended(let code): throw gone(code)
            case .nothing: guard Self.wait(socket, POLLIN, until: deadline) else { return [] }
            }
        }
    }

    /// Hands all bytes to the connection.
    ///
    /// - Throws: ``SerialPortError/Code/stuck`` when it does not take them before `deadline`; `gone` as for reading.
    public func write(_ bytes: [UInt8], until deadline: BootInstant) throws(SerialPortError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = socket.send(rest)
            guard count >= 0 else { throw gone(Int32(-count)) }
            rest = rest.dropFirst(count)
            guard rest.isEmpty || Self.wait(socket, POLLOUT, until: deadline) else {
                throw SerialPortError(
                    code: .stuck, path: summary,
                    description:
                        "\(summary) took only \(bytes.count - rest.count) of \(bytes.count) bytes in time: check the network"
                )
            }
        }
    }

    private func gone(_ code: Int32) -> SerialPortError {
        SerialPortError(
            code: .gone, path: summary, errno: code,
            description:
                "\(summary): \(StreamSocket.words(code)); it serves one master at a time, so see whether another program is"
                + " connected to it, and check its power and network")
    }

    private static func unreachable(_ host: HostAddress, _ reason: String) -> SerialPortError {
        SerialPortError(
            code: .notThere, path: "tcp://\(host)",
            description: "tcp://\(host) is not reached (\(reason)): check the address, its power and the network")
    }

    private static func resolve(_ host: HostAddress) throws(SerialPortError) -> [SocketAddress] {
        let resolver = HostResolver(host)
        let monitor = Monitor()
        let deadline = BootClock.now().advanced(by: resolveTimeout)
        while true {
            switch resolver.addresses(onChange: { monitor.withLock { monitor.signal() } }) {
            case .found(let addresses): return addresses
            case .failed(let reason): throw unreachable(host, reason)
            case .unknown, .asking:
                guard BootClock.now() < deadline else { throw unreachable(host, "the name server does not answer") }
                // A signal between the question above and this wait is found at the next look, shortly after.
                let look = min(deadline, BootClock.now().advanced(by: .milliseconds(50)))
                monitor.withLock { monitor.wait(until: look) }
            }
        }
    }

    /// True when one of `events` is there, false when the deadline passed.
    private static func wait(_ socket: StreamSocket, _ events: Int32, until deadline: BootInstant) -> Bool {
        while true {
            let left = deadline.nanoseconds - BootClock.now().nanoseconds
            // Rounded up: a wait cut to 0 ms would spin through the last millisecond.
            let milliseconds = left <= 0 ? 0 : Int32(min(left / 1_000_000 + 1, 60_000))
            var entry = pollfd(fd: socket.descriptor, events: Int16(events), revents: 0)
            let count = poll(&entry, 1, milliseconds)
            // An error or a hang-up is told by the next read or write.
            if count > 0 { return true }
            if left <= 0 { return false }
        }
    }
}
