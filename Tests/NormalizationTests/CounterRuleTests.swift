import Normalization
import Telemetry
import Testing

/// docs/counters.md, row by row.
@Suite struct CounterRuleTests {
    struct Step: Sendable {
        var at: Double
        var register: String
        var serial: String?

        init(_ at: Double, _ register: String, _ serial: String? = nil) {
            self.at = at
            self.register = register
            self.serial = serial
        }
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

    static let rows: [Row] = [
        Row(
            testDescription: "advance within the rating",
            steps: [Step(0, "4711.5"), Step(10, "4711.6"), Step(20, "4711.6"), Step(60, "4712.1")],
            course: ["good 1", "good 1", "good 1", "good 1"], energy: "0.6"),
        Row(
            testDescription: "a spike of 53 MW.h, once",
            steps: [Step(0, "4711.5"), Step(10, "57711.5"), Step(20, "4711.6")],
            course: ["good 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 57711.5 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "a new level that stays, without a serial number",
            steps: [
                Step(0, "4711.5"), Step(10, "57711.5"), Step(20, "57711.5"), Step(30, "57711.6"), Step(40, "57711.7"),
                Step(50, "57711.9"),
            ],
            course: ["good 1", "implausible 1", "implausible 1", "discontinuity 2", "good 2", "good 2"],
            tale: [
                "counter_implausible 4711.5 > 57711.5 epoch 1", "counter_discontinuity 4711.5 > 57711.6 epoch 2",
            ], energy: "0.2"),
        Row(
            testDescription: "damaged values that do not agree are never believed",
            steps: [
                Step(0, "4711.5"), Step(10, "57711.5"), Step(20, "9711.5"), Step(30, "80000"), Step(40, "33000"),
                Step(50, "4711.6"),
            ],
            course: ["good 1", "implausible 1", "implausible 1", "implausible 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 57711.5 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "a zero, once",
            steps: [Step(0, "4711.5", "A"), Step(10, "0", "A"), Step(20, "4711.6", "A")],
            course: ["good 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 0 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "a zero, once, without a rating",
            isRated: false,
            steps: [Step(0, "4711.5"), Step(10, "0"), Step(20, "4711.6")],
            course: ["good 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 0 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "zeros for half a minute, without a rating: the way back is no consumption",
            isRated: false,
            steps: [
                Step(0, "4711.5"), Step(10, "0"), Step(20, "0"), Step(30, "0"), Step(40, "4711.6"), Step(50, "4711.6"),
                Step(60, "4711.7"), Step(70, "4711.9"),
            ],
            course: [
                "good 1", "implausible 1", "implausible 1", "discontinuity 2", "implausible 2", "implausible 2",
                "discontinuity 3", "good 3",
            ],
            tale: [
                "counter_implausible 4711.5 > 0 epoch 1", "counter_discontinuity 4711.5 > 0 epoch 2",
                "counter_implausible 0 > 4711.6 epoch 2", "counter_discontinuity 0 > 4711.7 epoch 3",
            ], energy: "0"),
        Row(
            testDescription: "reset of the same meter",
            steps: [
                Step(0, "4711.5", "A"), Step(10, "0.3", "A"), Step(20, "0.4", "A"), Step(30, "0.5", "A"),
            ],
            course: ["good 1", "counterReset 1", "good 2", "good 2"],
            tale: ["counter_reset 4711.5 > 0.4 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "reset to zero, and the load goes on",
            steps: [
                Step(0, "4711.5", "A"), Step(10, "0", "A"), Step(20, "0.1", "A"), Step(30, "0.2", "A"),
            ],
            course: ["good 1", "implausible 1", "good 2", "good 2"],
            tale: ["counter_implausible 4711.5 > 0 epoch 1", "counter_reset 4711.5 > 0.1 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "a dip of the same meter, once",
            steps: [Step(0, "4711.5", "A"), Step(10, "4700", "A"), Step(20, "4711.6", "A")],
            course: ["good 1", "counterReset 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 4700 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "step back without a serial number",
            steps: [
                Step(0, "4711.5"), Step(10, "0.3"), Step(20, "0.4"), Step(30, "0.5"), Step(40, "0.6"), Step(50, "0.8"),
            ],
            course: ["good 1", "discontinuity 1", "discontinuity 1", "discontinuity 2", "good 2", "good 2"],
            tale: ["counter_discontinuity 4711.5 > 0.5 epoch 2"], energy: "0.2"),
        Row(
            testDescription: "exchange, the serial number read with the register",
            steps: [Step(0, "4711.5", "A"), Step(10, "12.3", "B"), Step(20, "12.4", "B")],
            course: ["good 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 12.3 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "exchange for a meter that stands higher",
            steps: [Step(0, "4711.5", "A"), Step(10, "4711.6", "B"), Step(20, "4711.7", "B")],
            course: ["good 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 4711.6 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "exchange, the serial number read later",
            steps: [
                Step(0, "4711.5", "A"), Step(10, "12.3"), Step(20, "12.4", "B"), Step(30, "12.5", "B"),
            ],
            course: ["good 1", "discontinuity 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 12.4 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "exchange for a meter that starts up with a zero",
            steps: [
                Step(0, "4711.5", "A"), Step(10, "0", "B"), Step(20, "812.5", "B"), Step(30, "812.6", "B"),
            ],
            course: ["good 1", "implausible 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 812.5 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "a device that starts answers zeros for its serial number too",
            steps: [
                Step(0, "4711.5", "A"), Step(10, "0", "0000"), Step(20, "4711.6", "A"),
            ],
            course: ["good 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 4711.5 > 0 epoch 1"], energy: "0.1"),
        Row(
            testDescription: "rollover that agrees with rating and time",
            steps: [Step(0, "99999.9", "A"), Step(10, "0.1", "A"), Step(20, "0.2", "A")],
            course: ["good 1", "good 2", "good 2"],
            tale: ["counter_rollover 99999.9 > 0.1 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "rollover without a serial number",
            steps: [Step(0, "99999.9"), Step(10, "0.1"), Step(20, "0.2")],
            course: ["good 1", "good 2", "good 2"],
            tale: ["counter_rollover 99999.9 > 0.1 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "never a rollover when the rating does not allow the rest",
            steps: [
                Step(0, "90000"), Step(10, "0.1"), Step(20, "0.2"), Step(30, "0.3"),
            ],
            course: ["good 1", "discontinuity 1", "discontinuity 1", "discontinuity 2"],
            tale: ["counter_discontinuity 90000 > 0.3 epoch 2"], energy: "0"),
        Row(
            testDescription: "never a rollover without a rating",
            isRated: false,
            steps: [
                Step(0, "99999.9", "A"), Step(10, "0.1", "A"), Step(20, "0.2", "A"), Step(30, "0.3", "A"),
            ],
            course: ["good 1", "counterReset 1", "good 2", "good 2"],
            tale: ["counter_reset 99999.9 > 0.2 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "after a silence the serial number comes first",
            steps: [
                Step(0, "4711.5", "A"), Step(600, "4713.5"), Step(601, "4713.5", "A"), Step(610, "4713.6"),
            ],
            course: ["good 1", "discontinuity 1", "good 1", "good 1"], energy: "2.1"),
        Row(
            testDescription: "after a silence another meter that stands a little higher",
            steps: [
                Step(0, "4711.5", "A"), Step(600, "4713.5"), Step(601, "4713.5", "B"), Step(610, "4713.6"),
            ],
            course: ["good 1", "discontinuity 1", "good 2", "good 2"],
            tale: ["meter_exchanged 4711.5 > 4713.5 epoch 2"], energy: "0.1"),
        Row(
            testDescription: "after a silence a device that does not give its serial number any more",
            steps: [
                Step(0, "4711.5", "A"), Step(600, "4713.5"), Step(610, "4713.6"), Step(620, "4713.7"),
                Step(630, "4713.8"),
            ],
            course: ["good 1", "discontinuity 1", "discontinuity 1", "discontinuity 1", "good 1"], energy: "2.3"),
        Row(
            testDescription: "a long silence allows what the rating allows in it",
            steps: [Step(0, "4711.5"), Step(36_000, "5211.5"), Step(36_010, "9211.5"), Step(36_020, "5211.6")],
            course: ["good 1", "good 1", "implausible 1", "good 1"],
            tale: ["counter_implausible 5211.5 > 9211.5 epoch 1"], energy: "500.1"),
        Row(
            testDescription: "a register that is renewed only every half hour",
            steps: [
                Step(0, "4711.5"), Step(600, "4711.5"), Step(1_200, "4711.5"), Step(1_800, "4731.5"),
                Step(1_810, "4731.5"),
            ],
            course: ["good 1", "good 1", "good 1", "good 1", "good 1"], energy: "20"),
        Row(
            testDescription: "a zero before anything else",
            isRated: false,
            steps: [Step(0, "0"), Step(10, "4711.5"), Step(20, "4711.6")],
            course: ["implausible 1", "good 1", "good 1"], energy: "0.1"),
        Row(
            testDescription: "a new meter that has counted nothing",
            steps: [Step(0, "0"), Step(10, "0"), Step(20, "0"), Step(30, "0.1")],
            course: ["implausible 1", "implausible 1", "good 1", "good 1"], energy: "0.1"),
    ]

    @Test(arguments: rows)
    func `a row of the table`(row: Row) {
        var meter = VirtualMeter(rules: DeviceRules(rating: row.isRated ? VirtualMeter.rating : nil))
        for step in row.steps { meter.read(step.register, serial: step.serial, at: 2_000_000 + step.at) }
        #expect(meter.course == row.course)
        #expect(meter.tale == row.tale)
        #expect(Receiver(meter.readings).total == ExactDecimal(row.energy))
        // A register leaves as it was read, whatever was thought of it.
        let sent = meter.readings.filter { $0.point == VirtualMeter.energy }.compactMap { $0.value?.description }
        #expect(sent == row.steps.map(\.register))
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
