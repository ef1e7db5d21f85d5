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
}
