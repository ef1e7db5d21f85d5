import Telemetry
import Testing

@testable import FieldSimulator

/// One gear and a clock that moves by 40 ms with every frame.
final class GearBench {
    let gear: ControlGear
    var time = 0.0

    init(_ change: (inout GearDescription) -> Void = { _ in }) {
        var description = GearDescription(name: "lamp", shortAddress: 1, isD4i: false)
        change(&description)
        gear = ControlGear(description, seed: 1, at: second(0))
    }

    /// Frames in hexadecimal: `03 A0`. A frame followed by `x2` goes out twice. The answer to the last.
    @discardableResult
    func send(_ text: String) -> UInt8? {
        var answer: UInt8?
        for frame in text.split(separator: ",") {
            let words = frame.split(separator: " ")
            let bytes = words.prefix(2).compactMap { UInt8($0, radix: 16) }
            for _ in 0..<(words.count == 3 ? 2 : 1) {
                time += 0.04
                answer = gear.receive(bytes[0], bytes[1], at: second(time))
            }
        }
        return answer
    }

    func wait(_ seconds: Double) { time += seconds }
    var now: BootInstant { second(time) }
}

/// Truth tables written from IEC 62386-102 as lamps.md section 2 tells it, not from the simulator's code.
@Suite struct `Gear commands by the standard` {
    /// From level 200, min 85, max 254: what is sent, and the level half a second later.
    static let levels: [(String, UInt8)] = [
        ("02 7F", 127), ("02 01", 85), ("02 FE", 254), ("02 00", 0), ("02 FF", 200),
        ("03 00", 0), ("03 01", 209), ("03 02", 191), ("03 03", 201), ("03 04", 199), ("03 05", 254), ("03 06", 85),
        ("03 07", 199), ("03 08", 201), ("03 06,03 07", 0), ("03 06,03 04", 85), ("03 05,03 03", 254),
        ("03 00,03 03", 0), ("03 00,03 04", 0), ("03 00,03 08", 85), ("03 00,03 01", 0), ("03 00,03 05", 254),
        ("03 00,03 06", 85), ("03 00,03 0A", 200), ("02 00,03 0A", 200), ("03 00,03 0B", 0),
        ("A3 78,03 45 x2,03 15", 120), ("A3 00,03 45 x2,03 15", 0), ("A3 78,03 45 x2,03 55 x2,03 15", 200),
        ("A3 78,03 45 x2,FF 15", 120), ("03 63 x2,87 00", 0), ("03 63 x2,85 00", 200), ("03 63 x2,03 73 x2,87 00", 200),
        ("FE 64", 100), ("FD 00", 200), ("05 00", 200), ("A3 64,03 2A x2", 100), ("A3 DC,03 2B x2", 220),
        ("A3 64,03 2A x2,03 05", 100), ("03 20 x2", 254), ("03 20", 200), ("A3 05,03 21 x2", 200),
    ]

    @Test(arguments: levels)
    func `a level command leads to its level`(_ sent: String, _ level: UInt8) {
        let bench = GearBench()
        bench.send("02 C8")
        bench.send(sent)
        bench.wait(0.5)
        #expect(bench.send("03 A0") == level)
    }

    /// What is sent with DTR0 set before, the query, and its answer.
    static let settings: [(String, String, UInt8?)] = [
        ("A3 64,03 2A x2", "03 A1", 100), ("A3 FF,03 2A x2", "03 A1", 254), ("A3 0A,03 2A x2", "03 A1", 85),
        ("A3 64,03 2B x2", "03 A2", 100), ("A3 0A,03 2B x2", "03 A2", 85), ("A3 FF,03 2B x2", "03 A2", 254),
        ("A3 64,03 2C x2", "03 A4", 100), ("A3 FF,03 2C x2", "03 A4", 255), ("A3 00,03 2D x2", "03 A3", 0),
        ("A3 04,03 2E x2", "03 A5", 0x47), ("A3 FF,03 2E x2", "03 A5", 0xF7), ("A3 00,03 2F x2", "03 A5", 0x01),
        ("A3 63,03 2F x2", "03 A5", 0x0F), ("A3 4F,03 30 x2", "03 A8", 0x4F), ("A3 50,03 30 x2", "03 A8", 0),
        ("A3 64,03 4F x2", "03 BF", 100), ("03 60 x2", "03 C0", 0b1), ("03 6F x2", "03 C1", 0x80),
        ("A3 85,03 80 x2", "03 91", 0xFF), ("A3 07,03 80 x2", "03 91", nil), ("A3 07,03 80 x2", "07 91", 0xFF),
        ("A3 FF,03 80 x2", "FD 96", 0xFF), ("A3 06,03 80 x2", "03 91", 0xFF), ("A3 12", "03 98", 0x12),
        ("C3 13", "03 9C", 0x13), ("C5 14", "03 9D", 0x14), ("02 C8,03 21 x2", "03 98", 200), ("", "03 97", 8),
        ("", "03 99", 6), ("", "03 A7", nil), ("03 99", "03 A7", nil), ("", "03 9A", 85), ("", "03 9B", 0xFF),
        ("02 64", "03 9B", nil), ("", "03 9E", 0), ("", "03 9F", 6), ("", "03 A6", nil), ("", "03 AA", nil),
        ("", "03 C2", 0xFF), ("02 00", "03 93", nil), ("02 64", "03 93", 0xFF), ("02 0A", "03 94", 0xFF),
        ("02 64", "03 94", nil), ("", "03 95", 0xFF), ("A3 64,03 2D x2", "03 95", nil), ("", "03 92", nil),
        ("03 60 x2,03 20 x2", "03 C0", 0), ("A3 64,03 2D x2,03 20 x2", "03 95", 0xFF),
        ("A3 64,03 42 x2,03 20 x2", "03 B2", 255), ("03 2D,03 91,03 2D", "03 A3", 254), ("", "05 91", nil),
    ]

