import Normalization
import Telemetry
import Testing

/// `candela device exchange`: a meter exchanged by hand, with or without a readable serial number.
@Suite struct ExchangeTests {
    static func meter(serial: String? = "A") -> VirtualMeter {
        var meter = VirtualMeter()
        meter.read("4711.5", serial: serial, at: 2_000_000)
        return meter
    }

    func exchange(
        _ meter: inout VirtualMeter, _ final: String, _ initial: String, serial: String? = nil,
        point: String = VirtualMeter.energy, at seconds: Double = 2_000_100
    ) throws -> NormalizerOutput {
        let moment = meter.instant(seconds)
        let output = try meter.normalizer.exchange(
            point: point, final: #require(ExactDecimal(final)), initial: #require(ExactDecimal(initial)),
            serial: serial, by: "uid 1000", at: moment)
        meter.events += output.events
        return output
    }

    @Test func `the epoch rises, the event carries both registers, and no reading is invented`() throws {
        var meter = Self.meter()
        let output = try exchange(&meter, "4712.3", "0.2", serial: "B")
        #expect(output.readings.isEmpty)
        #expect(output.isStateChanged)
        let event = try #require(output.events.first)
        #expect(event.kind == EventKind.meterExchanged)
        #expect(
            event.detail.description
                == #"{"kind":"exchange","before":4712.3,"after":0.2,"unit":"kW.h","serial_before":"A","serial_after":"B","epoch":2,"by":"uid 1000"}"#
        )
        meter.read("0.3", serial: "B", at: 2_000_110)
        meter.read("0.4", serial: "B", at: 2_000_120)
        #expect(meter.course == ["good 1", "good 2", "good 2"])
        #expect(meter.events.count == 1)
        #expect(Receiver(meter.readings).total == ExactDecimal("0.1"))
    }

    @Test func `without a readable serial number it is all that is needed`() throws {
        var meter = Self.meter(serial: nil)
        _ = try exchange(&meter, "4712.3", "812.5")
        try meter.restart(rebootAt: 2_003_000)
        meter.read("812.6", at: 2_003_600)
        meter.read("812.7", at: 2_003_610)
        #expect(meter.course == ["good 1", "good 2", "good 2"])
    }

    @Test func `the meter's other counters begin anew too`() throws {
        let points =
            VirtualMeter.points + [
                PointDescriptor(name: "active_energy_export", kind: .counter, unit: "kW.h")
            ]
        var meter = VirtualMeter(points: points)
        meter.read("4711.5", serial: "A", at: 2_000_000)
        func export(_ value: String, at seconds: Double) -> Sample {
            Sample(
                point: 3, value: ExactDecimal(value).map { .number($0) }, quality: .good,
                acquired: meter.instant(seconds))
        }
        _ = meter.normalizer.normalize([export("90", at: 2_000_000)], clock: meter.clock)
        _ = try exchange(&meter, "4712", "0")
        let output = meter.normalizer.normalize([export("90.1", at: 2_000_110)], clock: meter.clock)
        #expect(output.readings.map(\.epoch) == [2])
        #expect(output.events.map(\.kind) == [EventKind.meterExchanged])
    }

    @Test func `another serial number than the one that was said is told`() throws {
        var meter = Self.meter()
        _ = try exchange(&meter, "4712.3", "0.2", serial: "B")
        meter.read("0.3", serial: "C", at: 2_000_110)
        meter.read("0.4", serial: "C", at: 2_000_120)
        #expect(meter.normalizer.serial == "C")
        #expect(Receiver(meter.readings).total == ExactDecimal("0.1"))
    }

    @Test(
        arguments: [
            ("4711.4", "0", VirtualMeter.energy, ExchangeProblem.Code.registerDoesNotFit, "4711.5 kW.h"),
            ("-1", "0", VirtualMeter.energy, .registerDoesNotFit, "never negative"),
            ("4712", "-2", VirtualMeter.energy, .registerDoesNotFit, "never negative"),
            ("100000.5", "0", VirtualMeter.energy, .registerDoesNotFit, "no register above 100000"),
            ("4712", "0", VirtualMeter.power, .noCounter, "active_energy_import"),
            ("4712", "0", "active_energy", .unknownPoint, "active_energy_import"),
        ])
    func `nonsense is refused and changes nothing`(
        final: String, initial: String, point: String, code: ExchangeProblem.Code, says: String
    ) throws {
        var meter = Self.meter()
        #expect {
            _ = try exchange(&meter, final, initial, point: point)
        } throws: {
            ($0 as? ExchangeProblem)?.code == code && "\($0)".contains(says)
        }
        meter.read("4711.6", at: 2_000_010)
        #expect(meter.course == ["good 1", "good 1"])
    }
}
