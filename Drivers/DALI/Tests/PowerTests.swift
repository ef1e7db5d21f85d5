import DriverKit
import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// Lamps without mains by day, and the district's power return.
struct PowerTests {
    static func powered(_ on: Bool, _ devices: [UInt32]) -> DriverSetPowered {
        var message = DriverSetPowered()
        message.devices = devices
        message.powered = on
        return message
    }

    static func switchMains(_ bus: SimulatedBus, _ on: Bool, _ places: Range<Int>) {
        for place in places { bus.bus.gear[place].setMains(on, at: bus.clock.now) }
    }

    @Test func `lamps of a feeder that is off are bad once, blamed for nothing, and one of them is probed`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(8))
        try bus.start()
        bus.run(for: .seconds(60))
        Self.switchMains(bus, false, 0..<4)
        bus.engine.setPowered(Self.powered(false, [0, 1, 2, 3]))
        let begun = bus.clock.now
        bus.run(for: .seconds(600))
        for lamp in UInt32(0)..<4 {
            #expect(bus.samples(lamp, .level).last?.quality == .bad(.notPowered))
            #expect(bus.samples(lamp, .level).filter { $0.acquired >= begun }.count == 1)
            #expect(bus.samples(lamp, .level).allSatisfy { $0.quality != .bad(.communication) })
        }
        let states = bus.outlet.all.states.filter { $0.device < 4 && $0.condition == .offline }
        #expect(states.isEmpty)
        // A probe that nobody answers is no request: counted without a failure it would be taken for an answer.
        for lamp in UInt32(0)..<4 {
            let counts = bus.outlet.all.states.filter { $0.device == lamp && $0.detail.contains("no mains") }
            #expect(Set(counts.map(\.requests)).count == 1)
        }
        let probes = bus.frames(since: begun).filter { $0.data[0] <= 7 && $0.data[0] & 1 == 1 }
        #expect((180...205).contains(probes.count))
        // The others are read as before.
        #expect(bus.samples(6, .level).filter { $0.acquired >= begun }.count >= 58)
    }

    @Test func `a feeder that comes on is seen by its probe although its meter says nothing`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(64))
        try bus.start()
        bus.run(for: .seconds(120))
        Self.switchMains(bus, false, 0..<64)
        bus.engine.setPowered(Self.powered(false, (UInt32(0)..<64).map { $0 }))
        bus.run(for: .seconds(300))
        Self.switchMains(bus, true, 0..<64)
        let back = bus.clock.now
        bus.run(for: .seconds(25))
        for lamp in UInt32(0)..<64 {
            let told = bus.samples(lamp, .powerCycled).first { $0.acquired > back && $0.quality == .good }
            #expect(told?.value == .flag(true))
        }
    }

    @Test func `after a power return that the runtime tells of, 64 lamps say so within 10 s`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(64), interval: 60_000)
        try bus.start()
        bus.run(for: .seconds(120))
        let all = (UInt32(0)..<64).map { $0 }
        Self.switchMains(bus, false, 0..<64)
        bus.engine.setPowered(Self.powered(false, all))
        bus.run(for: .seconds(300))
        Self.switchMains(bus, true, 0..<64)
        let back = bus.clock.now
        bus.engine.setPowered(Self.powered(true, all))
        bus.run(for: .seconds(10))
        let told = all.filter { lamp in
            bus.samples(lamp, .powerCycled).contains { $0.acquired > back && $0.value == .flag(true) }
        }
        #expect(told.count == 64)
        let events = bus.outlet.all.events.filter { $0.severity > 0 }
        #expect(events.isEmpty)
    }

    @Test func `silent lamps of an unknown feeder are all asked when the first one answers`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(32))
        try bus.start()
        bus.run(for: .seconds(60))
        Self.switchMains(bus, false, 0..<32)
        bus.run(for: .seconds(600))
        Self.switchMains(bus, true, 0..<32)
        let back = bus.clock.now
        bus.run(for: .seconds(20))
        func good(_ point: LampPoint) -> Int {
            (UInt32(0)..<32).count { lamp in
                bus.samples(lamp, point).contains { $0.acquired > back && $0.quality == .good }
            }
        }
        #expect(good(.powerCycled) == 32)
        bus.run(for: .seconds(10))
        #expect(good(.level) == 32)
    }

    @Test func `a command to a lamp without mains is sent all the same, and says why nobody answered`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(2))
        try bus.start()
        bus.run(for: .seconds(40))
        Self.switchMains(bus, false, 0..<1)
        bus.engine.setPowered(Self.powered(false, [0]))
        bus.run(for: .seconds(5))
        let answer = bus.submit(0, value: .number(ExactDecimal(50)))
        #expect(bus.run(atMost: .seconds(5)) { answer.done != nil })
        #expect(answer.done?.outcome == .noAnswer)
        #expect(answer.done?.reason.contains("its feeder is off") == true)
    }

    @Test func `a bus that loses its voltage meanwhile does not change what is said of lamps without mains`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(2))
        try bus.start()
        bus.run(for: .seconds(40))
        Self.switchMains(bus, false, 0..<1)
        bus.engine.setPowered(Self.powered(false, [0]))
        bus.run(for: .seconds(5))
        bus.bus.setPowered(false, at: bus.clock.now)
        bus.run(for: .seconds(10))
        bus.bus.setPowered(true, at: bus.clock.now)
        bus.run(for: .seconds(20))
        #expect(bus.samples(0, .level).last?.quality == .bad(.notPowered))
        #expect(bus.samples(0, .level).filter { $0.quality == .bad(.communication) }.isEmpty)
        #expect(bus.samples(1, .level).last?.quality == .good)
        #expect(bus.outlet.all.events.filter { $0.kind == "dali_bus_down" }.map(\.phase) == [1, 2])
    }
}
