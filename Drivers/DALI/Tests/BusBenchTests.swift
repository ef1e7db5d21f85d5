import DriverKit
import DriverProtocol
import FieldSimulator
import Glibc
import Telemetry
import Testing

@testable import DALIDriver

/// The figures of `scripts/bench dali`, in virtual time: what they are does not depend on the machine.
@Suite(.serialized, .enabled(if: getenv("CANDELA_TIMED") != nil, "a bench: scripts/bench dali runs it"))
struct BusBenchTests {
    private static let commands = 500

    /// 64 lamps, polled every 10 s, their settings looked after, with a sweep that takes all that is free.
    private func loaded(interface: String) throws -> SimulatedBus {
        let lamps = SimulatedBus.lamps(64)
        let bus = SimulatedBus(
            gear: lamps, interface: interface, memories: BusBudgetTests.memories(lamps), interval: 10_000,
            options: ["power_on": "60%"])
        bus.engine.sweeps.append(GreedySweep())
        try bus.start()
        bus.run(for: .seconds(30))
        return bus
    }

    /// From the order's arrival at the driver to the end of its frame on the bus, in milliseconds, in order of size.
    private func latencies(_ bus: SimulatedBus) throws -> [Int64] {
        var random = SeededGenerator(seed: 11)
        var latencies: [Int64] = []
        for round in 0..<Self.commands {
            bus.run(for: .milliseconds(Int64(100 + random.next() % 700)))
            let lamp = UInt32(random.next() % 64)
            let asked = bus.clock.now
            let level = try #require(ExactDecimal(round % 2 == 0 ? "40" : "70"))
            let answer = bus.submit(lamp, value: .number(level), priority: round % 3 == 0 ? .schedule : .person)
            #expect(bus.run(atMost: .seconds(4)) { answer.done != nil })
            let sent = bus.frames(since: asked).first { $0.data[0] == UInt8(lamp) << 1 }
            latencies.append(try #require(sent).at.duration(since: asked).wholeMilliseconds)
        }
        return latencies.sorted()
    }

    /// Polling as fast as the bus goes, against the air time of its frames.
    private func round(interface: String) throws -> (seconds: Double, computed: Double) {
        let lamps = SimulatedBus.lamps(64)
        let bus = SimulatedBus(
            gear: lamps, interface: interface, memories: BusBudgetTests.memories(lamps), interval: 2_000)
        try bus.start()
        bus.run(for: .seconds(60))
        let begun = bus.clock.now
        bus.run(for: .seconds(120))
        let queries = bus.frames(since: begun).filter { $0.data[1] == 0x90 || $0.data[1] == 0xA0 }.count
        let one = AirTime.of(.gear(try #require(ShortAddress(0)), .queryStatus, priority: .polling), answered: true)
        return (120.0 * 128 / Double(queries), one.inSeconds * 128)
    }

    @Test(arguments: ["luba", "foxtron", "sevenlab"])
    func `level commands and polling of 64 lamps keep their goals`(_ interface: String) throws {
        let latencies = try latencies(loaded(interface: interface))
        let (seconds, computed) = try round(interface: interface)
        let (median, worst) = (latencies[latencies.count / 2], latencies[latencies.count - 1])
        let ratio = seconds / computed
        func hundredths(_ number: Double) -> String { "\((number * 100).rounded() / 100)" }
        print(
            """
            DALI, \(interface), 64 lamps in virtual time         GOAL     MEASURED
              level command, worst of \(latencies.count)              150 ms    \(worst) ms
              level command, median                              \(median) ms
              status and level of all            \(hundredths(computed)) s x 1.05  \(hundredths(seconds)) s x \(hundredths(ratio))
            """)
        #expect(worst <= 150)
        #expect(ratio <= 1.05)
    }
}
