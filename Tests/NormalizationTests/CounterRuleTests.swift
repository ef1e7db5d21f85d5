import Normalization
import Telemetry
import Testing

/// docs/counters.md, row by row.
@Suite struct CounterRuleTests {
    struct Step: Sendable {
        var at: Double
        /// nil: the serial number in a request of its own.
        var register: String?
        var serial: String?

        init(_ at: Double, _ register: String? = nil, _ serial: String? = nil) {
            self.at = at
            self.register = register
            self.serial = serial
        }

        init(_ at: Double, serial: String) { self.init(at, nil, serial) }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var isRated = true
        var steps: [Step]
        var course: [String]
        var tale: [String] = []
        /// What a receiver adds up.
        var energy: String
    }

    @Test(arguments: rows)
    func `a row of the table`(row: Row) {
        var meter = VirtualMeter(rules: DeviceRules(rating: row.isRated ? VirtualMeter.rating : nil))
        for step in row.steps { meter.read(step.register, serial: step.serial, at: 2_000_000 + step.at) }
        #expect(meter.course == row.course)
        #expect(meter.tale == row.tale)
        #expect(Receiver(meter.readings).total == ExactDecimal(row.energy))
        // A register leaves as it was read, whatever was thought of it.
        let sent = meter.readings.filter { $0.point == VirtualMeter.energy }.compactMap { $0.value?.description }
        #expect(sent == row.steps.compactMap(\.register))
    }

    @Test func `what the serial number must settle is asked for`() {
        var meter = VirtualMeter()
        meter.read("4711.5", serial: "A", at: 2_000_000)
        #expect(!meter.read("4711.6", at: 2_000_010).wantsIdentity)
        #expect(meter.read("3.5", at: 2_000_020).wantsIdentity)
        #expect(meter.normalizer.identityPoints == ["serial_number"])
        #expect(!meter.read("3.6", serial: "B", at: 2_000_021).wantsIdentity)
        #expect(meter.normalizer.serial == "B")
        #expect(meter.course.last == "good 2")
        let event = meter.events[0]
        #expect(event.detail["serial_before"]?.text == "A")
        #expect(event.detail["serial_after"]?.text == "B")
        #expect(event.severity == .info)
    }

    @Test func `a register of the old meter in one report with the new serial number is still the old one's`() {
        var meter = VirtualMeter()
        meter.read("4711.5", serial: "A", at: 2_000_000)
        func sample(_ point: Int, _ value: Value, _ second: Double) -> Sample {
            Sample(point: point, value: value, quality: .good, acquired: meter.instant(2_000_000 + second))
        }
        let samples = [
            sample(0, .number(ExactDecimal("4711.6")!), 10), sample(2, .text("B"), 10.2),
            sample(0, .number(ExactDecimal("12.3")!), 10.5),
        ]
        let output = meter.normalizer.normalize(samples, clock: meter.clock)
        #expect(output.readings.filter { $0.point == VirtualMeter.energy }.map(\.epoch) == [1, 2])
        #expect(output.events.map(\.kind) == ["meter_exchanged"])
        #expect(output.events.first?.detail["before"]?.number == ExactDecimal("4711.6"))
    }

    @Test func `all counters of another meter begin anew`() {
        let points = [
            PointDescriptor(name: "active_energy_import", kind: .counter, unit: "kW.h"),
            PointDescriptor(name: "active_energy_export", kind: .counter, unit: "kW.h"),
            PointDescriptor(name: "serial_number", kind: .text, unit: "", isIdentity: true),
        ]
        var device = DeviceNormalizer(device: "m", points: points)
        let clock = NormalizerClock(boot: "b", offset: 0, isTrusted: true)
        func samples(_ a: Int64, _ b: Int64, _ serial: String, at second: Int64) -> [Sample] {
            let moment = BootInstant(nanoseconds: second * 1_000_000_000)
            return [
                Sample(point: 0, value: .number(ExactDecimal(a)), quality: .good, acquired: moment),
                Sample(point: 1, value: .number(ExactDecimal(b)), quality: .good, acquired: moment),
                Sample(point: 2, value: .text(serial), quality: .good, acquired: moment),
            ]
        }
        _ = device.normalize(samples(100, 7, "A", at: 0), clock: clock)
        let output = device.normalize(samples(3, 9, "B", at: 10), clock: clock)
        #expect(output.readings.map(\.epoch) == [2, 2, 0])
        #expect(output.events.map(\.kind) == ["meter_exchanged", "meter_exchanged"])
        #expect(output.events.map(\.point) == ["active_energy_import", "active_energy_export"])
        #expect(output.isStateChanged)
    }

