import DriverProtocol
import Telemetry
import Testing

@testable import DALIDriver

@Suite struct LampCommandTests {
    private func percent(_ text: String) -> Value { .number(ExactDecimal(text)!) }

    @Test func `a level is set, read back and verified`() throws {
        let gear = ScriptedGear(level: 254)
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        let answer = bench.submit(0, value: percent("50"))
        #expect(bench.run(atMost: .seconds(5)) { answer.done != nil })
        #expect(answer.done?.outcome == .verified)
        #expect(answer.done?.readBack.number.exact == ExactDecimal("50.53"))
        #expect(answer.done?.reason == "")
        #expect(gear.level == 229)
        let sent = bench.interface.frames.filter { $0.bytes == [6, 229] }
        #expect(sent.map(\.mode) == [2])
    }

    @Test func `a linear gear gets the level of its own curve`() throws {
        let gear = ScriptedGear(level: 0)
        gear.curve = 1
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        let answer = bench.submit(0, value: percent("50"))
        #expect(bench.run(atMost: .seconds(5)) { answer.done != nil })
        #expect(gear.level == 127)
        #expect(answer.done?.readBack.number.exact == ExactDecimal(50))
    }

    @Test func `a command before the first poll learns the curve first`() throws {
        let gear = ScriptedGear(level: 0)
        gear.curve = 1
        let bench = Bench([3: gear])
        try bench.start()
        let answer = bench.submit(0, value: percent("50"))
        #expect(bench.run(atMost: .seconds(5)) { answer.done != nil })
        #expect(answer.done?.outcome == .verified)
        #expect(gear.level == 127)
    }

    @Test func `the read-back waits for the fade to end and others go on meanwhile`() throws {
        let slow = ScriptedGear(level: 254)
        slow.fadeIndex = 9
        let bench = Bench([3: slow, 4: ScriptedGear(level: 254)])
        try bench.start()
        bench.run(for: .seconds(3))
        let begun = bench.clock.now
        let fading = bench.submit(0, value: percent("10"))
        bench.run(for: .seconds(1))
        #expect(fading.done == nil)
        let other = bench.submit(1, value: percent("20"))
        #expect(bench.run(atMost: .seconds(2)) { other.done != nil })
        #expect(other.done?.outcome == .verified)
        #expect(bench.run(atMost: .seconds(20)) { fading.done != nil })
        #expect(fading.done?.outcome == .verified)
        let took = try #require(fading.at).duration(since: begun)
        #expect(took > .milliseconds(11_300) && took < .milliseconds(13_000))
        // Polling of the other lamp did not stop.
        #expect(bench.samples(1, .level).count >= 2)
    }

    @Test func `a level command reaches the wire within 150 ms of a bus that polls 64 lamps`() throws {
        var gear: [UInt8: ScriptedGear] = [:]
        for address in UInt8(0)..<64 { gear[address] = ScriptedGear(level: 200) }
        let bench = Bench(gear, interval: 5_000)
        try bench.start()
        bench.run(for: .seconds(40))
        for address in UInt8(10)..<20 {
            let asked = bench.clock.now
            let answer = bench.submit(UInt32(address), value: percent("100"))
            let wanted = [address << 1, 254]
            #expect(bench.run(atMost: .seconds(2)) { bench.interface.frames.contains { $0.bytes == wanted } })
            let sent = try #require(bench.interface.frames.last { $0.bytes == wanted }).at
            #expect(sent.duration(since: asked) < .milliseconds(150))
            #expect(bench.run(atMost: .seconds(3)) { answer.done != nil })
            #expect(answer.done?.outcome == .verified)
        }
    }

    @Test func `a person goes before a schedule and each has its priority on the bus`() throws {
        var gear: [UInt8: ScriptedGear] = [:]
        for address in UInt8(0)..<8 { gear[address] = ScriptedGear(level: 200) }
        let bench = Bench(gear, interval: 60_000)
        try bench.start()
        bench.run(for: .seconds(10))
        let schedule = (UInt32(0)..<7).map { bench.submit($0, value: percent("100"), priority: .schedule) }
        let person = bench.submit(7, value: percent("100"), priority: .person)
        #expect(bench.run(atMost: .seconds(10)) { person.done != nil && schedule.allSatisfy { $0.done != nil } })
        let sent = bench.interface.frames.filter { $0.bytes[1] == 254 && $0.bytes[0] & 1 == 0 }
        #expect(sent.map { $0.bytes[0] >> 1 } == [7, 0, 1, 2, 3, 4, 5, 6])
        #expect(sent.map(\.mode) == [2] + [UInt8](repeating: 4, count: 7))
    }

    @Test func `what is below the gear's lowest level goes there and says so`() throws {
        let gear = ScriptedGear(level: 254)
        gear.minimum = 85
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        let answer = bench.submit(0, value: percent("0.2"))
        #expect(bench.run(atMost: .seconds(5)) { answer.done != nil })
        #expect(answer.done?.outcome == .verified)
        #expect(answer.done?.reason == "0.2 % is beyond the gear's lowest level, which is level 85 (0.99 %)")
        #expect(gear.level == 85)
    }

