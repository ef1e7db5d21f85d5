import DriverKit
import DriverProtocol
import Telemetry
import Testing

@testable import DALIDriver

@Suite struct PollingTests {
    @Test func `a lamp is read by its own curve`() throws {
        let logarithmic = ScriptedGear(level: 229)
        let linear = ScriptedGear(level: 127)
        linear.curve = 1
        let bench = Bench([3: logarithmic, 4: linear])
        try bench.start()
        bench.run(for: .seconds(2))
        #expect(bench.samples(0, .level).map(\.value) == [.number(ExactDecimal("50.53")!)])
        #expect(bench.samples(1, .level).map(\.value) == [.number(ExactDecimal(50))])
        #expect(bench.samples(0, .on).map(\.value) == [.flag(true)])
        #expect(bench.samples(0, .lampFailure).map(\.value) == [.flag(false)])
        #expect(bench.outlet.all.states.map(\.device).sorted() == [0, 1])
        #expect(bench.outlet.all.conditions == [.online])
    }

    @Test func `what is known of a gear is asked once`() throws {
        let bench = Bench([3: ScriptedGear(level: 100)])
        try bench.start()
        bench.run(for: .seconds(35))
        let opcodes = bench.interface.frames.map { $0.bytes[1] }
        #expect(opcodes.filter { $0 == 0xA1 }.count == 1)
        #expect(opcodes.filter { $0 == 0xA2 }.count == 1)
        // Silence on the curve is confirmed once: this gear has no device type 6.
        #expect(opcodes.filter { $0 == 0xEE }.count == 2)
        #expect(opcodes.filter { $0 == 0x90 }.count == 4)
        #expect(opcodes.filter { $0 == 0xA0 }.count == 4)
        #expect(bench.samples(0, .level).count == 4)
    }

    @Test func `a restart costs two queries a lamp, and what was learned is used`() throws {
        let gear = ScriptedGear(level: 127)
        gear.curve = 1
        gear.minimum = 20
        let first = Bench([3: gear])
        try first.start()
        first.run(for: .seconds(25))
        let memories = first.outlet.all.memories
        // The curve at the first poll, the limits at the second.
        #expect(memories.map(\.bytes) == [[1], [1, 20, 254]])
        #expect(Set(memories.map(\.device)) == ["lamp-3"])
        let second = Bench([3: gear], memories: memories.suffix(1))
        try second.start()
        second.run(for: .seconds(2))
        #expect(second.interface.frames.map { $0.bytes[1] } == [0x90, 0xA0])
        #expect(second.samples(0, .level).map(\.value) == [.number(ExactDecimal(50))])
        #expect(second.outlet.all.memories.isEmpty)
    }