    @Test func `another ratio begins a new epoch and says what changed`() throws {
        var meter = VirtualMeter()
        meter.read("4711.5", serial: "A", at: 2_000_000)
        var points = VirtualMeter.points
        points[0] = PointDescriptor(
            name: VirtualMeter.energy, kind: .counter, unit: "kW.h", rollover: ExactDecimal(100_000),
            basis: "scale 0.01, ct_ratio 50")
        try meter.restart(points: points)
        meter.read("235575", at: 2_000_010)
        meter.read("235576", at: 2_000_020)
        #expect(meter.course == ["good 1", "good 2", "good 2"])
        #expect(meter.tale == ["counter_basis_changed 4711.5 > 235575 epoch 2"])
        #expect(meter.events[0].detail["basis_before"]?.text == "scale 0.01, kW.h")
        #expect(meter.events[0].detail["basis_after"]?.text == "scale 0.01, ct_ratio 50, kW.h")
        // Told once: the next start finds it as it left it.
        try meter.restart()
        meter.read("235577", serial: "A", at: 2_000_030)
        #expect(meter.events.count == 1)
    }

    @Test func `another unit is another basis`() throws {
        var meter = VirtualMeter()
        meter.read("4711.5", serial: "A", at: 2_000_000)
        meter.normalizer.reconfigure(
            points: meter.points, options: [VirtualMeter.energy: PointOptions(unit: "W.h")], rules: meter.rules)
        meter.read("4711.6", serial: "A", at: 2_000_010)
        #expect(meter.tale == ["counter_basis_changed 4711.5 > 4711600 epoch 2"])
    }

    @Test func `bad and uncertain registers are not judged and keep the epoch`() {
        var meter = VirtualMeter()
        meter.read("4711.5", at: 2_000_000)
        meter.read(nil, quality: .bad(.communication), at: 2_000_010)
        meter.read("3", quality: .uncertain(.deviceReported), at: 2_000_020)
        meter.read("4711.6", at: 2_000_030)
        #expect(meter.course == ["good 1", "communication 1", "deviceReported 1", "good 1"])
        #expect(meter.events.isEmpty)
    }

    @Test func `a late answer is no step back`() {
        var meter = VirtualMeter()
        meter.read("4711.5", at: 2_000_000)
        meter.read("4711.7", at: 2_000_020)
        meter.read("4711.6", at: 2_000_010)
        meter.read("4711.8", at: 2_000_030)
        #expect(meter.course == ["good 1", "good 1", "stale 1", "good 1"])
        #expect(meter.events.isEmpty)
    }

    @Test func `a new epoch is reported although the value hardly changed`() {
        let options = [
            VirtualMeter.energy: PointOptions(reportOnChange: .absolute(ExactDecimal(1), unit: "kW.h"))
        ]
        var meter = VirtualMeter()
        meter.normalizer.reconfigure(points: meter.points, options: options, rules: meter.rules)
        meter.read("5.0", serial: "A", at: 2_000_000)
        meter.read("5.1", serial: "A", at: 2_000_010)
        meter.read("5.2", serial: "B", at: 2_000_020)
        meter.read("5.3", serial: "B", at: 2_000_030)
        #expect(meter.course == ["good 1", "good 2"])
    }

    @Test func `a value above the profile's maximum is implausible without any rating`() {
        let points = [
            PointDescriptor(name: VirtualMeter.energy, kind: .counter, unit: "kW.h", maximum: ExactDecimal(999_999))
        ]
        var meter = VirtualMeter(points: points, rules: DeviceRules())
        meter.read("5", at: 2_000_000)
        meter.read("4294967295", at: 2_000_010)
        meter.read("6", at: 2_000_020)
        #expect(meter.course == ["good 1", "implausible 1", "good 1"])
    }

    @Test func `a household's events carry no registers`() {
        var meter = VirtualMeter(rules: DeviceRules(rating: VirtualMeter.rating, windowsOnly: true))
        meter.read("48151.62", serial: "A", at: 2_000_000)
        meter.read("12.3", serial: "B", at: 2_000_010)
        #expect(meter.readings.isEmpty)
        #expect(meter.events.map(\.kind) == ["meter_exchanged"])
        #expect(meter.events.allSatisfy { !$0.detail.description.contains("48151.62") })
        #expect(meter.normalizer.latest.allSatisfy { $0.value == nil })
        #expect(meter.normalizer.lost(at: meter.instant(2_000_020)).isEmpty)
    }
}
