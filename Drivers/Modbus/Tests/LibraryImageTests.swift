import DriverKit
import DriverProtocol
import DriverTestSupport
import Glibc
import Telemetry
import TestSupport
import Testing

@testable import ModbusDriver

/// Every shipped profile against a slave that is none of ours (pymodbus) and that holds an image made from the profile by
/// an encoder that is none of ours either.
@Suite(.serialized) struct LibraryImageTests {
    struct Expected: Sendable {
        /// nil: bad.
        let value: JSONValue?
        let unit: String
    }

    struct Slave: Sendable {
        let profile: String
        let port: Int64
        let points: [String: Expected]
    }

    /// A device is read round in far less; a loaded machine gets time.
    static let round: Duration = .seconds(60)
    /// Longer than a turn takes: everything is read once, and serial numbers do not wait for what is read each second.
    static let interval: UInt64 = 120_000

    static var hasPeers: Bool { Project.python != nil && DriverProcess.modbus != nil }

    @Test(
        .enabled(
            if: hasPeers,
            "no python with pymodbus and PyYAML (CANDELA_PYTHON, or .build/python as scripts/test makes it), or no driver"
        ))
    func `every value of every shipped profile comes out of its image, and nothing but bad of a sentinel`() async throws
    {
        let slaves = try ChildProcess(
            try #require(Project.python), [Library.tests + "/Python/profile_slaves.py", Library.folder], merged: false)
        var (turn, compared) = (0, [Int]())
        while true {
            let line = try await slaves.line(containing: "\"turn\": \(turn),", within: .seconds(60))
            let devices = try Self.devices(try JSONValue(parsing: Array(line.utf8)))
            if devices.isEmpty { break }
            compared.append(try Self.compare(devices, turn))
            turn += 1
            slaves.write("\n")
        }
        // Turn 0 is of all profiles; sentinels of most.
        #expect(compared.count >= 3)
        #expect(compared.first ?? 0 > 2_500, "only \(compared) values were compared")
        await slaves.stop()
    }

    private static func devices(_ document: JSONValue) throws -> [Slave] {
        try (document["devices"]?.members ?? []).map { member in
            var points: [String: Expected] = [:]
            for point in member.value["values"]?.members ?? [] {
                let pair = try #require(point.value.items)
                // A plain nil would be read as JSON's null.
                let value: JSONValue? = if case .null = pair[0] { .none } else { pair[0] }
                points[point.key] = Expected(value: value, unit: pair[1].text ?? "")
            }
            return Slave(
                profile: member.key, port: try #require(member.value["port"]?.number?.integer), points: points)
        }
    }

    /// Reads all devices round and compares every point.
    ///
    /// - Returns: how many points there were.
    private static func compare(_ slaves: [Slave], _ turn: Int) throws -> Int {
        var configure = DriverConfigure()
        configure.port = "tcp"
        for (index, slave) in slaves.enumerated() {
            var device = DriverDevice()
            device.index = UInt32(index)
            device.name = slave.profile
            device.profile = slave.profile
            device.intervalMs = interval
            device.options = try MiniYAML.parse("{address: 1, host: \"127.0.0.1:\(slave.port)\"}")
            configure.devices.append(device)
            configure.profiles.append(try Library.profile(slave.profile))
        }
        let driver = try DriverProcess(try #require(DriverProcess.modbus))
        let descriptions = try driver.begin(configure)
        let total = descriptions.reduce(0) { $0 + $1.points.count }
        let told = try driver.watch(descriptions, within: round) { told in
            // Comparing is worth the while only when everything was told.
            told.reduce(0) { $0 + $1.value.count } == total
                && zip(slaves, descriptions).allSatisfy { mistakes($0, $1, told[$1.index] ?? [:]).isEmpty }
        }
        var count = 0
        for (slave, description) in zip(slaves, descriptions) {
            let mistakes = mistakes(slave, description, told[description.index] ?? [:])
            let first = mistakes.prefix(12).joined(separator: "; ")
            #expect(first.isEmpty, "turn \(turn), \(slave.profile): \(mistakes.count) mistakes")
            count += description.points.count
        }
        #expect(driver.finish() == 0)
        return count
    }

    private static func mistakes(
        _ slave: Slave, _ description: DriverDeviceDescription, _ told: [Int: DriverProcess.Told]
    ) -> [String] {
        var mistakes: [String] = []
        if description.points.count != slave.points.count {
            mistakes.append("\(description.points.count) points instead of \(slave.points.count)")
        }
        for (index, point) in description.points.enumerated() {
            guard let expected = slave.points[point.name] else {
                mistakes.append("\(point.name) is in no image")
                continue
            }
            if point.unit != expected.unit {
                mistakes.append("\(point.name) is in \(point.unit) instead of \(expected.unit)")
            }
            guard let told = told[index] else {
                mistakes.append("\(point.name) was not told")
                continue
            }
            if !fits(told, expected) {
                let wanted = expected.value.map { "\($0)" } ?? "bad"
                let got = told.value.map { "\($0)" } ?? "nothing"
                mistakes.append(
                    "\(point.name) is \(got) \(told.quality.grade.name) \(told.quality.reason.name) instead of \(wanted)"
                )
            }
        }
        return mistakes
    }

    private static func fits(_ told: DriverProcess.Told, _ expected: Expected) -> Bool {
        guard let wanted = expected.value else {
            return told.value == nil && told.quality.grade == .bad
                && [.deviceReported, .outOfRange].contains(told.quality.reason)
        }
        guard told.quality == .good else { return false }
        switch (told.value, wanted) {
        case (.number(let number)?, .string(let text)): return number == ExactDecimal(text)
        case (.text(let got)?, .string(let text)): return got == text
        case (.flag(let flag)?, .bool(let wanted)): return flag == wanted
        default: return false
        }
    }
}

extension JSONValue {
    var items: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
    var members: [Member]? { if case .object(let members) = self { members } else { nil } }
}
