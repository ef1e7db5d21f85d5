import ControlProtocol
import Glibc
import Telemetry
import TestSupport
import Testing

/// `plan` against the time that a bus is really busy.
@Suite(.timeLimit(.minutes(5))) struct PlanLoadTests {
    /// What the simulated meters wait after they took a request for complete...
    static let latency = 26
    /// ...for which they need 3.5 characters of silence (4 ms at 9600 8E1): the plan's latency counts from the request's end.
    static let stated = latency + 4
    /// A window that another program disturbed says nothing about the plan: one of so many must not be.
    static let windows = 12

    /// Real time on a real machine: no part of the ordinary tests. What the figures mean is tested in virtual time.
    @Test(.enabled(if: getenv("CANDELA_TIMED") != nil, "a timed test: scripts/bench modbus --only plan runs it"))
    func `the planned load of a bus is what it has in fact, within 3 percent`() async throws {
        let profile = try #require(TestFiles.text(Project.root + "/Drivers/Modbus/Profiles/eastron-sdm120.yaml"))
        let stated = profile.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            if line.hasPrefix("profile:") { return "profile: stated-latency" }
            return line.hasPrefix("limits:") ? "limits:\n  latency: \(Self.stated)ms" : String(line)
        }.joined(separator: "\n")
        let scenario = """
            {"seed": 3, "ports": [{"name": "rs485-1", "kind": "modbus", "baud": 9600, "parity": "even",
              "devices": [{"name": "m", "product": "eastron-sdm120", "address": 1, "count": 2, "latency_ms": \(Self.latency)}]}]}
            """
        let devices = (1...2).map {
            "  m\($0): {bus: meters, address: \($0), profile: stated-latency, rating: 40 A, "
                + "points: [voltage.L1, current.L1, active_power, frequency, active_energy_import], interval: 500ms}"
        }.joined(separator: "\n")
        let site = try await RealSite(scenario: scenario, devices: devices, more: "profiles: [profiles]")
        TestFiles.makeFolder(site.folder("profiles"))
        site.folder.write("profiles/stated-latency.yaml", stated)
        try await RealSite.with(site, daemon: true) { site in
            let shown = try await site.run(["plan", "meters", "--json"], merged: false)
            #expect(shown.status == 0, "\(shown.text)")
            let plan = try #require(try JSONValue(parsing: shown.text)["meters"])
            let planned = try #require(plan["load"]?.number).approximation
            var figures: [String] = []
            var isMet = false
            for _ in 0..<Self.windows where !isMet {
                _ = try site.statistics()
                // The window: the tool that follows a bus without costing it anything.
                _ = try await site.run(["trace", "meters", "--seconds", "10"])
                let sums = try site.statistics()
                let window = Double(sums.windowUs)
                let busy = Double(sums.dataUs + sums.waitingUs + sums.silenceUs) / window * 100
                figures.append(
                    "planned \(planned) % (data \(Self.text(plan["data"])), waiting \(Self.text(plan["waiting"])), silence \(Self.text(plan["silence"]))), "
                        + "measured \(busy) % (data \(Double(sums.dataUs) / window * 100), waiting \(Double(sums.waitingUs) / window * 100), "
                        + "silence \(Double(sums.silenceUs) / window * 100)), \(sums.requests) requests in \(window / 1e6) s"
                )
                isMet = (busy / planned - 1).magnitude <= 0.03
            }
            for line in figures { print(line) }
            #expect(isMet, "\(figures.joined(separator: "\n"))")
        }
    }

    private static func text(_ value: JSONValue?) -> String { value.map { "\($0)" } ?? "-" }
}
