import Normalization
import Telemetry
import Testing

/// What a rating allows, in the units of the library's counters.
@Suite struct MeterRatingTests {
    @Test(
        arguments: [
            // Rating, counter, its unit, what it gains in an hour: once just within, once beyond.
            ("63", "A", "active_energy_import", "kW.h", "76", "230"),
            ("63", "A", "active_energy_import", "W.h", "76000", "230000"),
            ("63", "A", "reactive_energy_import", "kvar.h", "76", "230"),
            ("630", "kV.A", "active_energy_import", "MW.h", "1", "3.1"),
            ("2.5", "m3/h", "water_volume", "m3", "4", "12.1"),
            ("2500", "L/h", "water_volume", "L", "4000", "12100"),
            ("1.5", "m3/h", "heat_energy", "kW.h", "418", "1300"),
            ("1.5", "m3/h", "heat_energy", "MJ", "1500", "4600"),
            ("15", "kW", "heat_energy", "GJ", "0.08", "0.27"),
            ("6", "m3/h", "gas_volume", "m3", "9.5", "29"),
        ])
    func `the rating tells consumption from damage`(
        value: String, unit: String, point: String, counter: String, allowed: String, refused: String
    ) throws {
        let rating = MeterRating(value: try #require(ExactDecimal(value)), unit: unit)
        for (gain, quality) in [(allowed, Quality.good), (refused, .uncertain(.implausible))] {
            var device = DeviceNormalizer(
                device: "m", points: [PointDescriptor(name: point, kind: .counter, unit: counter)],
                rules: DeviceRules(rating: rating))
            let clock = NormalizerClock(boot: "b", offset: 0, isTrusted: true)
            let start = try #require(ExactDecimal("1000"))
            let end = try #require(ExactDecimal(gain)?.adding(start))
            var found: [Quality] = []
            // Read every minute, so that its register is known not to be an old one.
            for (second, register) in [(0, start), (60, start), (3_660, end)] {
                let sample = Sample(
                    point: 0, value: .number(register), quality: .good,
                    acquired: BootInstant(nanoseconds: Int64(second) * 1_000_000_000))
                found += device.normalize([sample], clock: clock).readings.map(\.quality)
            }
            #expect(found.last == quality, "\(gain) \(counter)")
        }
    }

    @Test func `running hours need no rating`() {
        var device = DeviceNormalizer(
            device: "m", points: [PointDescriptor(name: "operating_time", kind: .counter, unit: "h")])
        let clock = NormalizerClock(boot: "b", offset: 0, isTrusted: true)
        let registers: [(Int64, Int64)] = [(0, 100), (3_600, 101), (7_200, 250), (7_210, 102)]
        let found = registers.flatMap { second, register in
            device.normalize(
                [
                    Sample(
                        point: 0, value: .number(ExactDecimal(register)), quality: .good,
                        acquired: BootInstant(nanoseconds: second * 1_000_000_000))
                ], clock: clock
            ).readings.map(\.quality)
        }
        #expect(found == [.good, .good, .uncertain(.implausible), .good])
    }
}
