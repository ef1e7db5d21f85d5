import Telemetry
import Testing

@testable import ModbusDriver

/// Registers of a meter that no profile knows.
private struct UnknownMeter {
    var image = RegisterImage()

    mutating func float(_ value: Float, at address: Int, lowFirst: Bool, table: RegisterTable = .holding) {
        let bits = value.bitPattern
        let words = [UInt16(bits >> 16), UInt16(bits & 0xFFFF)]
        image.store(lowFirst ? words.reversed() : words, table: table, at: address)
    }
}

@Suite struct `Register detective` {
    @Test(arguments: [false, true])
    func `three floats near 230 are voltages, in the word order they have`(_ lowFirst: Bool) throws {
        var meter = UnknownMeter()
        for (index, value) in [231.2, 229.7, 232.4, 4.21, 3.9, 5.02, 940, 880, 1_120].enumerated() {
            meter.float(Float(value), at: 0x100 + index * 2, lowFirst: lowFirst)
        }
        meter.float(49.98, at: 0x130, lowFirst: lowFirst)
        let clues = RegisterDetective().examine(meter.image)
        let voltage = try #require(clues.first { $0.quantity == "voltage" && $0.phase == "L1" })
        #expect(voltage.address == 0x100)
        #expect(voltage.encoding.words == (lowFirst ? "as: f32, word_order: low_first" : "as: f32"))
        #expect(clues.filter { $0.quantity == "current" }.map(\.address) == [0x106, 0x108, 0x10A])
        #expect(clues.filter { $0.quantity == "active_power" }.map(\.address) == [0x10C, 0x10E, 0x110])
        #expect(clues.first { $0.quantity == "frequency" }?.address == 0x130)
        #expect(voltage.reason.contains("three neighbours"))
    }

    @Test func `tenths of a volt in single registers are recognised with their scale`() throws {
        var meter = UnknownMeter()
        meter.image.store([2_312, 2_297, 2_324], table: .input, at: 0)
        meter.image.store([5_001], table: .input, at: 0x20)
        let clues = RegisterDetective().examine(meter.image)
        #expect(clues.first { $0.quantity == "voltage" }?.encoding.words == "as: u16, scale: 0.1")
        #expect(clues.first { $0.quantity == "frequency" }?.encoding.words == "as: u16, scale: 0.01")
    }

    @Test(arguments: [
        [UInt16](repeating: 0, count: 60), [UInt16](repeating: 0xFFFF, count: 60), (0..<60).map { UInt16($0) },
    ])
    func `registers without a meter behind them give no clue`(_ words: [UInt16]) {
        var image = RegisterImage()
        image.store(words, table: .holding, at: 0)
        #expect(RegisterDetective().examine(image).isEmpty)
    }

    @Test func `what rose a little between two looks may be a counter`() {
        var before = UnknownMeter()
        var after = UnknownMeter()
        for (index, value) in [231.2, 229.7, 232.4].enumerated() {
            before.float(Float(value), at: index * 2, lowFirst: false)
            after.float(Float(value), at: index * 2, lowFirst: false)
        }
        before.float(12_345.5, at: 0x40, lowFirst: false)
        after.float(12_345.75, at: 0x40, lowFirst: false)
        let clues = RegisterDetective().examine(before.image, later: after.image)
        let counter = clues.first { $0.quantity == "active_energy_import" }
        #expect(counter?.address == 0x40)
        #expect(counter?.weight == 1, "a hint, no more")
    }
}
