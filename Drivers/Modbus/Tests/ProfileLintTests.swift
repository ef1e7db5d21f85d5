import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

@Suite struct `Profile check` {
    static let head = "driver: modbus\nstatus: unverified\nmedium: electricity\nevidence: [a manual]\n"
    static let test = """

        tests:
          - {read: {at: 0, count: 1}, answer: \"00 E6\", expect: {voltage.L1: 230}}
        """

    private func warnings(_ text: String, library: [String: String] = [:], name: String = "acme-m1") throws -> [String]
    {
        let arguments = TaskNode.map([
            ("profile", TaskNode.text(name)), ("source", TaskNode.text("/x/acme-m1.yaml")),
            ("content", try MiniYAML.parse(text)),
            ("profiles", TaskNode.map(try library.map { ($0.key, try MiniYAML.parse($0.value)) })),
        ])
        guard case .done(let result) = ProfileCheckTask.check(arguments) else { return ["the task failed"] }
        let entries = result.map.entries.first { $0.key == "diagnostics" }?.value.list.items ?? []
        return entries.map { entry in
            let keys = Dictionary(uniqueKeysWithValues: entry.map.entries.map { ($0.key, $0.value) })
            let path = keys["path"]?.list.items.map(\.text).joined(separator: ".") ?? ""
            return "\(path): \(keys["message"]?.text ?? "")"
        }
    }

    private func check(_ lines: String..., head more: String = "") throws -> [String] {
        let values = lines.map { "  - {\($0)}" }.joined(separator: "\n")
        return try warnings(Self.head + more + "values:\n" + values + Self.test)
    }

    static let voltage = "quantity: voltage, phase: L1, at: 0, as: u16, unit: V"

    @Test func `a sound profile has nothing to say`() throws {
        #expect(try check(Self.voltage).isEmpty)
    }

    @Test func `overlapping values`() throws {
        #expect(
            try check(
                Self.voltage, "quantity: frequency, at: 3, as: f32, unit: Hz",
                "quantity: active_power, at: 4, as: f32, unit: W")
                == ["values.2.at: frequency and active_power overlap"])
        #expect(
            try check(Self.voltage, "quantity: frequency, at: 0, as: u16, unit: Hz")
                == ["values.1.at: voltage.L1 and frequency are the same registers"])
    }

    @Test func `an implausible scale`() throws {
        #expect(
            try check(Self.voltage, "quantity: voltage, phase: L2, at: 1, as: u16, scale: 0.001, unit: V")
                == ["values.1.scale: voltage.L2 never exceeds 65.535 V with this scale; usual is 80..300 V"])
        #expect(
            try check(Self.voltage, "quantity: frequency, at: 1, as: u16, scale: 100, unit: Hz")
                == ["values.1.scale: one step of frequency is 100 Hz; usual is 45..65 Hz"])
    }

    @Test func `an odd address where only even requests go, and a short counter`() throws {
        let found = try warnings(
            Self.head
                + "limits: {even_only: true}\nvalues:\n  - {quantity: voltage, phase: L1, at: 1, as: f32, unit: V}")
        #expect(
            found.contains(
                "values.0.at: voltage.L1 begins at an odd address of a product that takes even requests only"))
        #expect(
            try check(Self.voltage, "quantity: active_energy_import, at: 1, as: u16, unit: kW.h")
                == [
                    "values.1.as: active_energy_import is a counter of 16 bits and does not say where it starts again (rollover)"
                ])
    }

    @Test func `missing tests, evidence and medium`() throws {
        let found = try warnings("driver: modbus\nstatus: verified\nvalues:\n  - {\(Self.voltage)}")
        #expect(found.count == 4, "\(found)")
    }

    @Test func `a test that expects what is not usual`() throws {
        let found = try warnings(
            Self.head
                + "values:\n  - {\(Self.voltage)}\ntests:\n  - {read: {at: 0, count: 1}, answer: \"08 FC\", expect: {voltage.L1: 2300}}"
        )
        #expect(found == ["tests.0: the test expects voltage.L1 to be 2300 V; usual is 80..300 V"])
    }

    @Test func `an address beside that of the neighbour with the same map`() throws {
        let phases = ["L1", "L2", "L3", "L1-L2", "L2-L3", "L3-L1"].enumerated().map {
            "  - {quantity: voltage, phase: \($0.element), at: \($0.offset), as: u16, unit: V}"
        }.joined(separator: "\n")
        func profile(_ at: Int) -> String {
            Self.head + "values:\n\(phases)\n  - {quantity: frequency, at: \(at), as: u16, scale: 0.1, unit: Hz}"
                + Self.test
        }
        let found = try warnings(profile(50), library: ["acme-m2": profile(51), "other-m1": profile(49)])
        #expect(
            found == [
                "values.6.at: frequency is at 0x0032, in acme-m2, which has 6 values at the same addresses, at 0x0033: one of them is off by one"
            ])
    }

    @Test func `errors come with their place as well`() throws {
        #expect(
            try warnings("driver: modbus\nstatus: verified\nvalues:\n  - {quantity: voltage, at: 0, as: u61, unit: V}")
                .contains { $0.hasPrefix("values.0.as: ") })
    }

    @Test func `explained with the manual's numbers`() throws {
        let text =
            Self.head
            + "numbers: {base: modicon}\nvalues:\n  - {quantity: voltage, phase: L1, at: 30013, as: f32, unit: V}"
        let arguments = TaskNode.map([("profile", TaskNode.text("acme-m1")), ("content", try MiniYAML.parse(text))])
        guard case .done(let result) = ProfileExplainTask.explain(arguments) else {
            Issue.record("the task failed")
            return
        }
        let row = result.map.entries.first { $0.key == "values" }?.value.list.items.first
        let keys = Dictionary(uniqueKeysWithValues: row?.map.entries.map { ($0.key, $0.value.text) } ?? [])
        #expect(keys["wire"] == "input 0x000C" && keys["manual"] == "30013")
    }
}
