import DriverKit
import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// What the configuration wants a gear to keep: written only when different, read back, told.
struct GearSettingsTests {
    /// Frames that write something into gear.
    static func writes(_ bus: SimulatedBus) -> [LoggedFrame] {
        bus.frames().filter { $0.data[0] & 0x81 == 1 && (0x2A...0x7F).contains($0.data[1]) }
    }

    static func devices(_ lamps: [GearDescription], fallback: String) -> [DriverDevice] {
        SimulatedBus.devices(lamps).map {
            var device = $0
            device.fallbackPercent = fallback
            return device
        }
    }

    @Test func `the fallback is written into the gear once, read back and told`() throws {
        let lamps = SimulatedBus.lamps(3)
        let bus = SimulatedBus(gear: lamps, devices: Self.devices(lamps, fallback: "60"))
        try bus.start()
        bus.run(for: .seconds(40))
        let level = ArcPowerCurve.logarithmic.level(percent: ExactDecimal(60))
        for one in bus.bus.gear {
            #expect(one.powerOnLevel == level)
            #expect(one.systemFailureLevel == level)
        }
        // Each of two settings of three lamps, sent twice.
        #expect(Self.writes(bus).count == 12)
        let told = bus.outlet.all.events.filter { $0.kind == "gear_settings" }
        #expect(
            told.map(\.detail)
                == .init(repeating: "power_on 59.53 % (level 235), system_failure 59.53 % (level 235)", count: 3))
        #expect(bus.outlet.all.events.filter { $0.kind == "setup_written" }.count == 6)
        // Mains went and came: looked at again, and nothing to write.
        for one in bus.bus.gear { one.setMains(false, at: bus.clock.now) }
        bus.run(for: .seconds(40))
        for one in bus.bus.gear { one.setMains(true, at: bus.clock.now) }
        bus.run(for: .seconds(60))
        #expect(bus.frames().filter { $0.data[1] == 0xA3 && $0.data[0] & 0x81 == 1 }.count >= 9)
        #expect(Self.writes(bus).count == 12)
        #expect(bus.outlet.all.events.filter { $0.kind == "gear_settings" }.count == 3)
    }

    @Test func `what was read back stands in the facts after a restart`() throws {
        let lamps = SimulatedBus.lamps(1)
        let first = SimulatedBus(gear: lamps)
        try first.start()
        first.run(for: .seconds(30))
        var message = Configuration.message(SimulatedBus.devices(lamps))
        message.memories = first.outlet.all.memories
        let answer = first.engine.configure(message)
        let facts = Dictionary(uniqueKeysWithValues: answer.devices[0].facts.map { ($0.name, $0.value) })
        #expect(facts["kept"] == "power_on 100 % (level 254), system_failure 100 % (level 254)")
        #expect(facts["gear"]?.hasPrefix("9900000004242/") == true)
    }

    @Test func `a read-only bus is told of what differs and never written to`() throws {
        let lamps = SimulatedBus.lamps(1)
        let bus = SimulatedBus(gear: lamps, devices: Self.devices(lamps, fallback: "60"), readOnly: true)
        try bus.start()
        bus.run(for: .seconds(40))
        #expect(Self.writes(bus).isEmpty)
        let told = bus.outlet.all.events.filter { $0.kind == "gear_setting_refused" }
        #expect(told.count == 2)
        #expect(told.allSatisfy { $0.detail.contains("read-only") })
    }

    @Test func `what a gear does not take is told once and not written for ever`() throws {
        // Its lowest possible level is 85, 0.99 %.
        let bus = SimulatedBus(gear: SimulatedBus.lamps(1), options: ["min_level": "0.1%"])
        try bus.start()
        bus.run(for: .seconds(40))
        for _ in 0..<3 {
            bus.gear("lamp-01").setMains(false, at: bus.clock.now)
            bus.run(for: .seconds(40))
            bus.gear("lamp-01").setMains(true, at: bus.clock.now)
            bus.run(for: .seconds(90))
        }
        let told = bus.outlet.all.events.filter { $0.kind == "gear_setting_refused" }
        #expect(told.map(\.severity) == [1])
        #expect(
            told.first?.detail.contains("min_level: 0.1 % (level 1) is wanted and the gear keeps 0.99 % (level 85)")
                == true)
        #expect(Self.writes(bus).filter { $0.data[1] == 0x2B }.count == 2)
        // It was asked again each time.
        #expect(bus.frames().filter { $0.data == [0x01, 0xA2] }.count >= 5)
    }

    @Test func `a curve is selected, and levels that follow from it are written by it`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(1), options: ["curve": "linear", "power_on": "50%"])
        try bus.start()
        bus.run(for: .seconds(30))
        #expect(bus.frames().filter { $0.data == [0x01, 0xE3] }.count == 2)
        #expect(bus.gear("lamp-01").powerOnLevel == 127)
        let value = try #require(ExactDecimal("50"))
        let answer = bus.submit(0, value: .number(value))
        #expect(bus.run(atMost: .seconds(3)) { answer.done != nil })
        #expect(bus.gear("lamp-01").actualLevel(at: bus.clock.now) == 127)
    }

    @Test func `fades, limits and scenes are kept by the gear`() throws {
        let lamps = SimulatedBus.lamps(1)
        var device = SimulatedBus.devices(lamps)[0]
        device.options = Configuration.map([
            "address": Configuration.text("0"), "fade": Configuration.text("0s"),
            "extended_fade": Configuration.text("5min"), "fade_rate": Configuration.text("3"),
            "max_level": Configuration.text("90 %"), "system_failure": Configuration.text("keep"),
            "power_on": Configuration.text("last"),
            "scenes": Configuration.map(["2": "30%", "5": "none"]),
        ])
        let bus = SimulatedBus(gear: lamps, devices: [device])
        try bus.start()
        bus.run(for: .seconds(30))
        let gear = bus.gear("lamp-01")
        #expect(gear.extendedFade == 0x44)
        #expect(gear.fadeRate == 3)
        #expect(gear.maximum == ArcPowerCurve.logarithmic.level(percent: ExactDecimal(90)))
        #expect(gear.powerOnLevel == 255)
        #expect(gear.systemFailureLevel == 255)
        #expect(gear.scenes[2] == ArcPowerCurve.logarithmic.level(percent: ExactDecimal(30)))
        #expect(gear.scenes[5] == 255)
    }

    @Test(arguments: [
        (["power_on": "120%"], "where a level from 0% to 100% or last was expected"),
        (["system_failure": "last"], "where a level from 0% to 100% or keep was expected"),
        (["gear": "4711"], "where GTIN/number was expected"),
        (["extended_fade": "17s"], "is no extended fade time"),
        (["extended_fade": "10s", "fade": "1s"], "extended_fade counts only with fade: 0s"),
        (["min_level": "50%", "max_level": "40%"], "is above max_level"),
        (["fade_rate": "16"], "1 to 15"),
    ])
    func `a setting that no gear can keep is refused with what was expected`(
        _ options: [String: String], _ message: String
    ) {
        let engine = BusEngine(world: .real, outlet: RecordingOutlet())
        let answer = engine.configure(Configuration.message([Configuration.device(0, address: 3, options: options)]))
        #expect(answer.diagnostics.contains { $0.message.contains(message) }, "\(answer.diagnostics.map(\.message))")
        #expect(answer.devices.allSatisfy { !$0.usable })
    }
}
