public import DriverKit
public import Telemetry

/// An interface with a network socket as channel. Its peer's closing is a lost port, as an unplugged adapter is.
public final class TCPChannel: DALIChannel {
    /// What the path of a network port begins with.
    public static let scheme = "tcp://"
    /// The port of Foxtron's DALInet for its first bus, where none is written.
    static let standardPort = 23

    private let port: NetworkPort

    /// - Parameter path: `tcp://HOST` or `tcp://HOST:PORT`.
    public init(path: String) throws(SerialPortError) {
        guard let host = Self.host(of: path, standardPort: Self.standardPort) else {
            throw SerialPortError(
                code: .unsupported, path: path, description: "\(path) is no network port; one is tcp://192.168.1.241:23"
            )
        }
        port = try NetworkPort(host)
    }

    public var summary: String { port.summary }

    public func read(until deadline: BootInstant) throws(SerialPortError) -> [UInt8] {
        try port.read(until: deadline)
    }

    public func write(_ bytes: [UInt8], until deadline: BootInstant) throws(SerialPortError) {
        try port.write(bytes, until: deadline)
    }

    static func host(of path: String, standardPort: Int) -> HostAddress? {
        guard path.hasPrefix(scheme) else { return nil }
        return HostAddress(String(path.dropFirst(scheme.count)), standardPort: standardPort)
    }
}
