import ArgumentParser
import Configuration
import Glibc
import Logging
import Runtime
import ServiceLifecycle
import UnixSignals

/// The daemon: one gateway, in the foreground, log on standard error.
@main
struct Candelad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "candelad",
        abstract: "The gateway's daemon: drivers, normalisation, durable outbox, uplinks, lighting.",
        discussion: """
            It runs in the foreground and logs to standard error. SIGTERM and SIGINT stop it without losing anything; lamps \
            under a calendar go to their group's fallback first, because nobody rules them any more. SIGUSR1 stops it for a \
            restart (RestartKillSignal= of its service): the lamps keep their level.
            Relative paths in the configuration are relative to the file, outbox.path to the state directory.
            """,
        version: CandelaVersion.current)

    @Option(help: "The configuration file.") var config: String
    @Option(help: "Where the outbox, command ids and the last good configuration are kept.")
    var stateDir = "/var/lib/candela"
    @Option(help: "The control socket for the candela program.") var socket = "/run/candela/control.sock"
    @Option(help: "Folder of driver packages; may be given more than once.") var drivers: [String] = []
    @Option(help: "Folder of board files; may be given more than once.") var boards: [String] = []
    @Option(help: "Members of this group may use the control socket.") var group = "candela"
    @Option(help: "trace, debug, info, notice, warning or error.") var logLevel = "info"

    /// On the main thread, before any other exists: what follows runs on Swift's pool.
    static func main() async {
        GatewayMemory.useOneHeap()
        await main(nil)
    }

    func run() async throws {
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw ValidationError("--log-level \(logLevel): expected trace, debug, info, notice, warning or error")
        }
        // Priorities in angle brackets are understood by systemd's journal and harmless elsewhere.
        LoggingSystem.bootstrap { _ in StandardErrorLog(level: level) }
        let log = Logger(label: "candelad")
        let places = GatewayPlaces(
            configuration: config, stateDirectory: stateDir, socket: socket,
            driverFolders: drivers.isEmpty ? InstalledPlaces.drivers() : drivers,
            boardFolders: boards.isEmpty ? InstalledPlaces.boards(drivers: drivers) : boards, group: group)
        // The signals are caught before anything begins, so that a stop is orderly at any moment.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: GatewayService(places: places, log: log),
                        successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "lifecycle", factory: { _ in SwiftLogNoOpLogHandler() })))
        do {
            try await group.run()
        } catch let failure as GatewayStartFailure {
            switch failure {
            case .configuration(let diagnostics):
                for diagnostic in diagnostics { log.error("\(diagnostic)") }
                log.critical("the configuration cannot be used and there is no last good one: nothing runs")
                throw ExitCode(2)
            case .place(let problem):
                log.critical("\(problem)")
                throw ExitCode(1)
            }
        }
    }
}

/// The gateway as a service: it lives from here until a signal asks it to stop.
struct GatewayService: Service {
    let places: GatewayPlaces
    let log: Logger

    func run() async throws {
        // Before anything begins: the signal's own answer would be to end the process.
        let restarts = await UnixSignalsSequence(trapping: .sigusr1)
        let gateway = try await Gateway.start(places, log: log)
        let isLasting = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                try? await gracefulShutdown()
                return true
            }
            group.addTask {
                for await _ in restarts { return false }
                // Ended by the other.
                return true
            }
            let first = await group.next() ?? true
            group.cancelAll()
            return first
        }
        await gateway.stop(isLasting: isLasting)
    }
}
