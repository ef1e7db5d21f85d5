import Glibc
import Telemetry
import TestSupport
import Testing

@testable import FieldSimulator

/// The program's Foxtron and SevenLab interfaces, judged by masters in Python that share no code with them.
@Suite(.timeLimit(.minutes(3))) struct `The simulator's lamp interfaces as a process` {
    @Test(.enabled(if: Peers.python != nil, Peers.pythonReason), arguments: ["foxtron", "sevenlab"])
    func `a master in Python asks, dims, sees a collision and writes what goes twice`(_ interface: String) async throws
    {
        let listen = interface == "foxtron" ? #""listen": "127.0.0.1:0", "# : ""
        let folder = TestSupport.TemporaryFolder()
        let scenario = folder.write(
            "field.json",
            """
            {"ports": [{"name": "lamps-1", "kind": "dali", "interface": "\(interface)", \(listen)
              "gear": [{"name": "lamp", "address": 0, "count": 3, "d4i": false}]}]}
            """)
        let directory = folder("field")
        let simulator = try ChildProcess(
            SimulatorProcess.executable, ["--directory", directory, "--scenario", scenario, "--until-stdin-closes"])
        let ready = try await simulator.line(containing: "ready directory=")
        let place = ready.split(separator: " ").first { $0.hasPrefix("lamps-1=") }?.dropFirst(8) ?? ""
        let arguments = interface == "foxtron" ? place.split(separator: ":").map(String.init) : [String(place)]
        let result = try await run(
            Peers.python ?? "", [Peers.script("\(interface)_lamps.py")] + arguments)
        #expect(result.status == 0, "\(result.lines)")
        let report = try JSONValue(parsing: result.lines.last ?? "")
        if interface == "foxtron" {
            #expect(report["firmware"] == 0x0406 && report["bus_power"] == 0 && report["second"] == 0)
        } else {
            #expect(report["version"] == "Version 3.5.0")
        }
        #expect(report["status"]?.number != nil)
        #expect(report["absent"] == .null)
        #expect(report["level"] == 170)
        #expect(report["all"] == "collision")
        #expect(report["power_on_level"] == 123)
        // A query at priority 5 takes 50 ms on the bus.
        #expect((report["seconds"]?.number?.approximation ?? 0) > 0.03)
        await simulator.stop()
    }

    /// Implementations of others that stand in no package registry: a folder with their sources, as docs/simulator.md says.
    private static func sources(_ interface: String) -> String? {
        guard let folder = getenv("CANDELA_LAMP_PEERS").map({ String(cString: $0) }) else { return nil }
        let path = folder + (interface == "foxtron" ? "/ha-foxtron-dali" : "/dali_interface")
        return access(path, R_OK) == 0 ? path : nil
    }

    @Test(
        .enabled(
            if: Peers.python != nil && sources("foxtron") != nil && sources("sevenlab") != nil,
            "CANDELA_LAMP_PEERS names no folder with the sources of ha-foxtron-dali and dali_interface"),
        arguments: ["foxtron", "sevenlab"])
    func `a driver that others wrote asks, dims, configures and hears a sensor`(_ interface: String) async throws {
        let listen = interface == "foxtron" ? #""listen": "127.0.0.1:0", "# : ""
        let folder = TestSupport.TemporaryFolder()
        let scenario = folder.write(
            "field.json",
            """
            {"ports": [{"name": "lamps-1", "kind": "dali", "interface": "\(interface)", \(listen)
              "gear": [{"name": "lamp", "address": 0, "count": 3, "d4i": false}],
              "sensors": [{"name": "eye", "address": 3, "instances": ["occupancy"], "event_scheme": 1}]}]}
            """)
        let directory = folder("field")
        let simulator = try ChildProcess(
            SimulatorProcess.executable, ["--directory", directory, "--scenario", scenario, "--until-stdin-closes"])
        let ready = try await simulator.line(containing: "ready directory=")
        let place = ready.split(separator: " ").first { $0.hasPrefix("lamps-1=") }?.dropFirst(8) ?? ""
        let arguments = interface == "foxtron" ? place.split(separator: ":").map(String.init) : [String(place)]
        let peer = try ChildProcess(
            Peers.python ?? "",
            [Peers.script("\(interface)_independent.py")] + arguments + [Self.sources(interface) ?? ""], merged: true)
        try await peer.line(containing: "listening", within: .seconds(30))
        let moved = try await run(SimulatorProcess.executable, ["control", directory, "sensor eye movement on"])
        #expect(moved.status == 0)
        let status = try await peer.exitStatus(within: .seconds(60))
        #expect(status == 0, "\(peer.lines)")
        let report = try JSONValue(parsing: peer.lines.last ?? "")
        #expect(report["absent"] == .null)
        if interface == "foxtron" {
            #expect(report["firmware"] == "4.6" && report["level"] == 170 && report["fade_time"] == 4, "\(report)")
            #expect(report["event"] == ["Short", 3, 11] && report["found"] == [0, 1, 2], "\(report)")
        } else {
            // Status 2 is a frame, 4 one with broken timing: two answers at once.
            #expect(report["level"] == [2, 8, 170] && report["power_on_level"] == [2, 8, 123], "\(report)")
            guard case .array(let all)? = report["all"], all.first == 4 else {
                return #expect(Bool(false), "\(report)")
            }
            #expect(report["event"] == [2, 24, 0x060C0B], "\(report)")
        }
        await simulator.stop()
    }
}