    @Test(arguments: settings)
    func `a setting is kept and told`(_ sent: String, _ query: String, _ answer: UInt8?) {
        let bench = GearBench()
        bench.send(sent)
        #expect(bench.send(query) == answer)
    }

    @Test func `a chain of device types is told only without anything in between`() {
        let bench = GearBench {
            $0.isD4i = true; $0.colourTemperatures = 2700...6500
        }
        #expect(bench.send("03 99") == 255)
        #expect((0..<7).map { _ in bench.send("03 A7") } == [6, 8, 50, 51, 52, 254, nil])
        bench.send("03 99,03 A0")
        #expect(bench.send("03 A7") == nil)
    }

    @Test func `levels of a sequence are reached within 200 ms each`() {
        let bench = GearBench()
        bench.send("02 64,03 09,02 C8")
        bench.wait(0.06)
        let half = bench.send("03 A0") ?? 0
        #expect((140...160).contains(half))
        bench.wait(0.2)
        #expect(bench.send("03 A0") == 200)
        bench.send("02 64")
        #expect(bench.send("03 A0") == 100)
    }

    @Test func `continuous dimming runs at the fade rate to the limit and MASK stops it`() {
        let bench = GearBench()
        bench.send("02 64,03 0B")
        bench.wait(0.96)
        // Rate 7: 44.7 steps in a second.
        let level = Int(bench.send("03 A0") ?? 0)
        #expect(abs(level - 145) <= 2)
        bench.send("02 FF")
        bench.wait(5)
        #expect(abs(Int(bench.send("03 A0") ?? 0) - level) <= 4)
        bench.send("03 0B")
        bench.wait(5)
        #expect(bench.send("03 A0") == 254)
    }

    @Test func `write enable ends with any command that is not part of writing`() {
        for (between, works) in [("", true), ("A3 03", true), ("03 98", true), ("03 A0", false), ("C1 06", false)] {
            let bench = GearBench { $0.isD4i = true }
            bench.send("C3 CA,A3 02,03 81 x2")
            if !between.isEmpty { bench.send(between) }
            bench.send("A3 02")
            #expect(bench.send("C7 AA") == (works ? 0xAA : nil), "\(between)")
        }
    }

    @Test func `colour temperatures are set, limited, stored in scenes and reported`() {
        let bench = GearBench { $0.colourTemperatures = 2700...6500 }
        /// QUERY COLOUR VALUE: the answer is the high byte, the low one lies in DTR0.
        func value(_ number: UInt8) -> Int {
            bench.send("A3 \(String(number, radix: 16)),C1 08")
            guard let high = bench.send("03 FA"), let low = bench.send("03 98") else { return -1 }
            return Int(high) << 8 | Int(low)
        }
        #expect([value(129), value(131), value(2)] == [154, 370, 370])
        // 4000 K are 250 mirek.
        bench.send("A3 FA,C3 00,C1 08,03 E7")
        #expect(value(2) == 370)
        #expect(value(194) == 250)
        bench.send("C1 08,03 E2")
        #expect(value(2) == 250)
        #expect(value(226) == 0xFFFF)
        bench.send("03 A0")
        #expect(value(226) == 250)
        // Beyond the warmest: limited and said so.
        bench.send("A3 F4,C3 01,C1 08,03 E7,02 C8")
        #expect(value(2) == 370)
        bench.send("C1 08")
        #expect(bench.send("03 F8") == 0b10_0010)
        bench.send("A3 C8,C3 00,C1 08,03 E7,A3 96,03 43 x2,03 13")
        #expect(value(2) == 200)
        bench.send("C1 08,03 E8")
        #expect(value(2) == 199)
        bench.send("A3 FA,C3 00,C5 00,C1 08,03 F2 x2")
        #expect([value(128), value(2)] == [250, 250])
    }

    @Test func `device type 6 tells its failures and keeps its fast fade in range`() {
        let bench = GearBench()
        func ask(_ opcode: String) -> UInt8? { bench.send("C1 06,03 \(opcode)") }
        bench.gear.set(.lampShort, true, at: bench.now)
        #expect([ask("F1"), ask("F2"), ask("F3")] == [1, 0xFF, nil])
        bench.gear.setLampFailed(false, at: bench.now)
        #expect(ask("F1") == 0)
        for (set, kept) in [("00", 0), ("01", 1), ("1B", 27), ("40", 27)] as [(String, UInt8)] {
            bench.send("A3 \(set),C1 06,03 E4 x2")
            #expect(ask("FD") == kept)
        }
        bench.send("A3 14,C1 06,03 E4 x2,02 64")
        bench.wait(1)
        bench.send("02 C8")
        bench.wait(0.21)
        #expect((130...170).contains(bench.send("03 A0") ?? 0))
        bench.send("A3 01,C1 06,03 E3 x2")
        #expect([ask("EE"), ask("FC")] == [1, 0x10])
        #expect(ask("FF") == 2)
    }
}
