import ControlProtocol
import Glibc
import Telemetry
import TestSupport

/// Simulated meters on a line with the timing of the wire, and, where wanted, the daemon that polls them.
final class RealSite {
    /// Two meters that the gateway knows, and one at address 7 that it does not know; one more behind TCP.
    static let scenario = """
        {"seed": 7,
         "ports": [{"name": "rs485-1", "kind": "modbus", "baud": 9600, "parity": "even",
                    "devices": [{"name": "feeder-a", "product": "eastron-sdm120", "address": 1, "latency_ms": 12},
                                {"name": "feeder-b", "product": "eastron-sdm120", "address": 2, "latency_ms": 12},
                                {"name": "stranger", "product": "eastron-sdm630", "address": 7, "latency_ms": 12}]}],
         "servers": [{"name": "tcp-1", "listen": "127.0.0.1:0",
                      "devices": [{"name": "hall", "product": "eastron-sdm630", "address": 1}]}]}
        """
    static let devices = """
          feeder-a: {bus: meters, address: 1, profile: eastron-sdm120, rating: 40 A, points: [voltage.L1, active_power, active_energy_import], interval: 500ms}
          feeder-b: {bus: meters, address: 2, profile: eastron-sdm120, rating: 40 A, points: [voltage.L1, active_power, active_energy_import], interval: 500ms}
        """

    let folder = TemporaryFolder("candela-site")
    let configuration: String
    private let simulator: ChildProcess
    private var daemon: ChildProcess?

    /// - Parameters:
    ///   - devices: lines below `devices:`.
    ///   - bus: further options of the bus, each behind a comma.
    ///   - more: further lines at the top level.
    init(
        scenario: String = RealSite.scenario, devices: String = RealSite.devices, bus: String = "", more: String = ""
    ) async throws {
        let places = folder("field")
        simulator = try ChildProcess(
            Project.program("candela-sim"),
            ["--directory", places, "--until-stdin-closes", "--scenario", folder.write("scenario.json", scenario)])
        try await simulator.line(containing: "ready")
        configuration = folder.write(
            "gateway.yaml",
            """
            gateway: {id: site, location: {latitude: 51.45, longitude: 6.73, timezone: Europe/Berlin}}
            clock: {sources: [system]}
            \(more)
            buses:
              meters: {driver: modbus, port: "\(places)/rs485-1", baud: 9600, parity: even\(bus)}
            devices:
            \(devices)

            """)
    }

    var port: String { folder("field/rs485-1") }
    var socket: String { folder("control.sock") }

    /// Returns once every meter answers.
    func startDaemon() async throws {
        try await startDaemonOnly()
        try await eventually("every meter answers", within: .seconds(60)) {
            let shown = try await self.run(["devices"])
            return shown.status == 0 && shown.lines.count { $0.contains(" online ") } == 2
        }
    }

    /// Returns once the daemon can be asked.
    func startDaemonOnly() async throws {
        daemon = try ChildProcess(
            Project.program("candelad"),
            [
                "--config", configuration, "--state-dir", folder("state"), "--socket", socket, "--drivers",
                Project.root + "/Drivers",
            ], directory: Project.root)
        try await eventually("the daemon answers", within: .seconds(60)) {
            try await self.run(["devices"]).status != 3
        }
    }

    /// `candela`, with the daemon where one was started and without it elsewhere.
    func run(_ arguments: [String], merged: Bool = true) async throws -> Candela {
        try await Candela.run(
            arguments + ["--config", configuration, "--drivers", Project.root + "/Drivers"],
            environment: ["CANDELA_SOCKET": socket], merged: merged)
    }

    func start(_ arguments: [String]) throws -> ChildProcess {
        try ChildProcess(
            Project.program("candela"),
            arguments + ["--config", configuration, "--drivers", Project.root + "/Drivers"],
            environment: ["CANDELA_SOCKET": socket], merged: true)
    }

    struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    /// A fault of docs/simulator.md.
    func control(_ command: String) async throws {
        let outcome = try await TestSupport.run(Project.program("candela-sim"), ["control", folder("field"), command])
        guard outcome.status == 0, outcome.lines.first?.hasPrefix("ok") == true else {
            throw Refused(description: "candela-sim \(command): \(outcome.lines)")
        }
    }

    /// What the driver counted and timed since it was asked last.
    func statistics() throws -> ControlStatistics {
        var client = try ControlClient(path: socket)
        var request = ControlRequest()
        request.statistics.bus = "meters"
        return try client.ask(request).statistics
    }

    func stop() async {
        if let daemon {
            daemon.signal(SIGTERM)
            if (try? await daemon.exitStatus(within: .seconds(30))) == nil { daemon.signal(SIGKILL) }
        }
        await simulator.stop()
    }

    static func with(
        _ site: RealSite, daemon: Bool, _ body: (RealSite) async throws -> Void
    ) async throws {
        do {
            if daemon { try await site.startDaemon() }
            try await body(site)
        } catch {
            await site.stop()
            throw error
        }
        await site.stop()
    }
}
