import Configuration
import Telemetry
import Testing

struct OriginTests {
    static let yaml = """
        gateway: {id: g1}
        buses:
          meters:
            driver: modbus
            port: /dev/ttyUSB0
            baud: 9600
            defaults:
              profile: eastron-sdm120
              retries: 1
        devices:
          m-{1..3}:
            bus: meters
            address: "{1..3}"
            pulse: {per: 1000, list: [a, b]}
          m-2:
            retries: 2
        """

    @Test(
        arguments: [
            ("m-1", ["address"], false, 13, 14), ("m-1", ["retries"], false, 9, 16),
            ("m-2", ["retries"], false, 16, 14),
            ("m-2", ["retries"], true, 16, 5), ("m-3", ["pulse", "per"], false, 14, 18),
            ("m-3", ["pulse", "per"], true, 14, 13),
            ("m-3", ["pulse", "list", "1"], false, 14, 34), ("m-3", ["pulse", "start"], false, 14, 12),
            ("m-1", ["host"], true, 11, 3),
            ("m-2", [], false, 15, 3), ("m-1", ["profile"], false, 8, 16),
        ] as [(String, [String], Bool, Int, Int)])
    func `a driver's path leads to where the value was written`(
        device: String, path: [String], atKey: Bool, line: Int, column: Int
    ) throws {
        let result = load(yaml: Self.yaml)
        let configuration = try #require(result.configuration, "\(result.diagnostics)")
        let diagnostic = configuration.diagnostic(.error, forDevice: device, path: path, atKey: atKey, message: "wrong")
        #expect((diagnostic.line, diagnostic.column) == (line, column))
        #expect(diagnostic.message == "device \(device): wrong")
        #expect(diagnostic.subject == .device(device))
    }

    @Test func `buses and profiles have their places too`() throws {
        let configuration = try #require(load(yaml: Self.yaml).configuration)
        let bus = configuration.diagnostic(.error, forBus: "meters", path: ["baud"], message: "odd")
        #expect((bus.line, bus.column) == (6, 11))
        #expect(configuration.diagnostic(.error, forBus: "meters", path: [], message: "odd").line == 3)
        let profile = configuration.diagnostic(
            .warning, forProfile: "eastron-sdm120", driver: "modbus", path: ["values", "0", "at"], atKey: true,
            message: "odd")
        #expect(profile.file.hasSuffix("Profiles/eastron-sdm120.yaml"))
        #expect((profile.line, profile.column) == (4, 30))
    }

    @Test func `every printed value names its file and line`() throws {
        let folder = TemporaryFolder()
        let configuration = try #require(load(yaml: Self.yaml, in: folder).configuration)
        let lines = configuration.explained(origin: true).split(separator: "\n").map(String.init)
        let file = folder.path + "/gateway.yaml"
        #expect(lines.contains { $0.hasPrefix("  id: g1") && $0.hasSuffix("# \(file):1") })
        #expect(lines.contains { $0.hasPrefix("    retries: 2") && $0.hasSuffix("# \(file):16") })
        #expect(lines.contains { $0.hasPrefix("  flush: 5s") && $0.hasSuffix("# default") })
        let json = configuration.explainedJSON(origin: true)
        #expect(json["devices"]?["m-2"]?["retries"]?["origin"] == .string(file + ":16:14"))
        #expect(json["outbox"]?["flush"]?["origin"] == "default")
        #expect(configuration.explainedJSON()["devices"]?["m-3"]?["address"] == 3)
    }

    @Test func `devices that count without a rating are warned about`() throws {
        let configuration = try #require(load(yaml: Self.yaml).configuration)
        let warnings = configuration.warningsAboutRatings(devicesWithCounters: ["m-1", "m-9"])
        #expect(warnings.map(\.line) == [11])
        #expect(warnings.first?.severity == .warning)
    }
}
