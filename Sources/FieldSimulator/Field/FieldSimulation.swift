public import Telemetry

/// A serial port of the field: what is behind it, and whether it is plugged in.
public final class SimulatedPort {
    public let name: String
    public let session: any PortSession
    public let timing: SerialTiming
    /// It is reached over TCP here and is no serial port.
    public let listen: Scenario.Endpoint?
    /// Unplugged: the device file has gone.
    public var isGone = false

    init(name: String, session: any PortSession, timing: SerialTiming, listen: Scenario.Endpoint? = nil) {
        self.name = name
        self.session = session
        self.timing = timing
        self.listen = listen
    }
}

/// The whole field in memory: every device, every port, no descriptor and no clock. Not thread-safe.
public final class FieldSimulation {
    public let scenario: Scenario
    public let ports: [SimulatedPort]
    public let buses: [LampBus]
    /// Devices of all ports and servers, by name.
    public let devices: [String: ModbusDevice]
    private let serverDevices: [String: [ModbusDevice]]
    var random: SeededGenerator

    public init(_ scenario: Scenario, at now: BootInstant) {
        self.scenario = scenario
        random = SeededGenerator(seed: scenario.seed)
        var ports: [SimulatedPort] = []
        var buses: [LampBus] = []
        var devices: [String: ModbusDevice] = [:]
        var serverDevices: [String: [ModbusDevice]] = [:]
        for port in scenario.lampPorts {
            let bus = LampBus(name: port.bus, gear: port.gear, sensors: port.sensors, seed: scenario.seed, at: now)
            buses.append(bus)
            let gateway = port.interface.gateway(bus: bus, timing: port.timing, hasSupply: port.hasSupply)
            ports.append(
                SimulatedPort(name: port.name, session: gateway, timing: port.timing, listen: port.listen))
        }
        func make(_ descriptions: [Scenario.Device]) -> [ModbusDevice] {
            descriptions.map { description in
                let device = ModbusDevice(
                    name: description.name, unit: description.unit, product: description.product,
                    size: description.size, seed: scenario.seed)
                if let latency = description.latency { device.latency = latency }
                let followed = description.follows
                device.lamps = { [buses] in
                    buses.flatMap { bus in
                        bus.gear.filter { gear in
                            gear.description.feeder.map { $0 == description.name } ?? (bus.name == followed)
                        }
                    }
                }
                devices[device.name] = device
                return device
            }
        }
        for port in scenario.modbusPorts {
            let line = RTULine(timing: port.timing, paced: port.paced, devices: make(port.devices))
            ports.append(SimulatedPort(name: port.name, session: line, timing: port.timing))
        }
        for server in scenario.servers { serverDevices[server.name] = make(server.devices) }
        self.ports = ports
        self.buses = buses
        self.devices = devices
        self.serverDevices = serverDevices
    }

    /// A session for a client that has just connected to a server of the scenario.
    public func connect(to server: Scenario.Server) -> any PortSession {
        let devices = serverDevices[server.name] ?? []
        switch server.framing {
        case .tcp: return ModbusTCPSession(devices: devices)
        case .rtu: return RTULine(timing: SerialTiming(baud: 115_200), paced: false, devices: devices)
        }
    }

    public func port(_ name: String) -> SimulatedPort? { ports.first { $0.name == name } }

    public func bus(_ name: String) -> LampBus? { buses.first { $0.name == name } }

    public func gear(_ name: String) -> ControlGear? { buses.lazy.compactMap { $0.gear(named: name) }.first }

    public func sensor(_ name: String) -> ControlDevice? {
        buses.lazy.flatMap(\.sensors).first { $0.description.name == name }
    }

    /// Voltage for a feeder and the luminaires on it, or none; false when the device is no electricity meter.
    public func energize(_ device: ModbusDevice, _ on: Bool, at now: BootInstant) -> Bool {
        guard var feeder = device.model as? ElectricalFeeder else { return false }
        feeder.energized = on
        device.model = feeder
        for gear in device.lamps() { gear.setMains(on, at: now) }
        return true
    }

    /// Moves the physics of every meter on; in virtual time call it as often as values should follow the lamps.
    public func advance(to now: BootInstant) {
        for bus in buses { bus.settle(at: now) }
        for device in devices.values { device.advance(to: now) }
    }
}
