import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

@Suite struct MemoryBankTests {
    private static func field(_ bank: UInt8, _ name: String) -> BankField {
        guard let field = MemoryBank.numbered(bank)?.field(name) else {
            preconditionFailure("no field \(name) in bank \(bank)")
        }
        return field
    }

    @Test(
        arguments: [
            (202, "active_energy", [0xFD, 0, 0, 0, 0x12, 0xD6, 0x87], "1234.567"),
            (202, "active_energy", [0x06, 0, 0, 0, 0, 0, 1], "1000000"),
            (202, "active_energy", [0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFD], "281474976710653"),
            (202, "active_power", [0xFF, 0, 0, 1, 0xA4], "42"),
            (205, "supply_voltage", [0x08, 0xFC], "230"),
            (205, "power_factor", [95], "0.95"),
            (205, "temperature", [0], "-60"),
            (205, "temperature", [0xFD], "193"),
            (206, "current", [0x02, 0x5E], "0.606"),
            (207, "useful_life", [100], "100000"),
            (0, "firmware_version", [1, 2], "1.2"),
            (0, "part_102_version", [0x08], "2.0"),
            (0, "identification_number", [0xFF, 0, 0, 0, 0, 0, 0, 1], "18374686479671623681"),
            (206, "open_circuit", [1], "true"),
            (1, "luminaire_identification", [0x52, 0x32, 0], "R2"),
        ] as [(UInt8, String, [UInt8], String)])
    func `a field reads as the standard says`(_ bank: UInt8, _ name: String, _ bytes: [UInt8], _ text: String) {
        let (value, quality) = Self.field(bank, name).decode(bytes)
        #expect(value?.description == text)
        #expect(quality == .good)
    }

