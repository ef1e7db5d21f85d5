import Normalization
import Telemetry
import Testing

/// What survives a restart, and what becomes of damaged or foreign bytes.
@Suite struct StateTests {
    static let rules = DeviceRules(
        rating: VirtualMeter.rating,
        windows: [
            WindowOptions(every: .seconds(900), points: [VirtualMeter.energy]),
            WindowOptions(every: .seconds(900), points: [VirtualMeter.power], values: [.average, .minimum, .maximum]),
        ])

    /// A meter with everything that state can hold: epochs, a doubt, a serial number, open windows.
    static func meter() -> VirtualMeter {
        var meter = VirtualMeter(rules: rules)
        meter.read("4711.5", power: "230.5", serial: "A", raw: [1, 2], at: 2_000_000)
        meter.read("12.5", power: "231", serial: "B", at: 2_000_010)
        meter.read("80000", power: "-3", serial: "B", at: 2_000_020)
        return meter
    }

    @Test func `a restart within the boot changes nothing`() throws {
        var meter = Self.meter()
        try meter.restart()
        meter.read("80000", serial: "B", at: 2_000_030)
        meter.read("80000.1", serial: "B", at: 2_000_040)
        #expect(meter.course == ["good 1", "good 2", "implausible 2", "implausible 2", "discontinuity 3"])
    }

    @Test func `what is written is read, to the byte`() throws {
        let meter = Self.meter()
        let state = meter.normalizer.state
        var other = DeviceNormalizer(device: "feeder-a", points: meter.points, rules: meter.rules)
        try other.restore(state, clock: meter.clock)
        var third = DeviceNormalizer(device: "feeder-a", points: [])
        try third.restore(other.state, clock: meter.clock)
        third.reconfigure(points: meter.points, rules: meter.rules)
        _ = third.normalize([], clock: meter.clock)
        _ = other.normalize([], clock: meter.clock)
        #expect(third.state == other.state)
        #expect(state.count < 400)
    }

    @Test func `points that are away for a while keep their counters`() {
        var meter = Self.meter()
        meter.normalizer.reconfigure(points: [])
        meter.normalizer.reconfigure(
            points: Array(meter.points.prefix(1)), rules: DeviceRules(rating: meter.rules.rating))
        meter.points = Array(meter.points.prefix(1))
        meter.read("12.6", at: 2_000_030)
        #expect(meter.course.last == "good 2")
    }

    @Test func `bytes cut short or changed are refused or read, and never a trap`() {
        let meter = Self.meter()
        let state = meter.normalizer.state
        var refused = 0
        for length in 0..<state.count {
            var device = DeviceNormalizer(device: "m", points: meter.points, rules: meter.rules)
            do { try device.restore(Array(state.prefix(length)), clock: meter.clock) } catch { refused += 1 }
        }
        #expect(refused == state.count)
        for position in state.indices {
            for value in [UInt8(0), 0x7F, 0x80, 0xFF] {
                var bytes = state
                bytes[position] = value
                var copy = meter
                copy.normalizer = DeviceNormalizer(device: "m", points: meter.points, rules: meter.rules)
                try? copy.normalizer.restore(bytes, clock: meter.clock)
                copy.read("12.7", power: "5", serial: "B", at: 2_000_030)
                copy.read("12.7", power: "5", serial: "B", at: 2_000_031)
            }
        }
    }

