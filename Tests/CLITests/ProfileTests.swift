import Telemetry
import TestSupport
import Testing

/// The library from the command line, without a port.
struct ProfileTests {
    private func run(_ arguments: [String], merged: Bool = true) async throws -> Candela {
        try await Candela.run(
            ["profile"] + arguments + [
                "--drivers", Project.root + "/Drivers", "--config", "/nonexistent/gateway.yaml",
            ],
            merged: merged)
    }

    @Test func `the list names each profile once, with what is known of it`() async throws {
        let shown = try await run(["list", "--json"], merged: false)
        guard case .array(let profiles) = try JSONValue(parsing: shown.text) else { return #expect(Bool(false)) }
        let names = profiles.compactMap { $0["profile"]?.text }
        #expect(names.contains("eastron-sdm630"))
        #expect(Set(names).count == names.count)
        #expect(profiles.allSatisfy { $0["status"]?.text != "-" })
        let one = try await run(["list", "sdm630"])
        #expect(one.lines.contains { $0.hasPrefix("eastron-sdm630 ") }, "\(one.text)")
        #expect(!one.lines.contains { $0.hasPrefix("abb-b23 ") })
    }

    @Test func `a profile is shown with its evidence`() async throws {
        let shown = try await run(["show", "eastron-sdm630"])
        #expect(shown.status == 0, "\(shown.text)")
        #expect(shown.lines.contains { $0.hasPrefix("evidence  ") })
        #expect(shown.text.contains("voltage"), "\(shown.text)")
    }

    @Test func `an unknown profile is named with the nearest one`() async throws {
        let shown = try await run(["show", "eastron-sdm63"])
        #expect(shown.status == 2)
        #expect(shown.text.contains("did you mean eastron-sdm63"), "\(shown.text)")
    }

    @Test func `what is no YAML is said with its line`() async throws {
        let folder = TemporaryFolder("candela-cli")
        let file = folder.write("acme.yaml", "driver: modbus\nvalues: [\n")
        let shown = try await run(["check", file])
        #expect(shown.status == 2, "\(shown.text)")
        #expect(shown.text.contains("\(file):"), "\(shown.text)")
    }
}
