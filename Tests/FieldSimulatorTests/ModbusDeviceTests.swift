import Telemetry
import Testing

@testable import FieldSimulator

@Suite struct `Modbus devices` {
    struct Refusal: CustomStringConvertible, Sendable {
        let description: String
        let product: String
        let request: [UInt8]
        let expected: UInt8
    }

    static let refusals: [Refusal] = [
        Refusal(
            description: "a function the product lacks", product: "eastron-sdm630", request: readRequest(1, 0, 1),
            expected: 1),
        Refusal(
            description: "an odd count on an Eastron", product: "eastron-sdm120", request: readRequest(4, 0, 3),
            expected: 3),
        Refusal(
            description: "more than 40 registers on an SDM120", product: "eastron-sdm120",
            request: readRequest(4, 0, 42), expected: 3),
        Refusal(
            description: "more than 80 registers on an SDM630", product: "eastron-sdm630",
            request: readRequest(4, 0, 82), expected: 3),
        Refusal(
            description: "a place outside the map", product: "eastron-sdm630", request: readRequest(4, 5000, 2),
            expected: 2),
        Refusal(
            description: "a block that leaves the map", product: "janitza-umg96rm", request: readRequest(3, 19120, 4),
            expected: 2),
        Refusal(
            description: "126 registers", product: "janitza-umg96rm", request: readRequest(3, 19000, 126), expected: 3),
        Refusal(description: "no register at all", product: "abb-b23", request: readRequest(3, 23296, 0), expected: 3),
        Refusal(
            description: "input registers on a holding product", product: "abb-b23", request: readRequest(4, 23296, 2),
            expected: 1),
        Refusal(
            description: "past the last address", product: "cabinet-io", request: readRequest(3, 0xFFFF, 2), expected: 2
        ),
        Refusal(description: "a cut-off request", product: "abb-b23", request: [3, 0x5B], expected: 3),
        Refusal(
            description: "a measured value written", product: "cabinet-io", request: [6, 0, 16, 0, 1], expected: 2),
        Refusal(
            description: "a coil set to 0x1234", product: "cabinet-io", request: [5, 0, 0, 0x12, 0x34], expected: 3),
        Refusal(
            description: "a byte count that lies", product: "cabinet-io", request: [16, 0, 0, 0, 2, 2, 0, 1],
            expected: 3),
    ]

    @Test(arguments: refusals)
    func `what a product refuses it refuses with the right exception`(_ refusal: Refusal) throws {
        #expect(try device(refusal.product).ask(refusal.request) == .exception(refusal.expected))
    }

    @Test func `an Eastron answers one single register with its instrument code`() throws {
        #expect(try device("eastron-sdm120").ask(readRequest(4, 10, 1)) == .data([2, 0, 0x20]))
    }

    @Test func `holes in an Eastron's map read as zero and in an ABB's as not available`() throws {
        #expect(try device("eastron-sdm120").ask(readRequest(4, 2, 2)) == .data([4, 0, 0, 0, 0]))
        let abb = try device("abb-b23")
        #expect(abb.ask(readRequest(3, 23341, 1)) == .data([2, 0xFF, 0xFF]))
    }

    @Test func `Janitza shows the same through both read functions`() throws {
        let meter = try device("janitza-umg96rm")
        #expect(meter.ask(readRequest(3, 19000, 20)) == meter.ask(readRequest(4, 19000, 20)))
    }

    struct Image: CustomStringConvertible, Sendable {
        let description: String
        let product: String
        let point: String
        let value: Double
        let request: [UInt8]
        let expected: [UInt8]
    }

    /// Addresses, widths and scales as the register lists state them; the bytes were computed by hand.
    static let images: [Image] = [
        Image(
            description: "SDM630 voltage as float", product: "eastron-sdm630", point: "voltage.L1", value: 230.1,
            request: readRequest(4, 0, 2), expected: hex("04 43 66 19 9A")),
        Image(
            description: "SDM630 energy in kWh", product: "eastron-sdm630", point: "active_energy_import",
            value: 1_500_000, request: readRequest(4, 72, 2), expected: hex("04 44 BB 80 00")),
        Image(
            description: "UMG96RM energy in Wh", product: "janitza-umg96rm", point: "active_energy_import", value: 1500,
            request: readRequest(3, 19068, 2), expected: hex("04 44 BB 80 00")),
        Image(
            description: "B23 energy as 64 bit in 0.01 kWh", product: "abb-b23", point: "active_energy_import",
            value: 12_345_670, request: readRequest(3, 20480, 4), expected: hex("08 00 00 00 00 00 12 D6 87")),
        Image(
            description: "B23 negative power in 0.01 W", product: "abb-b23", point: "active_power", value: -0.29,
            request: readRequest(3, 23316, 2), expected: hex("04 FF FF FF E3")),
        Image(
            description: "B23 frequency in 0.01 Hz", product: "abb-b23", point: "frequency", value: 49.98,
            request: readRequest(3, 23340, 1), expected: hex("02 13 86")),
        Image(
            description: "water volume with the low word first", product: "bove-ultrasonic-water",
            point: "water_volume", value: 65.537, request: readRequest(3, 7, 2), expected: hex("04 00 01 00 01")),
        Image(
            description: "heat flow in l/h", product: "kamstrup-multical-hc003", point: "heat_flow", value: 1.5,
            request: readRequest(3, 0, 2), expected: hex("04 44 BB 80 00")),
    ]

