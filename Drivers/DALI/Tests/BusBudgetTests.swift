import DriverKit
import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// The bus as a budget: polling at the bus's own speed, commands in time, sweeps in what is left.
struct BusBudgetTests {
    /// What a driver knows of a gear from an earlier run: logarithmic, 85 to 254.
    static func memories(_ gear: [GearDescription]) -> [DriverMemory] {
        gear.map { DriverMemory(device: $0.name, key: Gear.memoryKey, bytes: [0, 85, 254]) }
    }

    @Test func `64 lamps are read at the bus's own speed`() throws {
        let lamps = SimulatedBus.lamps(64)
        // Due more often than the bus can follow: every moment counts.
        let bus = SimulatedBus(gear: lamps, memories: Self.memories(lamps), interval: 2_000)
        try bus.start()
        // The first rounds ask what a return of mains may have changed.
        bus.run(for: .seconds(60))
        let begun = bus.clock.now
        bus.run(for: .seconds(60))
        let elapsed = bus.clock.now.duration(since: begun)
        let queries = bus.frames(since: begun).filter { $0.data[1] == 0x90 || $0.data[1] == 0xA0 }
        let address = try #require(ShortAddress(0))
        let one = AirTime.of(.gear(address, .queryStatus, priority: .polling), answered: true)
        // Status and level of 64 lamps: 6.4 s.
        #expect((one * 128).inSeconds > 6.3 && (one * 128).inSeconds < 6.5)
        let ideal = one * queries.count
        #expect(elapsed.inSeconds / ideal.inSeconds <= 1.05)
        // All alike: nobody is read twice while another waits.
        let counts = Dictionary(grouping: queries, by: { $0.data[0] }).values.map(\.count)
        #expect(counts.count == 64)
        #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 4)
    }

    @Test func `a level command reaches its lamp within 150 ms on a bus that is polled, swept and looked after`() throws
    {
        let lamps = SimulatedBus.lamps(64)
        let bus = SimulatedBus(
            gear: lamps, memories: Self.memories(lamps), interval: 10_000, options: ["power_on": "60%"])
        let sweep = GreedySweep()
        bus.engine.sweeps.append(sweep)
        try bus.start()
        bus.run(for: .seconds(10))
        var random = SeededGenerator(seed: 4)
        var worst: Duration = .zero
        for round in 0..<200 {
            bus.run(for: .milliseconds(Int64(100 + random.next() % 700)))
            let lamp = UInt32(random.next() % 64)
            let level = round % 2 == 0 ? "40" : "70"
            let asked = bus.clock.now
            let value = try #require(ExactDecimal(level))
            let answer = bus.submit(lamp, value: .number(value), priority: round % 3 == 0 ? .schedule : .person)
            #expect(bus.run(atMost: .seconds(4)) { answer.done != nil })
            #expect(answer.done?.outcome == .verified)
            let sent = bus.frames(since: asked).first { $0.data[0] == UInt8(lamp) << 1 }
            worst = max(worst, try #require(sent).at.duration(since: asked))
        }
        #expect(worst < .milliseconds(150), "the slowest took \(worst.wholeMilliseconds) ms")
        #expect(sweep.units > 20)
    }

    @Test func `a sweep takes less than a thirtieth of a bus that polls without a pause`() throws {
        let lamps = SimulatedBus.lamps(64)
        var reads: [Int] = []
        for isSwept in [false, true] {
            let bus = SimulatedBus(gear: lamps, memories: Self.memories(lamps), interval: 2_000)
            if isSwept { bus.engine.sweeps.append(GreedySweep()) }
            try bus.start()
            bus.run(for: .seconds(40))
            reads.append(bus.frames().filter { $0.data[1] == 0xA0 }.count)
        }
        #expect(reads[0] > 250)
        #expect(reads[1] <= reads[0] + 2 && reads[1] >= reads[0] - reads[0] / 30)
    }

    @Test func `the ring holds the newest exchanges in words`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(2))
        try bus.start()
        bus.run(for: .seconds(2))
        #expect(
            bus.engine.frameLog.all.contains { entry in
                guard case .outcome(let request, .reply) = entry.record else { return false }
                return request.frame.description == "A1 QUERY STATUS" && entry.words.hasPrefix("answer")
            })
        bus.run(for: .seconds(300))
        let ring = bus.engine.frameLog.all
        #expect(ring.count == FrameLog.capacity)
        #expect(ring.last?.number == bus.engine.frameLog.count - 1)
        #expect(zip(ring, ring.dropFirst()).allSatisfy { $0.at <= $1.at })
    }

    @Test func `another controller's level is seen within a second and told once`() throws {
        let bus = SimulatedBus(gear: SimulatedBus.lamps(3), interval: 30_000)
        try bus.start()
        bus.run(for: .seconds(20))
        let moment = bus.clock.now.advanced(by: .milliseconds(100))
        bus.bus.schedule(foreign: [0x02, 200], at: moment)
        bus.bus.schedule(foreign: [0x02, 200], at: moment.advanced(by: .milliseconds(400)))
        bus.run(for: .seconds(2))
        #expect(bus.samples(1, .level).last?.value == .number(ArcPowerCurve.logarithmic.percent(level: 200)))
        #expect(bus.outlet.all.events.filter { $0.kind == "other_controller" }.count == 1)
    }
}

/// Always has something to read: two questions, 94 ms of bus.
final class GreedySweep: SweepSource {
    private(set) var units = 0

    func next(_ bench: any SweepBench) -> SweepStep {
        guard let position = bench.gear.indices.first(where: bench.isReadable) else { return .idle(until: nil) }
        let address = bench.gear[position].address
        return .exchange([
            .gear(address, .queryVersionNumber, priority: .polling),
            .gear(address, .queryPhysicalMinimum, priority: .continuation),
        ])
    }

    func received(_ outcomes: [DALIOutcome], _ bench: any SweepBench) { units += 1 }
}
