import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

@Suite struct `Identity of a device` {
    static let profile = """
        driver: modbus
        status: verified
        identify:
          - {at: 11, as: u16, alone: true, equals: {341: EM340, 342: EM341}}
        values:
          - {quantity: voltage, phase: L1, at: 0, as: u16, unit: V}
        """

    private func run(_ code: UInt16?, _ options: String = "{address: 1}") throws -> FakeBus {
        let bus = try FakeBus(Self.profile, devices: [options]) { request, _ in
            guard case .read(_, let address, let count) = request, address == 11 else { return registers(request) }
            guard let code, count == 1 else { return .answer(.exception(ModbusException(code: 2))) }
            return .answer(.words([code]))
        }
        bus.run(.seconds(5))
        return bus
    }

    @Test func `the right one is read, and nothing is told before it is known`() throws {
        let bus = try run(342)
        #expect(bus.samples(0).allSatisfy { $0.quality == .good })
        #expect(bus.samples(0).count >= 4)
        #expect(bus.engine.devices[0].decoder.model == "EM341")
    }

    @Test func `another product's values are bad wrongDevice, and the log says what was found`() throws {
        let bus = try run(1648)
        #expect(bus.samples(0).count >= 4)
        #expect(bus.samples(0).allSatisfy { $0.quality == .bad(.wrongDevice) && $0.value == nil })
        let lines = bus.notebook.all.lines.filter { $0.contains("this is no test") }
        #expect(lines.count == 1)
        #expect(
            lines.first?.contains("holding 0x000B holds 1648 (0x0670) instead of 341 (0x0155) or 342 (0x0156)") == true)
    }

    @Test func `the site may insist`() throws {
        let bus = try run(1648, "{address: 1, force_profile: true}")
        #expect(bus.samples(0).allSatisfy { $0.quality == .good })
        #expect(!bus.link.log.contains { $0.request == .read(table: .holding, at: 11, count: 1) })
    }

    @Test func `a device that refuses the register is read all the same`() throws {
        let bus = try run(nil)
        #expect(bus.samples(0).contains { $0.quality == .good })
        #expect(bus.notebook.all.lines.contains { $0.contains("which identifies a test; it is read all the same") })
    }

    @Test func `a judge of answers, for a scan`() throws {
        var sent = DriverProfile()
        sent.name = "test"
        sent.content = try MiniYAML.parse(Self.profile)
        let profile = ProfileReader(sent, diagnostics: Diagnostics()).read()
        #expect(profile.identification.map(\.request) == [.read(table: .holding, at: 11, count: 1)])
        #expect(profile.recognises([.words([341])]) == .matches(model: "EM340"))
        #expect(profile.recognises([.words([340])]) == .differs("340 (0x0154)"))
        #expect(profile.recognises([.exception(ModbusException(code: 2))]) == .refused)
        #expect(profile.recognises([]) == nil)
    }

    @Test(arguments: [("ABB B23", true), ("ABC", false)])
    func `a text is known by its beginning`(_ text: String, _ isIt: Bool) throws {
        let codec = RegisterCodec(type: .text(registers: 4))
        let line = Identification(
            source: RegisterSource(table: .holding, address: 0, codec: codec), wanted: .startsWith("ABB"))
        let bytes = Array(text.utf8) + Array(repeating: 0, count: 8 - text.utf8.count)
        let words = stride(from: 0, to: 8, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        #expect(line.verdict(.words(words)).isMatch == isIt)
    }
}
