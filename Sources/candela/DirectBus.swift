import ArgumentParser
import Configuration
import DriverProtocol
import Glibc
import Runtime
import Telemetry

/// A bus that this program opens itself: one of the configuration, or a bare port.
struct DirectBus {
    enum Devices {
        /// Nothing is polled: the bus is for the person alone.
        case none
        case all
    }

    let name: String
    let port: String
    let manifest: DriverManifest
    let configure: DriverConfigure
    let shelf: ProfileShelf
    /// nil for a bare port.
    let configuration: GatewayConfiguration?
    private let households: [String]

    init(_ place: TaskPlace, devices: Devices, _ options: SharedOptions) throws {
        let keeper = options.keeper
        let catalog = keeper.catalog().catalog
        switch place {
        case .bus(let name):
            let configuration = try Self.configuration(options)
            guard let bus = configuration.bus(name) else { throw Self.unknown(name, configuration) }
            guard let manifest = catalog[bus.driver] else { throw Self.noDriver(bus.driver, catalog) }
            var configure = ConfigureMessage.make(for: bus, in: configuration)
            if case .none = devices {
                configure.devices = []
                configure.profiles = []
            }
            self.name = name
            port = bus.port.resolved
            self.manifest = manifest
            self.configure = configure
            shelf = ProfileShelf(driver: bus.driver, folders: configuration.profileFolders, catalog: catalog)
            self.configuration = configuration
            households = configuration.devices(onBus: name).filter { $0.privacy == .household }.map(\.name)
        case .port(let path, let keys, let driver):
            guard let manifest = catalog[driver] else { throw Self.noDriver(driver, catalog) }
            var configure = DriverConfigure()
            configure.bus = "port"
            configure.port = path
            configure.options = DriverNode(json: .object(keys))
            name = path
            port = path
            self.manifest = manifest
            self.configure = configure
            shelf = ProfileShelf(driver: driver, folders: [], catalog: catalog)
            configuration = nil
            households = []
        }
    }

    /// The daemon's own rules.
    func check(_ order: TaskOrder) throws {
        if let home = households.first, TaskArguments.readsValues(order.name), !order.household {
            throw CommandFailure(
                ExitStatus.wrongUsage,
                "bus \(name) has a household's device (\(home)): what is read there shows how people live",
                hint: "say --household when you may know")
        }
        if TaskArguments.writes(order.name, order.arguments), configure.readOnly {
            throw CommandFailure(
                ExitStatus.failed, "readOnly: bus \(name) is configured read_only: nothing is written to it")
        }
    }

    static func configuration(_ options: SharedOptions) throws -> GatewayConfiguration {
        let path = options.configurationPath
        if options.config == nil, access(path, R_OK) != 0 {
            throw CommandFailure(
                ExitStatus.daemonNotReachable,
                "no daemon is reachable at \(options.socketPath), and there is no \(path) to work without one",
                hint: "name a port with --port, the daemon's socket with --socket, or the configuration with --config")
        }
        let load = options.keeper.load()
        guard let configuration = load.configuration else {
            throw CommandFailure(
                ExitStatus.wrongUsage, load.errors.first?.description ?? "\(path) cannot be used",
                hint: "candela config check \(path) lists everything")
        }
        return configuration
    }

    private static func unknown(_ name: String, _ configuration: GatewayConfiguration) -> CommandFailure {
        let names = configuration.buses.map(\.name)
        return CommandFailure(
            ExitStatus.wrongUsage, "there is no bus \(name)",
            hint: NearestName.of(name, among: names).map { "did you mean \($0)?" }
                ?? "the buses: \(names.joined(separator: ", ")); a port is a path, such as /dev/ttyUSB0")
    }

    private static func noDriver(_ driver: String, _ catalog: DriverCatalog) -> CommandFailure {
        CommandFailure(
            ExitStatus.wrongUsage,
            "there is no driver \(driver) in \(catalog.searched.isEmpty ? "any folder" : catalog.searched.joined(separator: ", "))",
            hint: "name the folder of driver packages with --drivers")
    }
}
