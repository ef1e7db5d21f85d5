public import DriverKit
public import Telemetry

/// What carries bytes to and from an interface: a serial port, a TCP connection, or in tests a script with its own clock.
public protocol DALIChannel: AnyObject {
    /// For people: `/dev/ttyUSB0 38400 8N1`.
    var summary: String { get }
    /// Bytes that have arrived; none when `deadline` passed.
    func read(until deadline: BootInstant) throws(SerialPortError) -> [UInt8]
    func write(_ bytes: [UInt8], until deadline: BootInstant) throws(SerialPortError)
}

/// A serial port as channel. The port is closed with the channel.
public final class SerialChannel: DALIChannel {
    private let port: SerialPort

    public init(path: String, settings: SerialSettings) throws(SerialPortError) {
        port = try SerialPort(path: path, settings: settings)
    }

    public var summary: String { port.summary }

    public func read(until deadline: BootInstant) throws(SerialPortError) -> [UInt8] {
        try port.read(until: deadline)
    }

    public func write(_ bytes: [UInt8], until deadline: BootInstant) throws(SerialPortError) {
        try port.write(bytes, until: deadline)
    }
}

/// What the engine needs of the world: the time, and a way to open its port. Tests hand in their own.
public struct DALIWorld {
    public let now: () -> BootInstant
    public let open: (_ path: String, _ settings: SerialSettings) throws(SerialPortError) -> any DALIChannel

    public init(
        now: @escaping () -> BootInstant,
        open: @escaping (_ path: String, _ settings: SerialSettings) throws(SerialPortError) -> any DALIChannel
    ) {
        self.now = now
        self.open = open
    }

    /// The machine's boot clock and real ports; a path that begins with `tcp://` leads to a host.
    public static var real: DALIWorld {
        DALIWorld(
            now: { BootClock.now() },
            open: { (path, settings) throws(SerialPortError) in
                guard path.hasPrefix(TCPChannel.scheme) else {
                    return try SerialChannel(path: path, settings: settings)
                }
                return try TCPChannel(path: path)
            })
    }
}