    @Test func `0 percent is off`() throws {
        let gear = ScriptedGear(level: 254)
        gear.minimum = 85
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        let answer = bench.submit(0, value: percent("0"))
        #expect(bench.run(atMost: .seconds(5)) { answer.done != nil })
        #expect(answer.done?.outcome == .verified)
        #expect(answer.done?.reason == "")
        #expect(gear.level == 0)
    }

    @Test func `a lamp that does not obey fails with the level it is at`() throws {
        let gear = ScriptedGear(level: 254)
        gear.isStuck = true
        gear.lampFailed = true
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        let answer = bench.submit(0, value: percent("50"))
        #expect(bench.run(atMost: .seconds(10)) { answer.done != nil })
        #expect(answer.done?.outcome == .failed)
        #expect(
            answer.done?.reason
                == "short address 3 is at level 254 (100 %) instead of level 229 (50.53 %), and it reports a lamp failure"
        )
        #expect(answer.done?.readBack.number.exact == ExactDecimal(100))
    }

    @Test func `a lamp that falls silent is no answer`() throws {
        let gear = ScriptedGear(level: 254)
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        gear.isSilent = true
        let answer = bench.submit(0, value: percent("50"))
        #expect(bench.run(atMost: .seconds(10)) { answer.done != nil })
        #expect(answer.done?.outcome == .noAnswer)
        #expect(gear.level == 229)
    }

    @Test func `a gear that never answered is sent full and off, and nothing that depends on its curve`() throws {
        let gear = ScriptedGear(level: 0)
        gear.isSilent = true
        let bench = Bench([3: gear])
        try bench.start()
        let half = bench.submit(0, value: percent("50"))
        #expect(bench.run(atMost: .seconds(10)) { half.done != nil })
        #expect(half.done?.outcome == .noAnswer)
        #expect(gear.level == 0)
        let full = bench.submit(0, value: percent("100"))
        #expect(bench.run(atMost: .seconds(10)) { full.done != nil })
        #expect(full.done?.outcome == .noAnswer)
        #expect(gear.level == 254)
    }

    @Test func `a rejected frame is tried again`() throws {
        let bench = Bench([3: ScriptedGear(level: 254)])
        try bench.start()
        bench.run(for: .seconds(2))
        bench.interface.rejections = [4, 7]
        let answer = bench.submit(0, value: percent("50"))
        #expect(bench.run(atMost: .seconds(5)) { answer.done != nil })
        #expect(answer.done?.outcome == .verified)
    }

    @Test func `a frame rejected to the end names the reason`() throws {
        let bench = Bench([3: ScriptedGear(level: 254)])
        try bench.start()
        bench.run(for: .seconds(2))
        bench.interface.rejections = [3, 3, 3, 3]
        let answer = bench.submit(0, value: percent("50"))
        #expect(bench.run(atMost: .seconds(5)) { answer.done != nil })
        #expect(answer.done?.outcome == .failed)
        #expect(answer.done?.reason.contains("quiescent mode") == true)
        #expect(answer.done?.reason.contains("nothing was sent") == true)
    }

    @Test func `a command on a dead bus fails at once`() throws {
        let bench = Bench([3: ScriptedGear(level: 254)])
        try bench.start()
        bench.run(for: .seconds(2))
        bench.interface.isBusDown = true
        let answer = bench.submit(0, value: percent("50"))
        #expect(bench.run(atMost: .seconds(1)) { answer.done != nil })
        #expect(answer.done?.outcome == .failed)
        #expect(answer.done?.reason.contains("no voltage") == true)
    }

    @Test func `on, off and the actions`() throws {
        let gear = ScriptedGear(level: 0)
        gear.maximum = 240
        let bench = Bench([3: gear])
        try bench.start()
        let on = bench.submit(0, point: .on, value: .flag(true))
        #expect(bench.run(atMost: .seconds(5)) { on.done != nil })
        #expect(on.done?.outcome == .verified)
        #expect(gear.level == 240)
        let off = bench.submit(0, action: "off")
        #expect(bench.run(atMost: .seconds(5)) { off.done != nil })
        #expect(off.done?.outcome == .verified)
        #expect(gear.level == 0)
        let full = bench.submit(0, action: "recall_max")
        #expect(bench.run(atMost: .seconds(5)) { full.done != nil })
        #expect(full.done?.outcome == .verified)
        let dark = bench.submit(0, point: .on, value: .flag(false))
        #expect(bench.run(atMost: .seconds(5)) { dark.done != nil })
        #expect(gear.level == 0)
        let shown = bench.submit(0, action: "identify")
        #expect(bench.run(atMost: .seconds(5)) { shown.done != nil })
        #expect(shown.done?.outcome == .applied)
        #expect(gear.identified == 1)
        #expect(bench.interface.frames.filter { $0.bytes == [7, 0x25] }.map(\.mode) == [0x82, 0x82])
    }

    @Test func `a standard fade time is written once and used`() throws {
        let gear = ScriptedGear(level: 254)
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        for level in ["50", "20"] {
            let answer = bench.submit(0, value: percent(level), fade: 2_000)
            #expect(bench.run(atMost: .seconds(10)) { answer.done != nil })
            #expect(answer.done?.outcome == .verified)
        }
        #expect(gear.fadeIndex == 4)
        #expect(bench.interface.frames.filter { $0.bytes == [7, 0x2E] }.count == 2)
        #expect(bench.interface.frames.filter { $0.bytes == [0xA3, 4] }.count == 1)
    }

    @Test(arguments: [
        (1, 700), (700, 700), (836, 700), (837, 1000), (20_000, 22_600), (18_000, 16_000), (90_500, 90_500),
        (960_000, 90_500),
    ]) func `the nearest fade time is the one whose ratio is smallest`(wanted: Int, nearest: Int) {
        let found = FadeTime.nearest(milliseconds: wanted)
        #expect(found.milliseconds == nearest)
        #expect(FadeTime.index(milliseconds: nearest) == found.index)
    }

    @Test func `a fade that no gear knows uses the nearest and says so`() throws {
        let gear = ScriptedGear(level: 254)
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        let answer = bench.submit(0, value: percent("50"), fade: 1_234)
        #expect(bench.run(atMost: .seconds(10)) { answer.done != nil })
        #expect(answer.done?.outcome == .verified)
        #expect(answer.done?.reason.contains("1.234 s is none that gear knows: the nearest, 1.4 s") == true)
        #expect(gear.fadeIndex == 3)
    }

    @Test func `a deadline in the middle of a fade fails with where it is`() throws {
        let gear = ScriptedGear(level: 254)
        gear.fadeIndex = 9
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        let answer = bench.submit(0, value: percent("10"), deadline: .seconds(3))
        #expect(bench.run(atMost: .seconds(5)) { answer.done != nil })
        #expect(answer.done?.outcome == .failed)
        #expect(answer.done?.reason.contains("fade is still running") == true)
    }

    @Test func `a deadline that passed before the first frame is expired and sends nothing`() throws {
        let gear = ScriptedGear(level: 254)
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        let answer = bench.submit(0, value: percent("10"), deadline: .zero)
        #expect(bench.run(atMost: .seconds(1)) { answer.done != nil })
        #expect(answer.done?.outcome == .expired)
        #expect(gear.level == 254)
    }

    @Test func `a later command to the same lamp takes the earlier one's place`() throws {
        let gear = ScriptedGear(level: 254)
        gear.fadeIndex = 6
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        let first = bench.submit(0, value: percent("10"))
        bench.run(for: .seconds(1))
        let second = bench.submit(0, value: percent("80"))
        #expect(first.done?.outcome == .failed)
        #expect(first.done?.reason.contains("later command") == true)
        #expect(bench.run(atMost: .seconds(15)) { second.done != nil })
        #expect(second.done?.outcome == .verified)
    }

    @Test func `what cannot be done is rejected with its reason`() throws {
        let bench = Bench([3: ScriptedGear(level: 254)])
        try bench.start()
        let wrong: [(CommandAnswer, String)] = [
            (bench.submit(0, value: percent("101")), "0 to 100 %"),
            (bench.submit(0, value: percent("-1")), "0 to 100 %"),
            (bench.submit(0, value: .text("bright")), "takes a number"),
            (bench.submit(0, point: .on, value: percent("1")), "true or false"),
            (bench.submit(0, point: .lampFailure, value: .flag(false)), "read-only"),
            (bench.submit(0, action: "explode"), "no action explode"),
            (bench.submit(9, value: percent("1")), "number 9"),
        ]
        for (answer, text) in wrong {
            #expect(answer.done?.outcome == .rejected)
            #expect(answer.done?.reason.contains(text) == true)
        }
        let locked = Bench([3: ScriptedGear(level: 254)], readOnly: true)
        try locked.start()
        let refused = locked.submit(0, action: "identify")
        #expect(refused.done?.outcome == .rejected)
        locked.run(for: .seconds(2))
        #expect(locked.interface.frames.allSatisfy { $0.bytes[1] >= 0x90 || $0.bytes[0] == 0xC1 })
    }

    @Test func `stopping answers every command that waits`() throws {
        let gear = ScriptedGear(level: 254)
        gear.fadeIndex = 15
        let bench = Bench([3: gear])
        try bench.start()
        bench.run(for: .seconds(2))
        let answer = bench.submit(0, value: percent("10"))
        bench.run(for: .seconds(1))
        bench.engine.stop()
        #expect(answer.done?.outcome == .failed)
        #expect(answer.done?.reason.contains("stopping") == true)
    }
}