    @Test func `state of a newer version is refused with both numbers`() {
        let meter = Self.meter()
        var bytes = meter.normalizer.state
        bytes[0] = 9
        var device = DeviceNormalizer(device: "m", points: [])
        #expect {
            try device.restore(bytes, clock: meter.clock)
        } throws: {
            "\($0)".contains("version 9") && "\($0)".contains("reads 1")
        }
    }

    @Test func `state is offered when a register moved and not with every sample`() {
        var meter = VirtualMeter(rules: DeviceRules(rating: VirtualMeter.rating))
        #expect(meter.read("5", power: "1", serial: "A", at: 2_000_000).isStateChanged)
        #expect(!meter.read("5", power: "2", at: 2_000_010).isStateChanged)
        #expect(meter.read("5.1", power: "2", at: 2_000_020).isStateChanged)
        #expect(!meter.read(nil, power: "3", at: 2_000_030).isStateChanged)
        // The age of a register that stands is written now and then.
        #expect(!meter.read("5.1", at: 2_000_040).isStateChanged)
        #expect(meter.read("5.1", at: 2_000_050).isStateChanged)
    }

    // MARK: - First reading after a restart

    struct Return: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var before: String
        var wasTrusted = true
        var isTrusted = true
        /// The gateway was away for so many seconds.
        var away: Int64
        var reads: [(String, String?)]
        var course: [String]
        var tale: [String] = []
    }

    static let returns: [Return] = [
        Return(
            testDescription: "consumption while it was off", before: "4711.5", away: 3_600,
            reads: [("4721.5", "A"), ("4721.6", nil)], course: ["good 1", "good 1"]),
        Return(
            testDescription: "the serial number comes after the register", before: "4711.5", away: 3_600,
            reads: [("4721.5", nil), ("4721.6", "A")], course: ["discontinuity 1", "good 1"]),
        Return(
            testDescription: "a spike at the first reading", before: "4711.5", away: 3_600,
            reads: [("57711.5", "A"), ("4721.6", "A")], course: ["implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 57711.5 epoch 1"]),
        Return(
            testDescription: "reset while it was off", before: "4711.5", away: 3_600,
            reads: [("3.05", "A"), ("3.1", "A"), ("3.2", "A")], course: ["counterReset 1", "good 2", "good 2"],
            tale: ["counter_reset 4711.5 > 3.1 epoch 2"]),
        Return(
            testDescription: "exchange while it was off", before: "4711.5", away: 3_600,
            reads: [("4715.02", "B"), ("4715.1", "B")], course: ["good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 4715.02 epoch 2"]),
        Return(
            testDescription: "rollover while it was off", before: "99995.5", away: 3_600,
            reads: [("3.05", "A"), ("3.1", "A")], course: ["good 2", "good 2"],
            tale: ["counter_rollover 99995.5 > 3.05 epoch 2"]),
        Return(
            testDescription: "nobody knows how long it was off, and it goes on", before: "4711.5", isTrusted: false,
            away: 3_600, reads: [("4721.5", "A"), ("4721.6", "A")], course: ["discontinuity 1", "good 1"]),
        Return(
            testDescription: "the boot before never knew the time", before: "4711.5", wasTrusted: false, away: 3_600,
            reads: [("4721.5", "A"), ("4721.6", "A")], course: ["discontinuity 1", "good 1"]),
        Return(
            testDescription: "nobody knows how long it was off: no rollover without time", before: "99995.5",
            isTrusted: false, away: 3_600, reads: [("3.05", "A"), ("3.1", "A")],
            course: ["counterReset 1", "good 2"], tale: ["counter_reset 99995.5 > 3.1 epoch 2"]),
        Return(
            testDescription: "nobody knows how long it was off: a spike is not believed at once", before: "4711.5",
            isTrusted: false, away: 3_600, reads: [("57711.5", "A"), ("4721.6", "A"), ("4721.7", "A")],
            course: ["discontinuity 1", "discontinuity 1", "good 1"]),
    ]

    @Test(arguments: returns)
    func `the first register after a restart`(row: Return) throws {
        var meter = VirtualMeter()
        meter.isTrusted = row.wasTrusted
        meter.read(row.before, serial: "A", at: 2_000_000)
        try meter.restart(rebootAt: 2_000_000 + row.away - 40)
        meter.isTrusted = row.isTrusted
        for (index, (register, serial)) in row.reads.enumerated() {
            meter.read(register, serial: serial, at: Double(2_000_000 + row.away + Int64(index) * 10))
        }
        #expect(Array(meter.course.dropFirst()) == row.course)
        #expect(meter.tale == row.tale)
    }
}