    @Test func `after a mains return that is news everything is asked anew`() throws {
        let gear = ScriptedGear(level: 127)
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(15))
        gear.curve = 1
        gear.powerCycled = true
        bench.run(for: .seconds(20))
        #expect(bench.samples(0, .level).last?.value == .number(ExactDecimal(50)))
        #expect(bench.samples(0, .powerCycled).last?.value == .flag(true))
        #expect(bench.interface.frames.filter { $0.bytes[1] == 0xEE }.count == 3)
    }

    @Test func `polling goes at priority 5 and what must follow directly at 1`() throws {
        let bench = Bench([3: ScriptedGear(level: 100)])
        try bench.start()
        bench.run(for: .seconds(2))
        for (index, frame) in bench.interface.frames.enumerated() {
            #expect(frame.mode == (frame.bytes[1] == 0xEE ? 1 : 5))
            if frame.bytes[1] == 0xEE { #expect(bench.interface.frames[index - 1].bytes == [0xC1, 6]) }
        }
    }

    @Test func `a silent lamp is bad once after three polls and good at its first answer`() throws {
        let gear = ScriptedGear(level: 254)
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(5))
        gear.isSilent = true
        bench.run(for: .seconds(60))
        let bad = bench.samples(0, .level).filter { $0.quality.grade == .bad }
        #expect(bad.map(\.quality) == [.bad(.communication)])
        #expect(bad.map(\.value) == [nil])
        #expect(bench.outlet.all.conditions == [.online, .failing, .offline])
        #expect(bench.outlet.all.states.last?.detail.contains("short address 3") == true)
        gear.isSilent = false
        bench.run(for: .seconds(61))
        #expect(bench.outlet.all.states.last?.condition == .online)
        #expect(bench.samples(0, .level).last?.quality == .good)
        #expect(bench.samples(0, .on).last?.value == .flag(true))
    }

    @Test func `one lost answer changes nothing`() throws {
        let gear = ScriptedGear(level: 254)
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(9))
        gear.isSilent = true
        bench.run(for: .milliseconds(1_500))
        gear.isSilent = false
        bench.run(for: .seconds(30))
        #expect(bench.outlet.all.samples.allSatisfy { $0.sample.quality == .good })
        #expect(bench.outlet.all.conditions == [.online, .failing, .online])
    }

    @Test func `two gear at one address are a collision and not silence`() throws {
        let gear = ScriptedGear(level: 254)
        let bench = Bench([3: gear])
        gear.collides = true
        try bench.start()
        bench.run(for: .seconds(45))
        #expect(bench.samples(0, .level).map(\.quality) == [.bad(.collision)])
        #expect(bench.outlet.all.conditions == [.failing])
        #expect(bench.outlet.all.states.last?.detail.contains("own address") == true)
    }

    @Test func `a gear without a level says so and keeps its states`() throws {
        let gear = ScriptedGear(level: 254)
        gear.isStarting = true
        gear.lampFailed = true
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(25))
        #expect(bench.samples(0, .level).map(\.quality) == [.bad(.deviceReported)])
        #expect(bench.samples(0, .lampFailure).map(\.value) == [.flag(true), .flag(true), .flag(true)])
    }

    @Test func `a late answer never becomes the next gear's level`() throws {
        let bench = Bench([3: ScriptedGear(level: 254), 4: ScriptedGear(level: 85)])
        try bench.start()
        bench.run(for: .seconds(5))
        bench.interface.replyDelays = [.milliseconds(35), .milliseconds(60), .milliseconds(90), .milliseconds(35)]
        bench.run(for: .seconds(30))
        #expect(Set(bench.samples(0, .level).map(\.value)) == [.number(ExactDecimal(100))])
        #expect(Set(bench.samples(1, .level).map(\.value)) == [.number(ExactDecimal("0.99")!)])
    }

    @Test func `a bus without voltage is one event and each point bad once`() throws {
        let bench = Bench([3: ScriptedGear(level: 254), 4: ScriptedGear(level: 85)])
        try bench.start()
        bench.run(for: .seconds(5))
        bench.interface.isBusDown = true
        bench.run(for: .seconds(30))
        #expect(bench.outlet.all.events.map(\.phase) == [1])
        #expect(bench.outlet.all.events.map(\.kind) == ["dali_bus_down"])
        #expect(bench.samples(0, .level).filter { $0.quality == .bad(.communication) }.count == 1)
        #expect(bench.samples(1, .on).filter { $0.quality == .bad(.communication) }.count == 1)
        #expect(bench.engine.portState.isOpen)
        #expect(bench.engine.portState.detail.contains("no voltage"))
        bench.interface.isBusDown = false
        bench.run(for: .seconds(3))
        #expect(bench.outlet.all.events.map(\.phase) == [1, 2])
        #expect(bench.samples(0, .level).last?.quality == .good)
        #expect(bench.samples(1, .level).last?.quality == .good)
    }

    @Test func `an interface pulled out and put back is opened again`() throws {
        let bench = Bench([3: ScriptedGear(level: 254)])
        try bench.start()
        bench.run(for: .seconds(5))
        #expect(bench.openings == 1)
        bench.interface.isGone = true
        bench.openFailure = SerialPortError(
            code: .notThere, path: "/dev/ttyUSB0", description: "/dev/ttyUSB0 is not there")
        bench.run(for: .seconds(40))
        #expect(!bench.engine.portState.isOpen)
        #expect(bench.engine.portState.detail.contains("is not there"))
        #expect(bench.samples(0, .level).filter { $0.quality == .bad(.communication) }.count == 1)
        let refused = bench.submit(0, value: .number(ExactDecimal(10)))
        #expect(bench.run(atMost: .seconds(1)) { refused.done != nil })
        #expect(refused.done?.outcome == .failed)
        #expect(refused.done?.reason.contains("is not there") == true)
        bench.interface.isGone = false
        bench.openFailure = nil
        bench.run(for: .seconds(13))
        #expect(bench.engine.portState.isOpen)
        #expect(bench.samples(0, .level).last?.quality == .good)
        // Tries while it was away: 0.5, 1, 2, 4, 8, 10 s apart and no more.
        #expect((6...10).contains(bench.openings))
    }

    @Test func `an interface that falls silent is greeted again and blamed, not its lamps`() throws {
        let bench = Bench([3: ScriptedGear(level: 254)])
        try bench.start()
        bench.run(for: .seconds(5))
        bench.interface.isMute = true
        bench.run(for: .seconds(40))
        #expect(!bench.engine.portState.isOpen)
        #expect(bench.engine.portState.detail.contains("LUBA"))
        #expect(bench.samples(0, .level).last?.quality == .bad(.communication))
        bench.interface.isMute = false
        bench.run(for: .seconds(13))
        #expect(bench.engine.portState.isOpen)
        #expect(bench.samples(0, .level).last?.quality == .good)
    }

    @Test(arguments: [1, 2, 3, 5])
    func `bytes in pieces and with noise between read the same`(_ chunk: Int) throws {
        let bench = Bench([3: ScriptedGear(level: 170)])
        bench.interface.chunk = chunk
        bench.interface.noise = (0..<40).map { $0 % 3 == 0 ? [0x00, 0xFF, 0x59] : [] }
        try bench.start()
        bench.run(for: .seconds(60))
        #expect(bench.samples(0, .level).last?.value == .number(ExactDecimal("10.09")!))
    }

    @Test func `64 lamps are read in little more than the bus's own time`() throws {
        var gear: [UInt8: ScriptedGear] = [:]
        for address in UInt8(0)..<64 {
            gear[address] = ScriptedGear(level: 200)
            gear[address]?.curve = 0
        }
        let bench = Bench(gear, interval: 60_000)
        try bench.start()
        // The first round learns curve and limits too; the second is the plain one.
        bench.run(for: .seconds(60))
        let before = bench.interface.frames.count
        let begun = bench.clock.now
        #expect(bench.run(atMost: .seconds(60)) { bench.interface.frames.count - before >= 128 })
        // 128 queries at 47 ms on this scripted bus, plus the first gear's waiting for its minute.
        #expect(bench.clock.now.duration(since: begun) < .seconds(8))
        #expect(bench.engine.portState.utilisationPermille > 500)
        #expect(bench.outlet.all.states.filter { $0.condition == .online }.count >= 64)
    }

    @Test func `a person's read is complete and comes before polling`() throws {
        var gear: [UInt8: ScriptedGear] = [:]
        for address in UInt8(0)..<32 { gear[address] = ScriptedGear(level: 200) }
        let bench = Bench(gear)
        try bench.start()
        bench.run(for: .seconds(1))
        var query = DriverQuery()
        query.device = 31
        var done: DriverQueryDone?
        let asked = bench.clock.now
        bench.engine.submit(query) { done = $0 }
        #expect(bench.run(atMost: .seconds(2)) { done != nil })
        #expect(bench.clock.now.duration(since: asked) < .milliseconds(450))
        #expect(done?.failure == "")
        #expect(done?.samples.point == [1, 2, 3, 4, 5, 6, 0])
    }

    @Test func `the trace shows frames, answers and other controllers`() throws {
        let bench = Bench([3: ScriptedGear(level: 254)])
        bench.engine.isTracing = true
        try bench.start()
        bench.run(for: .seconds(2))
        bench.interface.event(status: 0x90, [0xFF, 0x05])
        bench.run(for: .seconds(1))
        let texts = bench.outlet.all.trace.map(\.text)
        #expect(texts.contains("A3 QUERY STATUS"))
        #expect(texts.contains("answer 254 (FE)"))
        #expect(texts.contains("another controller: all RECALL MAX LEVEL"))
    }
}
