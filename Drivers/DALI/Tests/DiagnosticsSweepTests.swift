import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

@Suite struct DiagnosticsSweepTests {
    private static let points = [
        "level", "on", "active_energy", "active_power", "operating_hours", "lamp_starts", "supply_voltage",
        "temperature",
        "lamp_open_circuit", "lamp_temperature", "rated_power", "luminaire_identification", "led_open_circuit",
        "colour_temperature",
    ]

    private static func number(_ sample: Sample) -> Double? {
        if case .number(let number)? = sample.value { number.approximation } else { nil }
    }

    @Test func `a lamp tells its energy each quarter hour and its diagnostics each hour`() {
        let field = SweepField(gear: [GearDescription(name: "lamp-01", shortAddress: 3)], points: Self.points)
        _ = field.perform([DALIRequest(.directArcPower(ShortAddress(3)!, level: 254), priority: .user)])
        field.run(DiagnosticsSweep(), for: .seconds(3 * 3600 + 60))
        #expect(field.samples(0, "active_energy").count == 13)
        #expect(field.samples(0, "active_energy").allSatisfy { $0.quality == .good })
        // The gear was in use before: what it gained in three hours at 42 W, in whole watt-hours.
        let energy = field.samples(0, "active_energy").compactMap(Self.number)
        #expect((125...127).contains((energy.last ?? 0) - (energy.first ?? 0)))
        #expect(field.samples(0, "temperature").count == 4)
        let hours = field.samples(0, "operating_hours").compactMap(Self.number)
        #expect(abs((hours.last ?? 0) - (hours.first ?? 0) - 3) < 0.1)
        #expect(field.samples(0, "supply_voltage").first?.value == .number(ExactDecimal(230)))
        #expect(field.samples(0, "rated_power").map(\.value) == [.number(ExactDecimal(42))])
        #expect(field.samples(0, "luminaire_identification").map(\.value) == [.text("lamp-01")])
        #expect(field.samples(0, "led_open_circuit").allSatisfy { $0.value == .flag(false) })
        // What polls answer is not this one's.
        #expect(field.samples(0, "level").isEmpty)
    }

    @Test func `what a gear does not have is said once and not asked for again`() {
        let field = SweepField(
            gear: [GearDescription(name: "lamp-01", shortAddress: 3, isD4i: false)], points: Self.points)
        let sweep = DiagnosticsSweep()
        field.run(sweep, for: .seconds(120))
        let asked = field.units.count
        #expect(field.samples(0, "active_energy").map(\.quality) == [.bad(.notSupported)])
        #expect(field.samples(0, "colour_temperature").map(\.quality) == [.bad(.notSupported)])
        #expect(field.samples(0, "lamp_temperature").map(\.quality) == [.bad(.notSupported)])
        field.run(sweep, for: .seconds(1800))
        #expect(field.samples(0, "active_energy").count == 1)
        #expect(field.units.count == asked, "only led_open_circuit remains, and is due each hour")
        // Another gear may hang there after it was away.
        field.unreadable = [0]
        field.run(sweep, for: .seconds(10))
        field.unreadable = []
        field.run(sweep, for: .seconds(60))
        #expect(field.units.count > asked)
    }

    @Test func `MASK is not supported, TMASK is the device's word`() {
        let field = SweepField(
            gear: [GearDescription(name: "lamp-01", shortAddress: 3)],
            points: ["lamp_temperature", "lamp_voltage"])
        _ = field.perform([.gear(ShortAddress(3)!, .off, priority: .user)])
        field.run(DiagnosticsSweep(), for: .seconds(60))
        #expect(field.samples(0, "lamp_temperature").map(\.quality) == [.bad(.notSupported)])
        // A lamp that is off has no voltage to tell.
        #expect(field.samples(0, "lamp_voltage").map(\.quality) == [.bad(.deviceReported)])
    }

    @Test func `no unit holds the bus longer than a command may wait`() {
        let field = SweepField(
            gear: [
                GearDescription(name: "lamp-01", shortAddress: 3, colourTemperatures: 2700...6500)
            ], points: LampPoint.allCases.map(\.rawValue))
        field.run(DiagnosticsSweep(), for: .seconds(60))
        for unit in field.units { #expect(unit.cost <= .milliseconds(108), "\(unit.requests.map(\.frame))") }
        #expect(field.samples(0, "colour_temperature").first?.quality == .good)
        #expect(field.samples(0, "colour_temperature_coolest").first?.value == .number(ExactDecimal(6494)))
        #expect(field.samples(0, "colour_temperature_warmest").first?.value == .number(ExactDecimal(2703)))
    }

    @Test func `sixty-four lamps tell their energy while they are polled`() throws {
        let names = ["level", "on", "active_energy", "active_power"]
        let field = SimulatedBus(gear: SimulatedBus.lamps(64), interval: 60_000, profilePoints: names)
        try field.start()
        field.run(for: .seconds(20 * 60))
        let samples = field.outlet.all.samples
        for device in UInt32(0)..<64 {
            let energy = samples.filter { $0.device == device && $0.sample.point == 2 }
            #expect(energy.count == 2, "device \(device)")
            #expect(energy.allSatisfy { $0.sample.quality == .good })
            let levels = samples.filter { $0.device == device && $0.sample.point == 0 }
            #expect(levels.count >= 20)
        }
    }

    @Test(arguments: [(4000, DriverCommandDone.Outcome.verified, ""), (9000, .verified, "coolest")])
    func `a colour temperature is ordered, cut by the gear and read back`(
        _ kelvin: Int64, _ outcome: DriverCommandDone.Outcome, _ word: String
    ) throws {
        let field = SimulatedBus(
            gear: SimulatedBus.lamps(2) { _, gear in gear.colourTemperatures = 2700...6500 },
            profilePoints: ["level", "on", "colour_temperature"])
        try field.start()
        field.run(for: .seconds(30))
        var command = DriverCommand()
        command.device = 1
        command.action = "set"
        command.point = 2
        command.value = DriverValue(.number(ExactDecimal(kelvin)))
        var done: DriverCommandDone?
        field.engine.submit(command) { done = $0 }
        field.run(atMost: .seconds(20)) { done != nil }
        #expect(done?.outcome == outcome, "\(done?.reason ?? "")")
        #expect(done?.reason.contains(word) == true || word.isEmpty)
        // The nearest whole mirek: 6500 K are 153.8.
        let mirek = (1_000_000 / Double(min(kelvin, 6500))).rounded()
        #expect(field.gear("lamp-02").colourTemperature == UInt16(mirek))
    }
}
