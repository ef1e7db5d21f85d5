import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// What a task leaves undone when the bus goes away under it.
@Suite struct BusLossTests {
    private static let initialise: [UInt8] = [0xA5, 0x00]
    private static let terminate: [UInt8] = [0xA1, 0x00]

    @Test func `a commissioning that loses the bus sends TERMINATE once the bus is back`() throws {
        let field = SimulatedBus(gear: SimulatedBus.lamps(4))
        try field.start()
        field.run(for: .seconds(5))
        let request = field.begin("commission", Configuration.map(["mode": "new"]))
        let begun = field.run(atMost: .seconds(120)) { field.frames().contains { $0.data[0] == Self.initialise[0] } }
        try #require(begun)
        field.run(for: .milliseconds(500))
        let cut = field.clock.now
        field.bus.setPowered(false, at: cut)
        field.run(for: .seconds(5))
        #expect(field.outlet.all.tasksDone.first { $0.request == request }?.failure.isEmpty == false)
        let back = field.clock.now
        #expect(!field.frames(since: cut).contains { $0.data == Self.terminate })
        field.bus.setPowered(true, at: back)
        field.run(for: .seconds(10))
        let after = field.frames(since: back).map(\.data)
        #expect(after.first == Self.terminate, "before anything else")
        #expect(after.count { $0 == Self.terminate } == 1)
    }

    @Test func `a bus polled without a pause still reads banks`() throws {
        // Status and level of 64 lamps are 6 s of bus; they are wanted each 2 s.
        let field = SimulatedBus(
            gear: SimulatedBus.lamps(64), interval: 2_000, profilePoints: ["level", "on", "active_energy"])
        try field.start()
        field.run(for: .seconds(600))
        let energy = field.outlet.all.samples.filter { $0.sample.point == 2 && $0.sample.quality == .good }
        #expect(energy.count >= 5)
    }
}
