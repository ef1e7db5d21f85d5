import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

/// A profile of a few lines and answers of a device.
struct QuirkBench {
    let profile: ModbusProfile
    let problems: [String]

    init(_ lines: String, head: String = "") throws {
        let text = "driver: modbus\nstatus: unverified\n\(head)\nvalues:\n\(lines)"
        var sent = DriverProfile()
        sent.name = "quirk"
        sent.content = try MiniYAML.parse(text)
        let diagnostics = Diagnostics()
        profile = ProfileReader(sent, diagnostics: diagnostics).read()
        problems = diagnostics.all.map(\.message)
    }

    /// - Parameter answers: registers by address of the table's first one, `"input 0x0010": [1, 2]`, in the order of arrival.
    func values(_ answers: [(String, [UInt16])], site: String = "{}") throws -> [String: String] {
        let bench = try ProfileBench(profile, site: try MiniYAML.parse(site))
        let told = bench.values(of: try answers.map { try Self.answer($0.0, $0.1) })
        return told.mapValues { $0.value.map { Self.short("\($0)") } ?? "bad \($0.quality.reason.name)" }
    }

    /// A number with the fewest digits: 230.00 is 230.
    static func short(_ text: String) -> String { ExactDecimal(text)?.normalized.description ?? text }

    private static func answer(_ place: String, _ words: [UInt16]) throws -> ProfileTest.Answer {
        let parts = place.split(separator: " ")
        let table = try #require(RegisterTable(rawValue: String(parts[0])))
        let address = try #require(NodeValue.parseInteger(String(parts[1])))
        return ProfileTest.Answer(
            table: table, address: address, words: table.isBits ? [] : words,
            bits: table.isBits ? words.map { $0 != 0 } : [])
    }
}