    @Test(
        arguments: [
            // FFh is 10^-1 as a scale: only the number has a TMASK.
            (202, "active_energy", [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE], .deviceReported),
            (202, "active_energy", [0x07, 0, 0, 0, 0, 0, 1], .outOfRange),
            (202, "active_energy", [0xF9, 0, 0, 0, 0, 0, 1], .outOfRange),
            (202, "active_energy", [0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .outOfRange),
            (205, "supply_voltage", [0xFF, 0xFF], .notSupported),
            (205, "supply_voltage", [0xFF, 0xFE], .deviceReported),
            (205, "power_factor", [101], .outOfRange),
            (206, "open_circuit", [0xFF], .notSupported),
            (206, "open_circuit", [2], .outOfRange),
            (0, "part_103_version", [0xFF], .notSupported),
            (1, "luminaire_identification", [0xC3, 0xA4, 0], .outOfRange),
            (1, "luminaire_identification", [0xFF, 0xFF, 0xFF], .notSupported),
        ] as [(UInt8, String, [UInt8], Quality.Reason)])
    func `what is no value has a reason`(_ bank: UInt8, _ name: String, _ bytes: [UInt8], _ reason: Quality.Reason) {
        let (value, quality) = Self.field(bank, name).decode(bytes)
        #expect(value == nil)
        #expect(quality == .bad(reason))
    }

    @Test func `every point of the table has its field, and no two the same name`() {
        for point in LampPoint.allCases {
            guard case .memory(let bank, let name) = point.source else { continue }
            #expect(MemoryBank.numbered(bank)?.field(name) != nil, "\(point.rawValue)")
        }
        #expect(Set(LampPoint.table.map(\.name)).count == LampPoint.table.count)
        for bank in MemoryBank.all {
            let places = bank.fields.flatMap(\.locations)
            #expect(Set(places).count == places.count, "fields of bank \(bank.number) overlap")
        }
    }

    @Test(.enabled(if: Python.isAvailable, Python.whyNot))
    func `python-dali reads the same out of the same bytes`() throws {
        var random = SystemRandomNumberGenerator.seeded(4711)
        var images: [(bank: MemoryBank, bytes: [UInt8])] = []
        for bank in MemoryBank.all {
            let last = bank.fields.map { Int($0.locations.upperBound) }.max() ?? 0
            for round in 0..<40 {
                var bytes = (0...last).map { _ in UInt8.random(in: 0...255, using: &random) }
                for field in bank.fields {
                    // Fields as wholes: MASK, TMASK, small numbers, as they are.
                    let fill: [UInt8]? =
                        switch (round + Int(field.first)) % 4 {
                        case 0: Array(repeating: 0xFF, count: Int(field.count))
                        case 1: Array(repeating: 0xFF, count: Int(field.count) - 1) + [0xFE]
                        case 2: Array(repeating: 0, count: Int(field.count) - 1) + [UInt8(round % 3)]
                        default: nil
                        }
                    guard let fill else { continue }
                    bytes.replaceSubrange(Int(field.first)...Int(field.locations.upperBound), with: fill)
                    if field.coding == .scaled { bytes[Int(field.first)] = UInt8(bitPattern: Int8(round % 13) - 6) }
                }
                bytes[0] = UInt8(last)
                images.append((bank, bytes))
            }
        }
        let input = images.map { image in
            "\(image.bank.number) " + image.bytes.map { String($0) }.joined(separator: ",")
        }
        let printed = try Python.run(Self.script, input: input.joined(separator: "\n") + "\n")
        var compared = 0
        for line in printed.split(separator: "\n") {
            // An empty text is a value too.
            let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            try #require(parts.count == 3)
            let image = images[Int(parts[0]) ?? 0]
            guard let field = image.bank.fields.first(where: { String($0.first) == parts[1] }) else { continue }
            if Self.isOurs(field, image.bytes) { continue }
            let read = BankImage(
                lastLocation: image.bytes[0],
                bytes: Dictionary(uniqueKeysWithValues: image.bytes.enumerated().map { (UInt8($0), $1) })
            ).read(field)
            compared += 1
            #expect(Self.word(read) == parts[2], "bank \(image.bank.number) \(field.name)")
        }
        #expect(compared > 1500)
    }

    /// Where this driver says more than the peer: texts of bytes that nobody reads, and article numbers of all ones.
    private static func isOurs(_ field: BankField, _ bytes: [UInt8]) -> Bool {
        let raw = field.locations.map { bytes[Int($0)] }
        return field.coding == .text || field.name == "light_distribution_type"
            || (field.coding == .identifier && raw.allSatisfy { $0 == 0xFF })
    }

    private static func word(_ read: (value: Value?, quality: Quality)) -> String {
        switch (read.value, read.quality.reason) {
        case (.flag(let flag)?, _): flag ? "True" : "False"
        case (let value?, _): value.description
        case (nil, .notSupported): "MASK"
        case (nil, .deviceReported): "TMASK"
        default: "Invalid"
        }
    }

    private static let script = """
        import sys
        from decimal import Decimal
        from dali.memory import info, oem, energy, diagnostics, maintenance
        from dali.memory.location import FlagValue
        banks = {0: info.BANK_0, 1: oem.BANK_1, 202: energy.BANK_202, 203: energy.BANK_203, 204: energy.BANK_204,
                 205: diagnostics.BANK_205, 206: diagnostics.BANK_206, 207: maintenance.BANK_207}
        for number, line in enumerate(sys.stdin):
            bank, data = line.split()
            raw = [int(x) for x in data.split(",")]
            for value in banks[int(bank)].values:
                try:
                    r = value.from_list(raw)
                except Exception as error:
                    continue
                if isinstance(r, FlagValue):
                    text = r.name
                elif r == "not implemented":
                    text = "MASK"
                elif r == "Part 209 implemented":
                    text = "TMASK"
                elif isinstance(r, Decimal):
                    text = format(r.normalize(), "f")
                else:
                    text = str(r)
                print(number, value.locations[0].address, text)
        """
}

/// Repeatable chance for tests.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var mixed = state
        mixed = (mixed ^ (mixed >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        return mixed ^ (mixed >> 33)
    }
}

extension SystemRandomNumberGenerator {
    static func seeded(_ seed: UInt64) -> SeededRandom { SeededRandom(state: seed) }
}
