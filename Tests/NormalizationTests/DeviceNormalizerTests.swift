import Normalization
import Telemetry
import Testing

@Suite struct DeviceNormalizerTests {
    static let points = [
        PointDescriptor(name: "active_power", kind: .gauge, unit: "kW"),
        PointDescriptor(name: "active_energy_import", kind: .counter, unit: "kW.h"),
        PointDescriptor(name: "on", kind: .state, unit: ""),
        PointDescriptor(name: "serial_number", kind: .text, unit: ""),
    ]

    func sample(
        _ value: String?, point: Int = 0, quality: Quality = .good, at second: Int64 = 0
    ) -> Sample {
        Sample(
            point: point, value: value.flatMap { ExactDecimal($0) }.map { .number($0) }, quality: quality,
            acquired: BootInstant(nanoseconds: second * 1_000_000_000))
    }

    func normalizer(_ options: PointOptions = PointOptions()) -> DeviceNormalizer {
        DeviceNormalizer(device: "feeder-a", points: Self.points, options: ["active_power": options])
    }

    @Test func `every good sample becomes a reading with name, unit, quality and stamp`() {
        var device = normalizer()
        let readings = device.readings(of: [sample("1.2345", at: 7), sample("12345.67", point: 1, at: 8)])
        #expect(
            readings == [
                Reading(
                    device: "feeder-a", point: "active_power", acquired: BootInstant(nanoseconds: 7_000_000_000),
                    value: .number(ExactDecimal(mantissa: 12345, exponent: -4)), unit: "kW", quality: .good,
                    keep: .telemetry),
                Reading(
                    device: "feeder-a", point: "active_energy_import",
                    acquired: BootInstant(nanoseconds: 8_000_000_000),
                    value: .number(ExactDecimal(mantissa: 1234567, exponent: -2)), unit: "kW.h", quality: .good,
                    keep: .billing, epoch: 1),
            ])
        #expect(readings.allSatisfy { $0.n == 0 })
        #expect(device.readings(of: [sample("1.2345", at: 9)]).count == 1)
    }

    @Test(arguments: [("W", "1.2345", "1234.5"), ("MW", "1.2345", "0.0012345"), ("kW", "1.2345", "1.2345")])
    func `a wanted unit is reached by a power of ten, exactly`(unit: String, value: String, expected: String) {
        var device = normalizer(PointOptions(unit: unit))
        let reading = device.readings(of: [sample(value)])[0]
        #expect(reading.unit == unit)
        #expect(reading.value?.description == expected)
        #expect(device.problems.isEmpty)
    }

    @Test(arguments: ["kW.h", "watt", "GJ"])
    func `a unit that does not convert keeps the product's and is a problem`(unit: String) {
        var device = normalizer(PointOptions(unit: unit))
        #expect(device.problems.map(\.code) == [.unitDoesNotConvert])
        #expect(device.readings(of: [sample("5")])[0].unit == "kW")
    }

    @Test func `a point in a unit nobody knows is bad, once`() {
        var device = DeviceNormalizer(
            device: "m", points: [PointDescriptor(name: "active_power", kind: .gauge, unit: "kilowatt")])
        #expect(device.problems.map(\.code) == [.unknownUnit])
        #expect(device.readings(of: [sample("5")]).map(\.quality) == [.bad(.configuration)])
        #expect(device.readings(of: [sample("6")]).isEmpty)
        #expect(device.lost(at: BootInstant(nanoseconds: 1)).isEmpty)
    }

    @Test func `bad is reported once for each reason, and again after good`() {
        var device = normalizer()
        let bad = Quality.bad(.communication)
        let sequence: [(Sample, Int)] = [
            (sample("5"), 1), (sample(nil, quality: bad), 1), (sample(nil, quality: bad), 0),
            (sample(nil, quality: .bad(.notSupported)), 1), (sample(nil, quality: bad), 1), (sample("5"), 1),
            (sample(nil, quality: bad), 1), (sample(nil, quality: bad), 0),
        ]
        for (index, (sample, count)) in sequence.enumerated() {
            let readings = device.readings(of: [sample])
            #expect(readings.count == count, "step \(index)")
            #expect(readings.allSatisfy { $0.quality.grade != .bad || $0.value == nil })
        }
    }

    @Test func `an uncertain value passes with its value and reason`() {
        var device = normalizer()
        let reading = device.readings(of: [sample("99999", quality: .uncertain(.implausible))])[0]
        #expect(reading.quality == .uncertain(.implausible))
        #expect(reading.value?.description == "99999")
    }

    @Test func `a value of a bad sample is not passed on`() {
        var device = normalizer()
        #expect(device.readings(of: [sample("5", quality: .bad(.outOfRange))])[0].value == nil)
    }

    @Test func `report_on_change holds back what moved less`() {
        var device = normalizer(PointOptions(reportOnChange: .absolute(ExactDecimal(5), unit: "W")))
        #expect(device.problems.isEmpty)
        let values = ["1", "1.004", "1.0049", "1.005", "1.0049", "1.0001", "1.0000"]
        let reported = values.flatMap { device.readings(of: [sample($0)]) }.compactMap { $0.value?.description }
        #expect(reported == ["1", "1.005", "1"])
        #expect(device.latest(of: "active_power")?.value?.description == "1")
    }

    @Test func `slow drift is measured from the last report, not from the last sample`() {
        var device = normalizer(PointOptions(reportOnChange: .absolute(ExactDecimal(1), unit: "kW")))
        let reported = (0...10).flatMap { device.readings(of: [sample("\(Double($0) / 4)")]) }
        #expect(reported.compactMap { $0.value?.description } == ["0", "1", "2"])
    }

    @Test func `a relative threshold goes by the last reported value`() {
        var device = normalizer(PointOptions(reportOnChange: .relative(percent: ExactDecimal(2))))
        let reported = ["100", "101.9", "102", "-102", "-103"].flatMap { device.readings(of: [sample($0)]) }
        #expect(reported.compactMap { $0.value?.description } == ["100", "102", "-102"])
    }

    @Test func `report_at_least repeats an unchanged value with its own fresh stamp`() {
        var device = normalizer(
            PointOptions(reportOnChange: .absolute(ExactDecimal(5), unit: "W"), reportAtLeast: .seconds(60)))
        let reported = stride(from: Int64(0), through: 180, by: 10).flatMap {
            device.readings(of: [sample("1", at: $0)])
        }
        #expect(reported.map { $0.acquired.nanoseconds / 1_000_000_000 } == [0, 60, 120, 180])
    }

    @Test func `quality that changes is reported whatever the threshold`() {
        var device = normalizer(PointOptions(reportOnChange: .absolute(ExactDecimal(5), unit: "W")))
        let reported = device.readings(of: [
            sample("1"), sample("1", quality: .uncertain(.stale)), sample("1"), sample("1"),
        ])
        #expect(reported.map(\.quality) == [.good, .uncertain(.stale), .good])
    }

    @Test(arguments: [
        PointOptions(reportOnChange: .absolute(ExactDecimal(5), unit: "V")),
        PointOptions(reportOnChange: .absolute(ExactDecimal(-5), unit: "W")),
        PointOptions(reportOnChange: .relative(percent: ExactDecimal(-1))),
    ])
    func `a threshold that does not fit reports everything and says so`(options: PointOptions) {
        var device = normalizer(options)
        #expect(device.problems.map(\.code) == [.thresholdDoesNotFit])
        #expect(device.readings(of: [sample("1"), sample("1")]).count == 2)
    }

    @Test func `keep follows the kind unless the configuration says otherwise`() {
        var device = normalizer(PointOptions(keep: .billing))
        #expect(device.readings(of: [sample("1")])[0].keep == .billing)
    }

    @Test func `flags and texts pass, and a text where a number was described is bad`() {
        var device = normalizer()
        let moment = BootInstant(nanoseconds: 1)
        let readings = device.readings(of: [
            Sample(point: 2, value: .flag(true), quality: .good, acquired: moment),
            Sample(point: 3, value: .text("4711"), quality: .good, acquired: moment),
            Sample(point: 0, value: .text("many"), quality: .good, acquired: moment),
            Sample(point: 1, value: nil, quality: .good, acquired: moment),
        ])
        #expect(readings.map(\.value) == [.flag(true), .text("4711"), nil, nil])
        #expect(readings.map(\.quality) == [.good, .good, .bad(.configuration), .bad(.outOfRange)])
    }

    @Test func `a number beyond every receiver is bad, not rounded`() {
        var device = normalizer(PointOptions(unit: "W"))
        #expect(device.readings(of: [sample("1e307")])[0].quality == .bad(.outOfRange))
        let monster = Sample(
            point: 0, value: .number(ExactDecimal(mantissa: 1, exponent: .max)), quality: .good,
            acquired: BootInstant(nanoseconds: 0))
        #expect(device.readings(of: [monster]).isEmpty)
        #expect(device.readings(of: [sample("9223372036854775807")])[0].value?.description == "9223372036854775807000")
    }

    @Test func `samples of points that do not exist are counted and dropped`() {
        var device = normalizer()
        #expect(device.readings(of: [sample("1", point: 4), sample("1", point: -1), sample("1")]).count == 1)
        #expect(device.unknownSamples == 2)
    }

    @Test func `a lost driver makes every point bad once`() {
        var device = normalizer()
        _ = device.readings(of: [sample("1"), sample(nil, point: 1, quality: .bad(.communication))])
        let lost = device.lost(at: BootInstant(nanoseconds: 5))
        // The counter was bad for that reason already; state and text were never read and are bad now.
        #expect(lost.map(\.point) == ["active_power", "on", "serial_number"])
        #expect(lost.allSatisfy { $0.quality == .bad(.communication) && $0.value == nil })
        #expect(device.lost(at: BootInstant(nanoseconds: 6)).isEmpty)
        #expect(device.readings(of: [sample("1", at: 1)]).map(\.quality) == [.good])
    }

    @Test func `a driver that comes back with the same points repeats nothing`() {
        var device = normalizer()
        _ = device.lost(at: BootInstant(nanoseconds: 5))
        device.reconfigure(points: Self.points.reversed())
        #expect(device.lost(at: BootInstant(nanoseconds: 6)).isEmpty)
        #expect(device.readings(of: [sample("3", point: 3, at: 9)]).map(\.point) == ["active_power"])
        #expect(device.latest.map(\.point) == Self.points.reversed().map(\.name))
    }

    @Test func `the newest values are there for people, held back or not`() {
        var device = normalizer(PointOptions(unit: "W", reportOnChange: .absolute(ExactDecimal(500), unit: "W")))
        #expect(device.latest.allSatisfy { $0.quality == nil && $0.value == nil })
        _ = device.readings(of: [sample("1", at: 1), sample("1.1", at: 3), sample("1.2", at: 2)])
        let latest = device.latest[0]
        #expect(latest.value?.description == "1100")
        #expect(latest.unit == "W")
        #expect(latest.acquired == BootInstant(nanoseconds: 3_000_000_000))
        #expect(device.latest(of: "nothing") == nil)
    }

    @Test func `options for a point that is not there, and a point twice, are named`() {
        let device = DeviceNormalizer(
            device: "m", points: [Self.points[0], Self.points[0]], options: ["power": PointOptions()])
        #expect(Set(device.problems.map(\.code)) == [.duplicatePoint, .unknownPoint])
        #expect(device.problems.allSatisfy { $0.description.hasPrefix("m ") })
    }
}

extension DeviceNormalizer {
    /// Readings only, by a clock that nobody vouches for: where neither counters nor windows matter.
    mutating func readings(of samples: [Sample]) -> [Reading] {
        normalize(samples, clock: .untrusted()).readings
    }
}
