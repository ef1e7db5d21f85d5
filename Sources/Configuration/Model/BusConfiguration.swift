/// A bus: one driver process.
public struct BusConfiguration: Sendable, Hashable {
    public let name: String
    /// Of its name.
    public let position: SourcePosition
    public let driver: String
    public let port: BusPort
    /// No write may reach this bus; already true when the whole gateway is read-only.
    public let isReadOnly: Bool
    /// Keys that belong to the driver: a map.
    public let options: YAMLNode
}

/// Where a bus is connected.
public struct BusPort: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// A serial device.
        case serial
        /// One host: `tcp://HOST:PORT` or `rtu+tcp://HOST:PORT`.
        case host
        /// Many hosts; each device names its own.
        case manyHosts
    }

    /// As in the file: `rs485-1`.
    public let written: String
    /// What the driver is given: `/dev/ttyS1`, `tcp://192.0.2.1:502`, `tcp`.
    public let resolved: String
    public let kind: Kind
}
