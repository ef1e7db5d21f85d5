import Configuration
import DriverProtocol
import Telemetry
import TestSupport
import Testing

@testable import Runtime

/// What of a bus is shown to whom.
struct TraceDeskTests {
    /// A bus with a feeder (device 0) and a household's meter (device 1).
    private func configuration() throws -> GatewayConfiguration {
        let folder = TemporaryFolder("candela-runtime")
        let file = folder.write(
            "gateway.yaml",
            """
            gateway: {id: g1}
            profiles: [profiles]
            buses: {meters: {driver: modbus, port: /dev/ttyS1}}
            devices:
              feeder: {bus: meters, address: 1, profile: p}
              flat: {bus: meters, address: 2, profile: p, privacy: household}

            """)
        folder.write("profiles/p.yaml", "driver: modbus\n")
        let catalog = DriverCatalog(manifests: [
            DriverManifest(driver: "modbus", executable: "x", profileFolder: nil, folder: folder.path)
        ])
        let load = ConfigurationLoader().load(path: file, boards: [], drivers: catalog)
        return try #require(load.configuration, "\(load.diagnostics)")
    }

    private func record(_ bytes: [UInt8], sent: Bool, device: UInt32?) -> DriverTraceRecord {
        var record = DriverTraceRecord()
        record.data.append(contentsOf: bytes)
        record.sent = sent
        record.text = "2 registers: 48151 62"
        if let device {
            record.hasDevice_p = true
            record.device = device
        }
        return record
    }

    private static let question: [UInt8] = [2, 4, 0, 0, 0, 2, 0x71, 0xF8]
    private static let answer: [UInt8] = [2, 4, 4, 0xBC, 0x17, 0x00, 0x3E, 0x12, 0x34]
    private static let order: [UInt8] = [2, 6, 0, 1, 0xBC, 0x17, 0x12, 0x34]

    @Test func `what a household's device answers is hidden, what it is asked is not`() throws {
        let mask = HouseholdMask(devices: try configuration().devices)
        let answered = mask.masked(record(Self.answer, sent: false, device: 1))
        #expect([UInt8](answered.data) == [2, 4, 0, 0, 0, 0, 0, 0, 0])
        #expect(!answered.text.contains("48151"))
        #expect(HouseholdMask.isMasked(answered.text))
        let asked = mask.masked(record(Self.question, sent: true, device: 1))
        #expect([UInt8](asked.data) == Self.question)
        let written = mask.masked(record(Self.order, sent: true, device: 1))
        #expect([UInt8](written.data) == [2, 6, 0, 0, 0, 0, 0, 0])
    }

    @Test func `a feeder's answers are shown, those of nobody in particular are not`() throws {
        let mask = HouseholdMask(devices: try configuration().devices)
        #expect([UInt8](mask.masked(record(Self.answer, sent: false, device: 0)).data) == Self.answer)
        #expect([UInt8](mask.masked(record(Self.answer, sent: false, device: nil)).data) != Self.answer)
    }

    @Test func `a bus without households hides nothing`() throws {
        let mask = HouseholdMask(devices: try configuration().devices.filter { $0.privacy == nil })
        #expect([UInt8](mask.masked(record(Self.answer, sent: false, device: nil)).data) == Self.answer)
    }

    @Test func `the trace is on exactly while somebody follows it`() async throws {
        let desk = TraceDesk(configuration: try configuration())
        let (first, isFirst) = desk.listen(to: "meters")
        let (second, isSecond) = desk.listen(to: "meters")
        #expect(isFirst && !isSecond)
        desk.take(record(Self.question, sent: true, device: 0), of: "meters")
        for listener in [first, second] {
            var records = listener.records.makeAsyncIterator()
            #expect(await records.next().map { [UInt8]($0.data) } == Self.question)
        }
        #expect(!desk.leave(first, bus: "meters"))
        #expect(desk.isFollowed("meters"))
        #expect(desk.leave(second, bus: "meters"))
        #expect(!desk.isFollowed("meters"))
    }

    @Test func `the ring of a bus with a household keeps what was asked and hides the answers`() throws {
        let ring = try JSONValue(
            parsing:
                #"{"frozen":true,"exchanges":[{"boot_ns":1,"sent":"02 04","received":"BC 17","outcome":"answer","words":"48151"}]}"#
        )
        let masked = TaskArguments.masked(ring: ring).description
        #expect(masked == #"{"frozen":true,"exchanges":[{"boot_ns":1,"sent":"02 04","outcome":"answer"}]}"#)
    }

    @Test func `profiles go into the arguments where they are asked for`() {
        var asked: [[String]?] = []
        let arguments: [JSONValue.Member] = [
            .init("unit", 1), .init("profiles", "library"), .init("other", ["a"]),
        ]
        let filled = TaskArguments.withProfiles(arguments) { names in
            asked.append(names)
            return []
        }
        #expect(filled.map(\.value) == [1, [:], ["a"]])
        #expect(asked == [nil])
        _ = TaskArguments.withProfiles([.init("profiles", ["a", "b"])]) { names in
            asked.append(names)
            return []
        }
        #expect(asked.last == ["a", "b"])
    }
}
