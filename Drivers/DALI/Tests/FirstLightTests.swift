import DriverKit
import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// How soon a full bus stands at its right levels: at the first start of its life, and when its mains return.
struct FirstLightTests {
    static let arc: UInt8 = 210
    static let percent = Value.number(ExactDecimal(30))

    static func isRight(_ bus: SimulatedBus, _ gear: ControlGear) -> Bool {
        gear.actualLevel(at: bus.clock.now) == arc
    }

    /// Orders as Lighting hands them out: eight lamps in 100 ms.
    static func orderAll(_ bus: SimulatedBus) {
        for index in 0..<bus.bus.gear.count {
            bus.after(.milliseconds(Int64(100 * (index / 8)))) {
                _ = bus.submit(UInt32(index), value: percent, priority: .schedule)
            }
        }
    }

    @Test(arguments: LampInterface.allCases)
    func `sixty-four lamps that nobody knows stand right within 8 s of the bus being up`(_ kind: LampInterface) throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(64), interface: kind.rawValue)
        try bus.start()
        Self.orderAll(bus)
        let begun = bus.clock.now
        // A DALI232's own line carries 1,750 characters a second: twenty of them to and fro with each question.
        let limit: Duration = kind == .foxtron ? .milliseconds(9_500) : .seconds(8)
        let isDone = bus.run(atMost: limit) { bus.bus.gear.allSatisfy { Self.isRight(bus, $0) } }
        #expect(isDone, "\(bus.bus.gear.count { Self.isRight(bus, $0) }) of 64 after \(limit)")
        print("\(kind.rawValue): 64 unknown lamps right after \(bus.clock.now.duration(since: begun))")
        // None was ever sent another level.
        #expect(Set(bus.bus.levelCommands.map { $0[1] }) == [Self.arc])
    }

    @Test func `a restart right after the first orders asks each lamp only for its state before it sends`() throws {
        let gear = SimulatedBus.lamps(64)
        let bus = SimulatedBus(gear: gear)
        try bus.start()
        Self.orderAll(bus)
        bus.run(for: .seconds(25))
        let again = SimulatedBus(gear: gear, memories: bus.outlet.all.memories)
        try again.start()
        Self.orderAll(again)
        let isDone = again.run(atMost: .seconds(6)) { again.bus.gear.allSatisfy { Self.isRight(again, $0) } }
        #expect(isDone, "\(again.bus.gear.count { Self.isRight(again, $0) }) of 64")
        print("64 remembered lamps right after \(again.clock.now)")
    }

    @Test(arguments: [GearPersonality?.none, .slowStart])
    func `when mains return to a full bus every lamp stands right within 20 s, and none is sent another level`(
        _ trait: GearPersonality?
    ) throws {
        let bus = SimulatedBus(
            gear: SimulatedBus.lamps(64) { if let trait { $1.personality = [trait] } }, interval: 10_000)
        try bus.start()
        Self.orderAll(bus)
        bus.run(for: .seconds(120))
        let all = (UInt32(0)..<64).map { $0 }
        PowerTests.switchMains(bus, false, 0..<64)
        bus.engine.setPowered(PowerTests.powered(false, all))
        bus.run(for: .seconds(305))
        PowerTests.switchMains(bus, true, 0..<64)
        let back = bus.clock.now
        // As the runtime: whoever answers is sent its level; nobody tells the driver that the feeder is on.
        var ordered: Set<UInt32> = []
        var heard = bus.outlet.all.samples.count
        let isDone = bus.run(atMost: .seconds(40)) {
            let samples = bus.outlet.all.samples
            for (device, sample) in samples[heard...] where sample.quality.grade != .bad {
                if ordered.insert(device).inserted {
                    _ = bus.submit(device, value: Self.percent, priority: .schedule)
                }
            }
            heard = samples.count
            return bus.bus.gear.allSatisfy { Self.isRight(bus, $0) }
        }
        let took = bus.clock.now.duration(since: back)
        print("64 lamps\(trait.map { ", \($0.rawValue)," } ?? "") right \(took) after mains returned")
        #expect(isDone && took < .seconds(20), "\(took)")
        #expect(Set(bus.bus.levelCommands.map { $0[1] }) == [Self.arc])
    }

    @Test func `a lamp that is deaf when its level comes is sent it again, soon and not for ever`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(2))
        try bus.start()
        bus.run(for: .seconds(40))
        let gear = bus.gear("lamp-02")
        gear.set(.silent, true, at: bus.clock.now)
        bus.after(.milliseconds(2500)) { gear.set(.silent, false, at: bus.clock.now) }
        let heard = bus.submit(1, value: Self.percent, priority: .schedule)
        #expect(bus.run(atMost: .seconds(8)) { heard.done != nil })
        #expect(heard.done?.outcome == .verified && Self.isRight(bus, gear), "\(heard.done?.reason ?? "")")

        gear.set(.silent, true, at: bus.clock.now)
        let before = bus.bus.levelCommands.count
        let unheard = bus.submit(1, value: .number(ExactDecimal(50)), priority: .schedule)
        #expect(bus.run(atMost: .seconds(8)) { unheard.done != nil })
        #expect(unheard.done?.outcome == .noAnswer)
        #expect(bus.bus.levelCommands.count - before == 1 + LampCommand.repeats.count)
        // A person is told at once.
        let asked = bus.submit(1, value: .number(ExactDecimal(50)))
        #expect(bus.run(atMost: .seconds(2)) { asked.done != nil })
        #expect(asked.done?.outcome == .noAnswer)
    }

    /// The gateway came back with its district: a level ends what a gear can tell of its mains.
    @Test func `what a gear says of its mains is told before its first order ends it`() throws {
        let gear = SimulatedBus.lamps(8)
        let bus = SimulatedBus(gear: gear, memories: BusBudgetTests.memories(gear))
        for one in bus.bus.gear {
            one.setMains(false, at: bus.clock.now)
            one.setMains(true, at: bus.clock.now)
        }
        // The gear is awake before the gateway.
        bus.channel.wait(until: bus.clock.now.advanced(by: .seconds(5)))
        try bus.start()
        Self.orderAll(bus)
        let point = try #require(Configuration.points.firstIndex(of: .powerCycled))
        bus.run(for: .seconds(25))
        for index in UInt32(0)..<8 {
            let told = bus.outlet.all.samples.filter { $0.0 == index && $0.1.point == point }.map(\.1.value)
            #expect(told.first == .flag(true), "\(index): \(told)")
            #expect(told.last == .flag(false), "\(index): \(told)")
        }
        #expect(bus.bus.gear.allSatisfy { Self.isRight(bus, $0) })
    }

    static let damaged: [[UInt8]] = [
        [], [2], [0, 1], [0, 1, 0], [0, 0, 254], [0, 200, 100], [0, 1, 255], [0, 1, 2, 3],
    ]

    @Test(arguments: damaged)
    func `a damaged memory of a gear is as good as none`(_ bytes: [UInt8]) throws {
        let memory = DriverMemory(device: "lamp-01", key: Gear.memoryKey, bytes: bytes)
        let bus = SimulatedBus(gear: SimulatedBus.lamps(1), memories: [memory])
        #expect(bus.engine.gear.allSatisfy { $0.curve == nil && $0.minimum == nil })
    }

    @Test func `silence to the question for its curve is believed only of a gear that answers another`() throws {
        // A linear gear that hears nothing at first: on the standard curve 30 % would be another level.
        let gear = SimulatedBus.lamps(1) { $1.curve = .linear }
        let bus = SimulatedBus(gear: gear)
        try bus.start()
        bus.gear("lamp-01").set(.silent, true, at: bus.clock.now)
        let answer = bus.submit(0, value: Self.percent, priority: .schedule)
        #expect(bus.run(atMost: .seconds(5)) { answer.done != nil })
        #expect(answer.done?.outcome == .noAnswer)
        #expect(bus.bus.levelCommands.isEmpty)
        bus.gear("lamp-01").set(.silent, false, at: bus.clock.now)
        let second = bus.submit(0, value: Self.percent, priority: .schedule)
        #expect(bus.run(atMost: .seconds(5)) { second.done != nil })
        #expect(second.done?.outcome == .verified)
        #expect(bus.bus.levelCommands.map { $0[1] } == [76])
    }
}
