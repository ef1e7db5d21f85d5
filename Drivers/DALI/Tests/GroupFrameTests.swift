import DriverKit
import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// Lamps that are ordered the same at the same time get one frame where a DALI group, or all, is exactly those lamps.
struct GroupFrameTests {
    /// Six lamps, the first three of `north`, the others of `south`.
    static func bus(_ lamps: [GearDescription] = SimulatedBus.lamps(6), configured: Int = 6) throws -> SimulatedBus {
        let devices = SimulatedBus.devices(Array(lamps.prefix(configured))).enumerated().map { index, device in
            var device = device
            device.groups = [index < 3 ? "north" : "south"]
            return device
        }
        let bus = SimulatedBus(gear: lamps, memories: BusBudgetTests.memories(lamps), devices: devices)
        try bus.start()
        bus.run(for: .seconds(60))
        return bus
    }

    static func levels(_ bus: SimulatedBus, since: BootInstant) -> [[UInt8]] {
        bus.frames(since: since).filter(\.setsLevel).map(\.data)
    }

    private static let half = Value.number(ExactDecimal(50))
    private static let halfLevel = ArcPowerCurve.logarithmic.level(percent: ExactDecimal(50))

    @Test func `memberships are written into the gear and what is already there is left alone`() throws {
        let bus = try Self.bus(
            SimulatedBus.lamps(6) { $1.groups = $0 == 0 ? 0b1 : $0 == 1 ? 0b1000_0000_0000_0010 : 0 })
        #expect(bus.bus.gear.map(\.groups) == [0b1, 0b1000_0000_0000_0001, 0b1, 0b10, 0b10, 0b10])
        let writes = bus.frames().filter { $0.data[0] & 0x81 == 1 && (0x60...0x7F).contains($0.data[1]) }
        // Lamp 1 had its membership; lamp 2 gains one and loses one; the other four gain one each; all sent twice.
        #expect(writes.count == 12)
    }

    @Test func `a group's order is one frame and each lamp has its own result`() throws {
        let bus = try Self.bus()
        let begun = bus.clock.now
        let answers = (UInt32(0)..<3).map { bus.submit($0, value: Self.half, priority: .schedule) }
        #expect(bus.run(atMost: .seconds(5)) { answers.allSatisfy { $0.done != nil } })
        #expect(answers.allSatisfy { $0.done?.outcome == .verified })
        #expect(Self.levels(bus, since: begun) == [[0x80, Self.halfLevel]])
        #expect(bus.bus.gear.map { $0.actualLevel(at: bus.clock.now) } == [229, 229, 229, 254, 254, 254])
    }

    @Test func `all lamps of the bus get one broadcast`() throws {
        let bus = try Self.bus()
        let begun = bus.clock.now
        let answers = (UInt32(0)..<6).map { bus.submit($0, action: "off", priority: .schedule) }
        #expect(bus.run(atMost: .seconds(5)) { answers.allSatisfy { $0.done != nil } })
        #expect(answers.allSatisfy { $0.done?.outcome == .verified })
        #expect(Self.levels(bus, since: begun) == [[0xFF, 0x00]])
    }

    @Test func `a lamp that the file does not name is never hit by a broadcast`() throws {
        let bus = try Self.bus(configured: 5)
        let begun = bus.clock.now
        let answers = (UInt32(0)..<5).map { bus.submit($0, action: "off", priority: .schedule) }
        #expect(bus.run(atMost: .seconds(5)) { answers.allSatisfy { $0.done != nil } })
        // North by its group; of south, two lamps are all that are in it.
        #expect(Self.levels(bus, since: begun) == [[0x81, 0x00], [0x83, 0x00]])
        #expect(bus.gear("lamp-06").actualLevel(at: bus.clock.now) == 254)
    }

    @Test func `a group that a strange lamp is in is not used`() throws {
        let bus = try Self.bus(SimulatedBus.lamps(6) { $1.groups = $0 == 5 ? 0b1 : 0 }, configured: 5)
        let begun = bus.clock.now
        let answers = (UInt32(0)..<3).map { bus.submit($0, action: "off", priority: .schedule) }
        #expect(bus.run(atMost: .seconds(5)) { answers.allSatisfy { $0.done != nil } })
        #expect(Self.levels(bus, since: begun) == [[0x01, 0x00], [0x03, 0x00], [0x05, 0x00]])
    }

    @Test func `lamps whose limits give other levels are ordered one by one`() throws {
        let lamps = SimulatedBus.lamps(6) { $1.physicalMinimum = $0 == 1 ? 170 : 85 }
        let devices = SimulatedBus.devices(lamps).map { device in
            var device = device
            device.groups = ["all"]
            return device
        }
        let bus = SimulatedBus(gear: lamps, devices: devices)
        try bus.start()
        bus.run(for: .seconds(60))
        let begun = bus.clock.now
        let answers = (UInt32(0)..<6).map { bus.submit($0, value: .number(ExactDecimal(2)), priority: .schedule) }
        #expect(bus.run(atMost: .seconds(8)) { answers.allSatisfy { $0.done != nil } })
        #expect(Self.levels(bus, since: begun).count == 6)
        #expect(bus.bus.gear.map { $0.actualLevel(at: bus.clock.now) } == [111, 170, 111, 111, 111, 111])
    }

    @Test func `a lamp that was ordered alone is not hit again by the frame of its group`() throws {
        let bus = try Self.bus()
        let begun = bus.clock.now
        let first = bus.submit(0, value: Self.half, priority: .schedule)
        #expect(bus.run(atMost: .seconds(1)) { !Self.levels(bus, since: begun).isEmpty })
        let others = [UInt32(1), 2].map { bus.submit($0, value: Self.half, priority: .schedule) }
        #expect(bus.run(atMost: .seconds(5)) { ([first] + others).allSatisfy { $0.done != nil } })
        #expect(Self.levels(bus, since: begun).map { $0[0] } == [0x00, 0x02, 0x04])
    }

    @Test func `the first sixteen shared names are groups and the others are commanded one by one`() {
        let devices = (UInt32(0)..<40).map { index in
            var device = DriverDevice()
            device.index = index
            device.groups = ["street-\(index / 2)", "alone-\(index)"]
            return device
        }
        let plan = GroupPlan(devices)
        #expect(plan.names == (0..<16).map { "street-\($0)" })
        #expect(plan.inUse == .max)
        #expect(plan.mask(["street-3", "street-17"]) == 0b1000)
    }
}
