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
}
