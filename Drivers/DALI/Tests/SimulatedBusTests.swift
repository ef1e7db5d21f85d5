import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

@Suite struct `The driver on the simulator's bus` {
    @Test func `sixty-four lamps are polled and one is dimmed and read back`() throws {
        let field = SimulatedBus(gear: SimulatedBus.lamps(64), interval: 10_000)
        try field.start()
        field.run(for: .seconds(60))
        for index in 0..<64 { #expect(!field.samples(UInt32(index), .level).isEmpty) }
        let answer = field.submit(5, value: .number(ExactDecimal(40)))
        #expect(field.run(atMost: .seconds(10)) { answer.done != nil })
        #expect(answer.done?.outcome == .verified)
        #expect(field.gear("lamp-06").actualLevel(at: field.clock.now) == 220)
        #expect(field.frames().last?.at ?? field.clock.now <= field.clock.now)
    }

    @Test(arguments: LampInterface.allCases)
    func `every interface carries polling, commands, sensors and faults of the field`(_ kind: LampInterface) throws {
        guard InterfaceKind.named(kind.rawValue)?.make != nil else { return }
        let field = SimulatedBus(
            gear: SimulatedBus.lamps(4),
            sensors: [SensorDescription(name: "eye", shortAddress: 0, instances: [.occupancy])],
            interface: kind.rawValue)
        try field.start()
        field.after(.seconds(30)) { field.gear("lamp-02").setLampFailed(true, at: field.clock.now) }
        field.after(.seconds(31)) { field.bus.sensors[0].setMovement(true, at: field.clock.now) }
        field.run(for: .seconds(60))
        #expect(field.samples(1, .lampFailure).last?.value == .flag(true))
        #expect(field.samples(0, .lampFailure).last?.value == .flag(false))
        #expect(field.bus.log.contains { $0.origin == .device })
        let answer = field.submit(3, value: .number(ExactDecimal(40)))
        #expect(field.run(atMost: .seconds(10)) { answer.done != nil })
        #expect(field.gear("lamp-04").actualLevel(at: field.clock.now) == 220)
    }

    @Test func `a port that vanishes and comes back is opened again`() throws {
        let field = SimulatedBus(gear: SimulatedBus.lamps(2))
        try field.start()
        field.run(for: .seconds(20))
        field.channel.isGone = true
        field.after(.seconds(20)) { field.channel.isGone = false }
        field.run(for: .seconds(60))
        #expect(field.channel.openings == 2)
        #expect((field.samples(0, .level).last?.acquired ?? field.clock.now) > BootInstant(nanoseconds: 60_000_000_000))
    }
}
