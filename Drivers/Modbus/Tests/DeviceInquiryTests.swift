import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

/// Answers of one device, as a table of registers.
private struct TableDevice {
    var image = RegisterImage()
    var identifier: [UInt8] = []

    func reply(to request: ModbusRequest) -> DeviceInquiry.Reply {
        switch request {
        case .read(let table, let address, let count):
            guard let words = image.words(table, at: Int(address), count: count) else {
                return .answer(.exception(ModbusException(code: 2)))
            }
            return .answer(.words(words))
        case .reportServerIdentifier where !identifier.isEmpty: return .answer(.serverIdentifier(identifier))
        default: return .answer(.exception(ModbusException(code: 1)))
        }
    }

    mutating func float(_ value: Float, table: RegisterTable, at address: Int) {
        let bits = value.bitPattern
        image.store([UInt16(bits >> 16), UInt16(bits & 0xFFFF)], table: table, at: address)
    }
}

@Suite struct `Device inquiry` {
    private static func candidate(_ text: String, name: String) throws -> ScanCandidate {
        var profile = DriverProfile()
        profile.name = name
        profile.content = try MiniYAML.parse(text)
        let diagnostics = Diagnostics()
        let read = ProfileReader(profile, diagnostics: diagnostics).read()
        try #require(diagnostics.all.isEmpty, "\(diagnostics.all.map(\.message))")
        return ScanCandidate(read)
    }

    private static func coded(_ code: Int, name: String) throws -> ScanCandidate {
        try candidate(
            """
            driver: modbus
            profile: \(name)
            status: verified
            models: [\(name)]
            numbers: {table: input}
            identify:
              - {table: holding, at: 0x000B, as: u16, alone: true, equals: \(code)}
            values:
              - {quantity: voltage, phase: L1, at: 0, as: f32, unit: V}
              - {quantity: frequency, at: 0x46, as: f32, unit: Hz}
            """, name: name)
    }

    private static func plain(_ name: String, at address: Int = 0) throws -> ScanCandidate {
        try candidate(
            """
            driver: modbus
            profile: \(name)
            status: verified
            numbers: {table: input}
            values:
              - {quantity: voltage, phase: L1, at: \(address), as: f32, unit: V}
              - {quantity: frequency, at: 0x46, as: f32, unit: Hz}
            """, name: name)
    }

    private static func ask(_ device: TableDevice, _ candidates: [ScanCandidate]) -> (DeviceInquiry.Finding, Int) {
        var inquiry = DeviceInquiry(candidates: candidates)
        var asked = 0
        while let request = inquiry.next(), asked < 2_000 {
            asked += 1
            inquiry.take(device.reply(to: request))
        }
        return (inquiry.finding, asked)
    }

    private static func meter() -> TableDevice {
        var device = TableDevice()
        device.float(231.5, table: .input, at: 0)
        device.float(50.02, table: .input, at: 0x46)
        return device
    }

    @Test func `a register that only one profile names identifies, when the values fit`() throws {
        var device = Self.meter()
        device.image.store([341], table: .holding, at: 0x0B)
        let (finding, _) = Self.ask(device, [try Self.coded(341, name: "maker-a341"), try Self.coded(342, name: "maker-b342")])
        #expect(finding.verdict == .identified(profile: "maker-a341", model: ""))
    }

    @Test func `a mark whose values are nonsense is no identification`() throws {
        var device = TableDevice()
        device.float(3.4e12, table: .input, at: 0)
        device.float(50, table: .input, at: 0x46)
        device.image.store([341], table: .holding, at: 0x0B)
        let (finding, _) = Self.ask(device, [try Self.coded(341, name: "maker-a341")])
        #expect(finding.verdict == .candidates(["maker-a341"]))
        #expect(finding.reasons.joined().contains("voltage.L1 would be"))
    }

    @Test func `two profiles with one mark are candidates, neither is claimed`() throws {
        var device = Self.meter()
        device.image.store([341], table: .holding, at: 0x0B)
        let (finding, _) = Self.ask(device, [try Self.coded(341, name: "maker-a341"), try Self.coded(341, name: "maker-c341")])
        #expect(finding.verdict == .candidates(["maker-a341", "maker-c341"]))
    }

    @Test func `plausible values alone make a candidate, never a claim`() throws {
        let (finding, _) = Self.ask(Self.meter(), [try Self.plain("maker-plain"), try Self.plain("maker-other", at: 0x10)])
        #expect(finding.verdict == .candidates(["maker-plain"]))
        #expect(finding.reasons.joined().contains("proves nothing"))
    }

    @Test func `a device that names itself is known by its name`() throws {
        var device = Self.meter()
        device.identifier = Array("MAKER-PLAIN rev 3".utf8)
        let (finding, asked) = Self.ask(device, [try Self.plain("maker-plain"), try Self.plain("maker-other")])
        #expect(finding.verdict == .identified(profile: "maker-plain", model: ""))
        #expect(asked < 15)
    }

    @Test func `an unknown device gets clues and no profile`() throws {
        var device = TableDevice()
        for (index, value) in [231.2, 229.7, 232.4].enumerated() {
            device.float(Float(value), table: .holding, at: index * 2)
        }
        device.image.store([0, 0, 0, 0], table: .holding, at: 6)
        let (finding, _) = Self.ask(device, [try Self.coded(341, name: "maker-a341")])
        #expect(finding.verdict == .unknown)
        #expect(finding.clues.first?.quantity == "voltage")
    }

    @Test func `SunSpec is known by its mark`() throws {
        var device = TableDevice()
        device.image.store(DeviceInquiry.sunSpecMark, table: .holding, at: 40_000)
        let (finding, _) = Self.ask(device, [try Self.plain("maker-plain")])
        #expect(finding.isSunSpec)
    }

    @Test func `a device that falls silent is not asked for ever`() throws {
        var inquiry = DeviceInquiry(candidates: [try Self.plain("maker-plain")])
        var asked = 0
        while inquiry.next() != nil, asked < 100 {
            asked += 1
            inquiry.take(.nothing)
        }
        #expect(asked == DeviceInquiry.mostSilence)
    }
}
