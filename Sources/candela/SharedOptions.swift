import ArgumentParser
import Glibc
import Runtime

/// Options that every subcommand takes.
struct SharedOptions: ParsableArguments {
    @Flag(help: "One JSON document (or JSON Lines) instead of a table.") var json = false
    @Option(help: "The configuration file, for what runs without the daemon.") var config: String?
    @Option(help: "The daemon's control socket (or set CANDELA_SOCKET).") var socket: String?
    @Option(help: "Folder of driver packages; may be given more than once.") var drivers: [String] = []
    @Option(help: "Folder of board files; may be given more than once.") var boards: [String] = []

    static let defaultConfiguration = "/etc/candela/gateway.yaml"
    static let defaultSocket = "/run/candela/control.sock"

    var socketPath: String {
        if let socket { return socket }
        return getenv("CANDELA_SOCKET").map { String(cString: $0) } ?? Self.defaultSocket
    }

    var configurationPath: String { config ?? Self.defaultConfiguration }

    /// Whether a daemon was named on purpose; then nothing is tried without it.
    var namesDaemon: Bool { socket != nil }

    var keeper: ConfigurationKeeper { keeper(for: nil) }

    /// - Parameter file: given as an argument, it goes before `--config`.
    func keeper(for file: String?) -> ConfigurationKeeper {
        let driverFolders = drivers.isEmpty ? InstalledPlaces.drivers() : drivers
        return ConfigurationKeeper(
            path: file ?? configurationPath, driverFolders: driverFolders,
            boardFolders: boards.isEmpty ? InstalledPlaces.boards(drivers: driverFolders) : boards)
    }
}
