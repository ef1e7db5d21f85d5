import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import ModbusDriver

/// A device with SunSpec models behind a marker.
struct SunSpecDevice {
    var registers: [Int: UInt16] = [:]

    init(base: Int, models: [(id: Int, length: Int)], hasLengthAfterEnd: Bool = true) {
        put(base, SunSpecModel.marker)
        var position = base + 2
        for model in models {
            put(position, [UInt16(model.id), UInt16(model.length)] + Array(repeating: 0, count: model.length))
            position += 2 + model.length
        }
        put(position, hasLengthAfterEnd ? [0xFFFF, 0] : [0xFFFF])
    }

    mutating func put(_ address: Int, _ words: [UInt16]) {
        for (offset, word) in words.enumerated() { registers[address + offset] = word }
    }

    func answer(_ request: ModbusRequest) -> Exchange.Outcome {
        guard case .read(.holding, let address, let count) = request else {
            return .answer(.exception(ModbusException(code: 1)))
        }
        let words = (0..<count).compactMap { registers[Int(address) + $0] }
        return words.count == count ? .answer(.words(words)) : .answer(.exception(ModbusException(code: 2)))
    }
}

@Suite struct `SunSpec devices` {
    static let profile = """
        driver: modbus
        kind: sunspec
        status: unverified
        models: [1, 201, 202, 203, 204, 211, 212, 213, 214]
        """

    static func walk(_ device: SunSpecDevice) -> SunSpecWalk.Step {
        var walk = SunSpecWalk()
        for _ in 0..<500 {
            guard case .read(let address, let count) = walk.step else { return walk.step }
            if case .answer(.words(let words)) = device.answer(
                .read(table: .holding, at: UInt16(clamping: address), count: count))
            {
                walk.got(words)
            } else {
                walk.got(nil)
            }
        }
        return .nothing("no end")
    }

    @Test(arguments: [0, 40_000, 50_000], [true, false])
    func `the map is found and walked, with or without a length after its end`(_ base: Int, _ isLong: Bool) {
        let device = SunSpecDevice(base: base, models: [(1, 66), (203, 105), (64_001, 10)], hasLengthAfterEnd: isLong)
        #expect(
            Self.walk(device)
                == .found([
                    .init(id: 1, start: base + 2, length: 66), .init(id: 203, start: base + 70, length: 105),
                    .init(id: 64_001, start: base + 177, length: 10),
                ]))
    }

    @Test func `without the marker there is nothing`() {
        #expect(Self.walk(SunSpecDevice(base: 100, models: [])) == .nothing("no SunS marker at 40000, 0, 50000"))
    }

    @Test func `a model shorter than its definition is not read`() {
        #expect(SunSpecWalk.usable([.init(id: 203, start: 70, length: 60)]).isEmpty)
        #expect(
            SunSpecWalk.usable([.init(id: 1, start: 2, length: 65), .init(id: 120, start: 70, length: 26)]).count == 1)
    }

    /// Values of a device by point name, after some time on the bus.
    private func run(_ device: SunSpecDevice, _ options: String = "{address: 1}") throws -> [String: String] {
        let bus = try FakeBus(Self.profile, devices: [options]) { request, _ in device.answer(request) }
        bus.run(.seconds(5))
        var told: [String: String] = [:]
        for sample in bus.samples(0) {
            told[bus.engine.devices[0].descriptors[sample.point].name] =
                sample.value.map { QuirkBench.short("\($0)") } ?? "bad \(sample.quality.reason.name)"
        }
        return told
    }

    @Test func `an integer meter anywhere is read with its scale factors`() throws {
        var device = SunSpecDevice(base: 0, models: [(1, 65), (203, 105)])
        let meter = 69
        device.put(4, [0x4143, 0x4D45])
        device.put(52, [0x534E, 0x3031])
        // voltage L1, frequency, power and energies
        device.put(meter + 7, [0x8000, 2_301, 2_302, 2_303, 0x8000, 0x8000, 0x8000, 0x8000, 0xFFFF])
        device.put(meter + 16, [5_001, 0xFFFE])
        device.put(meter + 18, [0xFF38, 0, 0, 0, 1])
        device.put(meter + 33, [9_800, 0, 0, 0, 0xFFFE])
        device.put(meter + 38, [0, 0] + Array(repeating: 0, count: 6) + [0x0001, 0x0000])
        device.put(meter + 54, [1])
        device.put(meter + 6, [0x8000])
        let told = try run(device)
        #expect(told["manufacturer"] == "ACME" && told["serial_number"] == "SN01")
        #expect(told["voltage.L1"] == "230.1" && told["voltage.avg-LN"] == "bad deviceReported")
        #expect(told["frequency"] == "50.01" && told["active_power"] == "-2000")
        #expect(told["power_factor"] == "0.98")
        #expect(told["active_energy_import"] == "655360" && told["active_energy_export"] == "bad deviceReported")
        #expect(told["current.L1"] == "bad deviceReported")
    }

    @Test func `a float meter gives the same points`() throws {
        var device = SunSpecDevice(base: 40_000, models: [(1, 66), (213, 124)])
        let meter = 40_070
        device.put(meter + 12, [0x4366, 0])
        device.put(meter + 68, [0x4B18, 0x9680])
        device.put(meter + 14, [0x7FC0, 0])
        let told = try run(device)
        #expect(told["voltage.L1"] == "230" && told["voltage.L2"] == "bad outOfRange")
        #expect(told["active_energy_import"] == "10000000")
    }

    @Test func `what the device does not have is not supported, and said once`() throws {
        let told = try run(SunSpecDevice(base: 40_000, models: [(1, 66)]))
        #expect(told["voltage.L1"] == "bad notSupported" && told["serial_number"] == "")
    }

    @Test func `the site may name one model`() throws {
        let device = SunSpecDevice(base: 40_000, models: [(1, 66), (203, 105), (213, 124)])
        #expect(try run(device, "{address: 1, sunspec_model: 213}")["voltage.L1"] == "0")
    }

    @Test func `descriptors do not depend on the device`() throws {
        let answer = BusConfiguration(try configure(Self.profile, devices: ["{address: 1}"])).answer
        let points = try #require(answer.devices.first?.points)
        #expect(answer.diagnostics.isEmpty)
        #expect(points.contains { $0.name == "reactive_energy_q4.L3" && $0.unit == "var.h" })
        #expect(points.count == 66)
    }
}
