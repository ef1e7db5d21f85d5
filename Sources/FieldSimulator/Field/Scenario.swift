/// What a simulated field consists of: ports, meters, lamps. Read from JSON; docs/simulator.md has every key.
public struct Scenario: Sendable {
    public struct Device: Sendable {
        public var name: String
        public var product: MeterProduct
        public var unit: UInt8
        /// W of a feeder, m3/h of a heat or water meter.
        public var size: Double?
        /// The lamp bus whose power this feeder carries.
        public var follows: String?
        /// Nanoseconds to the first byte of the answer; nil takes the product's own.
        public var latency: Int64?
    }

    public struct ModbusPort: Sendable {
        public var name: String
        public var timing: SerialTiming
        public var paced: Bool
        public var devices: [Device]
    }

    public struct LampPort: Sendable {
        public var name: String
        public var bus: String
        public var interface: LampInterface
        /// Where its TCP model listens instead of a serial port: IPv4 address and port, 0 lets the system choose.
        public var listen: Endpoint?
        public var timing: SerialTiming
        public var hasSupply: Bool
        public var gear: [GearDescription]
        public var sensors: [SensorDescription]
    }

    public struct Endpoint: Sendable {
        public var host: String
        public var port: UInt16
    }

    public struct Server: Sendable {
        public enum Framing: String, Sendable { case tcp, rtu }
        public var name: String
        /// IPv4 address to listen on.
        public var host: String
        /// 0 lets the system choose.
        public var port: UInt16
        public var framing: Framing
        public var devices: [Device]
    }

    public var seed: UInt64
    public var modbusPorts: [ModbusPort]
    public var lampPorts: [LampPort]
    public var servers: [Server]
}

/// Why a scenario cannot be used.
public struct ScenarioError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where: keys and positions from the top, as in `ports[0].devices[2].product`.
    public let path: String
    public let problem: String

    public var description: String { path.isEmpty ? problem : "\(path): \(problem)" }
}

extension Scenario.Server {
    /// A server with many meters of one kind behind it, for benchmarks: `meter-01`, address 1, and so on.
    public init(meters count: Int) {
        let devices = (0..<count).map {
            Scenario.Device(
                name: Scenario.numbered("meter", $0, of: max(2, count)), product: .sdm630, unit: UInt8(1 + $0),
                size: nil, follows: nil, latency: nil)
        }
        self.init(name: "tcp-1", host: "127.0.0.1", port: 0, framing: .tcp, devices: devices)
    }
}