    @Test(arguments: images)
    func `a value lies where the manual says and as it says`(_ image: Image) throws {
        let meter = try device(image.product)
        #expect(meter.freeze(image.point, at: image.value))
        #expect(meter.ask(image.request) == .data(image.expected))
    }

    @Test func `identification registers tell the model`() throws {
        #expect(try device("abb-b23").ask(readRequest(3, 35168, 2)) == .data([4] + Array("B23 ".utf8)))
    }

    @Test func `no two points of a product overlap and all lie inside its map`() {
        for product in MeterProduct.all {
            var taken: [RegisterTable: Set<UInt16>] = [:]
            for point in product.points {
                for address in point.address..<(point.address + UInt16(point.encoding.width)) {
                    let isNew = taken[point.table, default: []].insert(address).inserted
                    let isInside = product.ranges[point.table]?.contains { $0.contains(address) } ?? false
                    #expect(isNew, "\(product.identifier) \(point.name) at \(address)")
                    #expect(isInside, "\(product.identifier) \(point.name) at \(address)")
                }
            }
        }
    }

    @Test func `every measured point of a meter has a quantity behind it`() {
        for product in MeterProduct.all {
            guard product.model != .none else { continue }
            let meter = ModbusDevice(name: "x", unit: 1, product: product, seed: 1)
            _ = meter.model.advance(to: second(0))
            let quantities = meter.model.quantities()
            for point in product.points where !point.writable && point.text == nil && point.initial == 0 {
                let isKnown =
                    quantities[point.name] != nil || ["serial_number", "baud_rate"].contains(point.name)
                #expect(isKnown, "\(product.identifier) \(point.name)")
            }
        }
    }

    @Test func `coils and setup registers keep what is written to them`() throws {
        let module = try device("cabinet-io")
        #expect(module.ask([5, 0, 2, 0xFF, 0]) == .data([0, 2, 0xFF, 0]))
        #expect(module.ask([15, 0, 4, 0, 3, 1, 0b101]) == .data([0, 4, 0, 3]))
        #expect(module.ask(readRequest(1, 0, 8)) == .data([1, 0b0101_0100]))
        #expect(module.ask(readRequest(2, 0, 2)) == .data([1, 1]))
        #expect(module.ask([6, 0, 3, 0x12, 0x34]) == .data([0, 3, 0x12, 0x34]))
        #expect(module.ask([16, 0, 4, 0, 2, 4, 0, 7, 0, 8]) == .data([0, 4, 0, 2]))
        #expect(module.ask(readRequest(3, 3, 3)) == .data([6, 0x12, 0x34, 0, 7, 0, 8]))
    }

    @Test func `faults change what is answered and end when they are taken back`() throws {
        let meter = try device("abb-b23")
        let request = readRequest(3, 23296, 2)
        meter.faults.exception = 4
        #expect(meter.ask(request) == .exception(4))
        meter.faults.exception = nil
        meter.faults.silent = true
        #expect(meter.ask(request) == .silence)
        meter.faults.silent = false
        meter.faults.late = 300_000_000
        meter.faults.brokenChecks = 1
        guard case .answer(_, let latency, let broken) = meter.serve(request, at: second(0)) else {
            Issue.record("no answer")
            return
        }
        #expect(latency == 320_000_000)
        #expect(broken)
        #expect(meter.faults.brokenChecks == 0)
        meter.faults = DeviceFaults()
        meter.faults.limit = 11
        #expect(meter.ask(readRequest(3, 23296, 12)) == .exception(3))
        #expect(meter.ask(readRequest(3, 23296, 11)) != .exception(3))
        meter.faults = DeviceFaults()
        meter.faults.muteAbove = 11
        #expect(meter.ask(readRequest(3, 23296, 12)) == .silence)
        #expect(meter.ask(request) != .silence)
    }
}

@Suite struct `Rarer functions of a cabinet's module` {
    @Test func `a masked write changes the bits that it names`() throws {
        let module = try device("cabinet-io")
        #expect(module.ask([6, 0, 4, 0, 0x12]) == .data([0, 4, 0, 0x12]))
        #expect(module.ask([22, 0, 4, 0, 0xF2, 0, 0x25]) == .data([0, 4, 0, 0xF2, 0, 0x25]))
        // The standard's own example: 12 hex becomes 17 hex.
        #expect(module.ask(readRequest(3, 4, 1)) == .data([2, 0, 0x17]))
    }

    @Test func `a write with a read writes first`() throws {
        let module = try device("cabinet-io")
        #expect(module.ask([23, 0, 3, 0, 1, 0, 3, 0, 1, 2, 0x12, 0x34]) == .data([2, 0x12, 0x34]))
        #expect(module.ask([23, 0, 3, 0, 1, 0, 200, 0, 1, 2, 0, 0]) == .exception(2))
    }

    @Test func `it says who it is in both ways`() throws {
        let module = try device("cabinet-io", unit: 7)
        #expect(module.ask([17]) == .data([12, 7, 0xFF] + Array("cabinet-io".utf8)))
        guard case .data(let told) = module.ask([43, 14, 1, 0]) else {
            Issue.record("no identification")
            return
        }
        #expect(Array(told.prefix(6)) == [14, 1, 0x81, 0, 0, 3])
        #expect(module.ask([43, 13, 1, 0]) == .exception(1))
    }
}
