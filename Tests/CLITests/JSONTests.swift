import Telemetry
import TestSupport
import Testing

/// What programs read.
struct JSONTests {
    private func document(_ arguments: [String]) async throws -> JSONValue {
        try await FakeDaemon.with { socket in
            let shown = try await Candela.run(arguments + ["--json", "--socket", socket], merged: false)
            #expect(shown.lines.count == 1, "\(shown.text)")
            return try JSONValue(parsing: shown.text)
        }
    }

    private func keys(_ value: JSONValue?) -> [String] {
        guard case .object(let members)? = value else { return [] }
        return members.map(\.key)
    }

    @Test func `status carries everything the daemon says`() async throws {
        let status = try await document(["status"])
        #expect(
            keys(status) == [
                "gateway", "version", "boot", "started", "uptime_s", "clock", "clock_source", "clock_error_ms",
                "read_only",
                "configuration_note", "buses", "uplinks", "queue", "alarms", "warnings", "devices_good",
                "devices_total",
                "readings_per_s", "healthy", "locks", "notes",
            ])
        #expect(status["uptime_s"]?.number == ExactDecimal(93_784))
        #expect(status["readings_per_s"]?.number == ExactDecimal("48.25"))
        #expect(status["queue"]?["oldest_unsent"]?.text == "2026-11-21T15:00:00.000Z")
        guard case .array(let buses)? = status["buses"] else { return #expect(Bool(false), "no buses") }
        #expect(buses.map { $0["state"]?.text } == ["running", "running", "port_lost"])
    }

    @Test func `values keep every digit and their type`() async throws {
        guard case .array(let values)? = try await document(["read", "feeder-a"])["values"] else {
            return #expect(Bool(false), "no values")
        }
        let byPoint = Dictionary(uniqueKeysWithValues: values.map { ($0["point"]?.text ?? "", $0["value"]) })
        #expect(byPoint["active_energy_import"] == .number(try #require(ExactDecimal("1234567890.12345678"))))
        #expect(byPoint["serial_number"] == .string("A-17"))
        #expect(byPoint["frequency"] == .null)
    }

    @Test func `a device that never answered has null, not a number`() async throws {
        let device = try await document(["devices", "heat-b9"])
        #expect(device["last_answer_s"] == .null)
        #expect(device["state"]?.text == "disabled")
    }

    @Test func `all devices are a list`() async throws {
        guard case .array(let devices) = try await document(["devices"]) else { return #expect(Bool(false), "no list") }
        #expect(devices.count == 30)
        #expect(devices.first { $0["name"]?.text == "lamp-002" }?["is_lamp"] == .bool(true))
    }

    @Test func `queue, write and lamp answer with one document`() async throws {
        #expect(try await document(["queue", "status"])["last_sequence"]?.number == ExactDecimal(1042))
        let written = try await document(["write", "--yes", "lamp-001", "level", "60"])
        guard case .array(let results)? = written["results"] else { return #expect(Bool(false), "no results") }
        #expect(results.first?["value"] == .number(ExactDecimal(60)))
        guard case .array(let lamps)? = try await document(["lamp", "off", "north-side"])["results"] else {
            return #expect(Bool(false), "no results")
        }
        #expect(lamps.compactMap { $0["device"]?.text } == ["lamp-001", "lamp-002"])
    }

    @Test func `top writes one snapshot per line`() async throws {
        try await FakeDaemon.with { socket in
            let top = try ChildProcess(Project.program("candela"), ["top", "--json", "--socket", socket])
            let lines = try await top.wait("three snapshots") { $0.count >= 3 ? $0 : nil }
            for line in lines.prefix(3) {
                let snapshot = try JSONValue(parsing: line)
                #expect(keys(snapshot) == ["status", "devices"])
                #expect(snapshot["status"]?["gateway"]?.text == "ruhrort-017")
            }
            await top.stop()
        }
    }
}
