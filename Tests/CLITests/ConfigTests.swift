import Telemetry
import TestSupport
import Testing

/// `config check` and `config show` with the drivers that ship. One after the other: each starts three programs.
@Suite(.serialized) struct ConfigTests {
    static let broken = Project.root + "/Tests/ConfigurationTests/Fixtures/broken"
    static let names = TestFiles.names(in: broken).filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }
    static let places = [
        "--drivers", Project.root + "/Drivers", "--boards", Project.root + "/Tests/ConfigurationTests/Fixtures/boards",
    ]

    @Test(arguments: names)
    func `every broken configuration ends with 2 and names its mistakes`(name: String) async throws {
        let checked = try await Candela.run(["config", "check", name + ".yaml"] + Self.places, directory: Self.broken)
        #expect(checked.status == 2, "\(checked.text)")
        let expected = try #require(TestFiles.text(Self.broken + "/\(name).txt"), "\(name).txt is missing")
        for line in expected.split(separator: "\n") {
            #expect(checked.lines.contains { $0.hasPrefix(line) }, "missing: \(line)\nin:\n\(checked.text)")
        }
        #expect(checked.lines.last?.contains("error") == true, "no summary:\n\(checked.text)")
    }

    @Test func `mistakes come in the order of the file`() async throws {
        let checked = try await Candela.run(
            ["config", "check", "several-mistakes.yaml"] + Self.places, directory: Self.broken)
        let places = checked.lines.dropLast().map { line in
            line.split(separator: ":").dropFirst().prefix(2).compactMap { Int($0) }
        }
        #expect(places.count == 7)
        #expect(zip(places, places.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    }

    @Test func `as JSON each mistake has its place`() async throws {
        let checked = try await Candela.run(
            ["config", "check", "--json", "several-mistakes.yaml"] + Self.places, directory: Self.broken, merged: false)
        #expect(checked.status == 2)
        guard case .array(let mistakes) = try JSONValue(parsing: checked.text) else {
            return #expect(Bool(false), "no list")
        }
        #expect(mistakes.count == 7)
        #expect(mistakes[0]["file"]?.text == "several-mistakes.yaml")
        #expect(mistakes[0]["line"]?.number == ExactDecimal(1))
        #expect(mistakes[0]["column"]?.number == ExactDecimal(15))
        #expect(mistakes.allSatisfy { $0["severity"]?.text == "error" && $0["message"]?.text != nil })
        #expect(mistakes[3]["hint"]?.text == "did you mean \"meters\"?")
    }

    @Test func `the drivers are asked, and their word stands at its place in the file`() async throws {
        let folder = TemporaryFolder("candela-cli")
        let file = folder.write(
            "gateway.yaml",
            """
            gateway: {id: g1}
            buses:
              meters: {driver: modbus, port: /dev/ttyS1, baud: 123}
            devices:
              feeder-a: {bus: meters, address: 999, profile: eastron-sdm630}

            """)
        let checked = try await Candela.run(["config", "check", file] + Self.places)
        #expect(checked.status == 2)
        #expect(checked.lines.contains { $0.hasPrefix("\(file):3:52: error: bus meters: ") }, "\(checked.text)")
        #expect(checked.lines.contains { $0.hasPrefix("\(file):5:36: error: device feeder-a: ") }, "\(checked.text)")
    }

    @Test func `warnings alone end with 0`() async throws {
        let folder = TemporaryFolder("candela-cli")
        let file = folder.write(
            "gateway.yaml",
            """
            gateway: {id: g1}
            buses: {meters: {driver: modbus, port: /dev/ttyS1}}
            devices: {feeder-a: {bus: meters, address: 1, profile: eastron-sdm630}}

            """)
        let checked = try await Candela.run(["config", "check", file] + Self.places)
        #expect(checked.status == 0, "\(checked.text)")
        #expect(checked.lines.first?.hasPrefix("\(file):3:11: warning: device feeder-a: ") == true, "\(checked.text)")
        #expect(checked.lines.last == "\(file): ok: 1 device on 1 bus, 0 uplinks; 1 warning")
    }

    @Test(arguments: TestFiles.names(in: Project.root + "/docs/examples").filter { $0.hasSuffix(".yaml") })
    func `the examples that ship have no mistakes`(name: String) async throws {
        let checked = try await Candela.run(
            ["config", "check", name, "--drivers", Project.root + "/Drivers", "--boards", Project.root + "/Boards"],
            directory: Project.root + "/docs/examples")
        #expect(checked.status == 0, "\(checked.text)")
    }

    @Test func `show gives YAML that is sound again, with its origin when asked`() async throws {
        let folder = TemporaryFolder("candela-cli")
        let example = Project.root + "/docs/examples/simulated.yaml"
        let places = ["--drivers", Project.root + "/Drivers", "--boards", Project.root + "/Boards"]
        let shown = try await Candela.run(["config", "show", example] + places)
        #expect(shown.status == 0)
        let copy = folder.write("gateway.yaml", shown.text + "\n")
        let again = try await Candela.run(["config", "show", copy] + places)
        #expect(again.text == shown.text)
        let origin = try await Candela.run(["config", "show", "--origin", example] + places)
        #expect(origin.lines.contains { $0.contains("id: demo") && $0.contains("# \(example):3") }, "\(origin.text)")
        let json = try await Candela.run(["config", "show", "--json", example] + places, merged: false)
        #expect(try JSONValue(parsing: json.text)["gateway"]?["id"]?.text == "demo")
    }
}
