import DriverKit
import DriverProtocol
import DriverTestSupport
import Telemetry
import TestSupport
import Testing

@testable import ModbusDriver

/// Twenty meters that the scan has never seen, made by pymodbus and an encoder that is none of ours.
@Suite(.serialized) struct ScanHiddenMetersTests {
    /// Nobody has this product's profile: the scan must say so.
    static let unpublished = "wago-879-3000"

    @Test(.enabled(if: LibraryImageTests.hasPeers, "no python with pymodbus and PyYAML, or no driver"))
    func `a scan of twenty hidden meters claims nothing that is wrong`() async throws {
        let field = try ChildProcess(
            try #require(Project.python), [Library.tests + "/Python/hidden_meters.py", Library.folder], merged: false)
        let line = try await field.line(containing: "\"meters\"")
        let told = try JSONValue(parsing: Array(line.utf8))
        let port = try #require(told["port"]?.number?.integer)
        var truth: [Int64: String?] = [:]
        for member in try #require(told["meters"]?.members) {
            truth[try #require(Int64(member.key))] = member.value.text
        }
        let result = try Self.scan(port: port)

        let devices = try #require(result["devices"]?.items)
        #expect(devices.count == 20)
        var (right, wrong, hinted, unknown) = ([String](), [String](), [String](), [String]())
        for device in devices {
            let unit = try #require(device["address"]?.number?.integer)
            let actual = truth[unit] ?? nil
            switch device["verdict"]?.text {
            case "identified"?:
                let claimed = device["profile"]?.text ?? ""
                if claimed == actual {
                    right.append(claimed)
                } else {
                    wrong.append("\(unit) is \(actual ?? "no meter") and was called \(claimed)")
                }
            case "candidates"?:
                let names = device["candidates"]?.items?.compactMap(\.text) ?? []
                if let actual, names.contains(actual) { hinted.append(actual) } else { unknown.append("\(unit)") }
            default: unknown.append("\(unit)")
            }
            let reasons: [JSONValue] = device["reasons"]?.items ?? []
            #expect(!reasons.isEmpty, "a verdict without a reason")
        }
        let count = "right \(right), wrong \(wrong), among the candidates \(hinted), not known \(unknown)"
        #expect(wrong.isEmpty, "\(count)")
        #expect(right.count >= 4, "\(count)")
        #expect(right.count + hinted.count >= 10, "\(count)")
        print("scan of 20 hidden meters: \(count)")
        // What nobody knows is not called anything; a meter without a profile gets clues.
        let stranger = devices.first { $0["address"]?.number?.integer == 20 }
        #expect(stranger?["verdict"]?.text == "unknown", "\(stranger?["reasons"]?.items ?? [])")
        let identified = devices.first { $0["profile"]?.text == "abb-b23" }
        #expect(
            identified?["entry"]?.text
                == "meter-127-0-0-1-2: {bus: meters, host: \"127.0.0.1:\(port)\", address: 2, profile: abb-b23}")
        await field.stop()
    }

    private static func scan(port: Int64) throws -> JSONValue {
        var configure = DriverConfigure()
        configure.bus = "meters"
        configure.port = "tcp"
        let driver = try DriverProcess(try #require(DriverProcess.modbus))
        _ = try driver.begin(configure)
        var profiles = DriverNode.Map()
        for name in Library.names where name != unpublished {
            var entry = DriverNode.Entry()
            entry.key = name
            entry.value = try Library.profile(name).content
            profiles.entries.append(entry)
        }
        var arguments = DriverNode(json: [
            "hosts": [.string("127.0.0.1:\(port)")], "addresses": [1, 20], "timeout": "1s",
        ])
        var entry = DriverNode.Entry()
        entry.key = "profiles"
        entry.value.map = profiles
        arguments.map.entries.append(entry)
        try driver.send {
            $0.task.request = 7
            $0.task.name = "scan"
            $0.task.arguments = arguments
        }
        let done = try driver.receive("the scan's end", within: .seconds(120)) { message -> DriverTaskDone? in
            if case .taskDone(let done)? = message.message, done.request == 7 { done } else { nil }
        }
        #expect(done.failure.isEmpty, "\(done.failure)")
        #expect(driver.finish() == 0)
        return done.result.json
    }
}
