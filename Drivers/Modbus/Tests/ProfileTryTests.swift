import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

@Suite struct `The task profile_try` {
    private static let profile = """
        driver: modbus
        status: verified
        numbers: {table: holding}
        limits: {max_registers: 60, gaps: error}
        identify:
          - {at: 12, as: u16, equals: {341: M}}
        values:
          - {quantity: voltage, phase: L1, at: 1, as: u16, unit: V, scale: 0.1}
          - {quantity: voltage, phase: L2, at: 2, as: u16, unit: V, scale: 0.1}
          - {quantity: frequency, at: 10, as: u16, unit: Hz, scale: 0.01}
        """

    private static func tried(
        profile: String = profile, _ slave: @escaping (ModbusRequest, UInt8) -> Exchange.Outcome
    ) throws -> (result: JSONValue?, failure: String?, bench: FakeBench) {
        let bench = try FakeBench()
        bench.slave = slave
        let content = try MiniYAML.parse(profile)
        let task = ProfileTryTask(
            TaskNode.map([
                ("profile", TaskNode.text("test")), ("content", content), ("unit", TaskNode.number(7)),
            ]))
        for _ in 0..<1_000 {
            switch task.step(bench) {
            case .again: continue
            case .wait(let until): bench.now = until
            case .done(let result): return (result.json, nil, bench)
            case .failed(let what): return (nil, what, bench)
            }
        }
        return (nil, "no end", bench)
    }

    private static func rows(_ result: JSONValue?) -> [String: [String]] {
        var rows: [String: [String]] = [:]
        for row in result?["values"]?.items ?? [] {
            rows[row["point"]?.text ?? ""] = ["value", "unit", "verdict"].map { row[$0]?.text ?? "" }
        }
        return rows
    }

    private static func meter(_ words: [UInt16: UInt16], refused: Set<UInt16> = [])
        -> (ModbusRequest, UInt8) -> Exchange.Outcome
    {
        { request, unit in
            guard unit == 7, case .read(_, let address, let count) = request else { return .silence }
            let places = (0..<count).map { address + UInt16($0) }
            if places.contains(where: { refused.contains($0) || words[$0] == nil }) {
                return .answer(.exception(ModbusException(code: 2)))
            }
            return .answer(.words(places.map { words[$0] ?? 0 }))
        }
    }

    @Test func `everything is read once and stands beside what is usual`() throws {
        let (result, failure, bench) = try Self.tried(
            Self.meter([1: 2_301, 2: 23, 10: 4_998, 12: 341]))
        #expect(failure == nil)
        let rows = Self.rows(result)
        #expect(rows["voltage.L1"] == ["230.1", "V", "ok"])
        #expect(rows["voltage.L2"] == ["2.3", "V", "implausible"])
        #expect(rows["frequency"] == ["49.98", "Hz", "ok"])
        #expect(result?["identified"]?.text == "yes, M")
        #expect(result?["doubtful"]?.number?.integer == 1)
        #expect(Set(bench.asked.map(\.request)).count == bench.asked.count)
    }

    @Test func `a register that is not there costs only its own value`() throws {
        let rows = Self.rows(
            try Self.tried(Self.meter([1: 2_301, 2: 2_302, 10: 4_998, 12: 341], refused: [2])).result)
        #expect(rows["voltage.L1"] == ["230.1", "V", "ok"])
        #expect(rows["voltage.L2"]?.first == "")
        #expect(rows["voltage.L2"]?.last.map { $0 != "ok" && !$0.isEmpty } == true)
    }

    @Test func `another product is said to be one`() throws {
        let result = try Self.tried(Self.meter([1: 2_301, 2: 2_302, 10: 4_998, 12: 99])).result
        #expect(result?["identified"]?.text == "no: it holds 99 (0x0063)")
    }

    @Test func `nobody there is a failure with what to check`() throws {
        let (_, failure, bench) = try Self.tried { _, _ in .silence }
        #expect(failure == "unit 7 does not answer; check address, baud rate, parity and wiring")
        #expect(bench.asked.count < 20)
    }

    @Test func `a profile with errors is not tried`() throws {
        let (_, failure, bench) = try Self.tried(
            profile: "driver: modbus\nvalues:\n  - {quantity: voltage, at: 1, as: u99}\n"
        ) {
            _, _ in .silence
        }
        #expect(failure?.hasPrefix("the profile test has errors: ") == true)
        #expect(bench.asked.isEmpty)
    }
}
