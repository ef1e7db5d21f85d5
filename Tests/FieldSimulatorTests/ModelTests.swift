import Telemetry
import Testing

@testable import FieldSimulator

@Suite struct `Meter models` {
    @Test func `power is voltage times current times power factor in every phase and their sum in the total`() {
        var feeder = ElectricalFeeder(phases: 3, ratedPower: 9000, seed: 3)
        for minute in 0..<60 {
            _ = feeder.advance(to: second(Double(minute) * 60))
            let values = feeder.quantities()
            var sum = 0.0
            for phase in ["L1", "L2", "L3"] {
                let voltage = values["voltage.\(phase)"] ?? 0
                let current = values["current.\(phase)"] ?? 0
                let factor = values["power_factor.\(phase)"] ?? 0
                let power = values["active_power.\(phase)"] ?? 0
                #expect(abs(voltage * current * factor - power) < 1e-6)
                #expect((207...253).contains(voltage))
                let apparent = values["apparent_power.\(phase)"] ?? 0
                let reactive = values["reactive_power.\(phase)"] ?? 0
                #expect(abs(apparent * apparent - power * power - reactive * reactive) < 1e-3)
                sum += power
            }
            #expect(abs(sum - (values["active_power"] ?? 0)) < 1e-9)
        }
    }

    @Test func `energy is the integral of power and never falls`() {
        var feeder = ElectricalFeeder(phases: 1, ratedPower: 2000, seed: 5)
        _ = feeder.advance(to: second(0))
        let start = feeder.quantities()["active_energy_import"] ?? 0
        var last = start
        var integral = 0.0
        for step in 1...3600 {
            integral += (feeder.quantities()["active_power"] ?? 0) / 3600
            _ = feeder.advance(to: second(Double(step)))
            let energy = feeder.quantities()["active_energy_import"] ?? 0
            #expect(energy >= last)
            last = energy
        }
        #expect(abs(last - start - integral) < 1e-6)
        #expect(last > start)
    }

    @Test func `asking often or seldom gives the same values and the same energy`() {
        var often = ElectricalFeeder(phases: 3, ratedPower: 5000, seed: 11)
        var seldom = ElectricalFeeder(phases: 3, ratedPower: 5000, seed: 11)
        _ = often.advance(to: second(0))
        _ = seldom.advance(to: second(0))
        for step in 1...3000 { _ = often.advance(to: second(Double(step) * 0.3)) }
        _ = seldom.advance(to: second(900))
        #expect(often.quantities() == seldom.quantities())
    }

    @Test func `a feeder that is switched off has no voltage and its counters stand`() {
        var feeder = ElectricalFeeder(phases: 3, ratedPower: 5000, seed: 2)
        _ = feeder.advance(to: second(0))
        feeder.energized = false
        _ = feeder.advance(to: second(1))
        let before = feeder.quantities()["active_energy_import"]
        _ = feeder.advance(to: second(500))
        let values = feeder.quantities()
        #expect(values["voltage.L1"] == 0)
        #expect(values["active_power"] == 0)
        #expect(values["active_energy_import"] == before)
    }

    @Test func `heat power follows from flow and temperature difference`() {
        var heat = HeatCircuit(ratedFlow: 2, seed: 9)
        _ = heat.advance(to: second(0))
        let first = heat.quantities()
        let expected =
            (first["heat_flow"] ?? 0) * ((first["flow_temperature"] ?? 0) - (first["return_temperature"] ?? 0)) * 1163
        #expect(abs((first["heat_power"] ?? 0) - expected) < 1e-6)
        _ = heat.advance(to: second(3600))
        #expect((heat.quantities()["heat_energy"] ?? 0) > (first["heat_energy"] ?? 0))
    }

    @Test func `water only runs forward and stands still between draw-offs`() {
        var water = WaterSupply(ratedFlow: 1.2, seed: 4)
        _ = water.advance(to: second(0))
        var last = water.volume
        var standing = 0
        for step in 1...7200 {
            _ = water.advance(to: second(Double(step)))
            #expect(water.volume >= last)
            if water.flow == 0 { standing += 1 }
            last = water.volume
        }
        #expect((100..<7100).contains(standing))
    }

    @Test func `a feeder meter carries the power of its lamps`() throws {
        let lamps = (0..<10).map { GearDescription(name: "lamp-\($0)", shortAddress: UInt8($0), ratedPower: 100) }
        let bus = LampBus(name: "lamps", gear: lamps, seed: 1, at: second(0))
        let product = try #require(MeterProduct.named("eastron-sdm630"))
        let meter = ModbusDevice(name: "feeder", unit: 1, product: product, size: 0, seed: 1)
        meter.follows = bus
        #expect(abs((meter.value(of: "active_power", at: second(1)) ?? 0) - 1000) < 0.01)
        _ = bus.transmit([0xFE, 0], at: second(2))
        #expect(abs((meter.value(of: "active_power", at: second(4)) ?? 0) - 3) < 0.01)
    }
}
