public import DriverKit
public import DriverProtocol
public import Telemetry

/// Utility meters and other devices on Modbus RTU and Modbus TCP, by profile.
public actor ModbusDriver: BusDriver {
    public static let identity = DriverIdentity(
        name: "modbus", version: "0.1.0", busOptions: BusOptions.descriptions,
        deviceOptions: DeviceOptions.descriptions,
        // A query of a device with many blocks, each tried twice with the longest time-out, fits in.
        stallAfter: .seconds(30))

    public nonisolated let thread: BusThread
    public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let outlet: any DriverOutlet
    private var configuration: BusConfiguration?
    private var engine: BusEngine?

    public init(thread: BusThread, outlet: any DriverOutlet) {
        self.thread = thread
        self.outlet = outlet
    }

    public func configure(_ configure: DriverConfigure) -> DriverConfigured {
        let read = BusConfiguration(configure)
        configuration = read
        return read.answer
    }

    public func start() throws(DriverStartFailure) -> String {
        guard let configuration, let port = configuration.port else {
            throw DriverStartFailure(isRetriable: false, message: "the bus is not configured")
        }
        let options = configuration.options
        let log = { [outlet] (line: String) in outlet.log(line) }
        var links = configuration.links.map { Self.link(to: $0, options, log: log) }
        // A serial port is opened also when no device of it is usable: the fault shows now, not with the first device.
        if links.isEmpty, port.isSerial {
            links = [Self.link(to: port, options, log: log)]
        }
        if port.isSerial, let line = links.first {
            do {
                try line.open()
            } catch {
                throw DriverStartFailure(isRetriable: error.isRetriable, message: error.message)
            }
        }
        let engine = BusEngine(
            options: options, links: links, devices: configuration.devices, outlet: outlet, clock: { BootClock.now() })
        self.engine = engine
        engine.begin()
        return links.count == 1 ? links[0].title : "\(links.count) hosts"
    }

    private static func link(
        to address: PortAddress, _ options: BusOptions, log: @escaping (String) -> Void
    ) -> any ModbusLink {
        if case .serial(let path) = address {
            return SerialLink(
                path: path, options.serial, turnaround: options.turnaround, options: options.line, log: log)
        }
        return LibmodbusLink(address, options.serial, turnaround: options.turnaround)
    }

    public func turn() -> BootInstant { engine?.turn() ?? BootInstant(nanoseconds: .max) }

    public func query(_ query: DriverQuery) -> DriverQueryDone { engine?.query(query) ?? DriverQueryDone() }

    public func command(_ command: DriverCommand) -> DriverCommandDone {
        engine?.command(command) ?? DriverCommandDone()
    }

    public func portState() -> DriverPortState {
        guard let engine else {
            return DriverPortState(isOpen: false, detail: "not open yet", utilisationPermille: 0)
        }
        return engine.portState()
    }

    public func statistics() -> DriverStatistics {
        engine?.meter.statistics(at: BootClock.now()) ?? DriverStatistics()
    }

    public func trace(_ on: Bool) { engine?.isTracing = on }

    public func longestExchange() -> Duration {
        guard let configuration else { return .seconds(1) }
        let slowest = configuration.devices.map(\.timeout).max() ?? configuration.options.responseTimeout
        return slowest + LibmodbusLink.resynchronisationLimit + LibmodbusLink.connectTimeout
    }

    public func stop() {
        engine?.close()
        engine = nil
    }
}

extension BusEngine {
    func portState() -> DriverPortState {
        let share = meter.utilisation(at: clock())
        if let portFailure {
            return DriverPortState(isOpen: false, detail: portFailure, utilisationPermille: share)
        }
        let open = links.filter(\.isOpen).count
        if links.count == 1 {
            let isOpen = open == 1 || devices.contains { !$0.isOffline }
            let detail = isOpen ? links[0].title : devices.first?.lastFailure ?? links[0].title
            return DriverPortState(isOpen: isOpen, detail: detail, utilisationPermille: share)
        }
        return DriverPortState(
            isOpen: links.isEmpty || open > 0 || devices.contains { !$0.isOffline },
            detail: "\(open) of \(links.count) hosts connected", utilisationPermille: share)
    }

    func close() {
        for link in links { link.close() }
    }
}
