import Telemetry
import Testing

@testable import FieldSimulator

@Suite struct `The LUBA gateway` {
    func gateway(_ count: Int = 3, hasSupply: Bool = false) -> LUBAGateway {
        let gear = (0..<count).map { GearDescription(name: "lamp-\($0)", shortAddress: UInt8($0), isD4i: false) }
        return LUBAGateway(bus: LampBus(name: "lamps", gear: gear, seed: 1, at: second(0)), hasSupply: hasSupply)
    }

    /// Everything the gateway says to these bytes, as messages with their moment.
    func talk(_ gateway: LUBAGateway, _ bytes: [UInt8], at start: Double = 1) -> [(at: Double, message: LUBAMessage)] {
        gateway.receive(bytes, at: second(start))
        var receiver = LUBAReceiver()
        return drain(gateway, from: second(start)).flatMap { piece in
            receiver.receive(piece.bytes).map { (piece.at, $0) }
        }
    }

    @Test(arguments: [
        ("59 20 01 00 21", UInt8(0x21), 20), ("59 28 00 28", 0x29, 19), ("59 2A 03 00 12 00 3B", 0x2B, 3),
        ("59 2C 01 00 2D", 0x2D, 6),
    ])
    func `the vendor's questions are answered`(_ question: String, _ command: UInt8, _ length: Int) {
        let answers = talk(gateway(), hex(question))
        #expect(answers.map(\.message.command) == [command])
        #expect(answers.first?.message.data.count == length)
    }

    @Test func `a query is accepted, confirmed and answered in the bus's own time`() throws {
        let answers = talk(gateway(), hex("59 32 07 00 10 05 03 A0 00 00 83"))
        #expect(answers.map(\.message.command) == [0x33, 0x31, 0x31])
        #expect(answers[0].message.bytes == hex("59 33 02 01 00 30"))
        #expect(Array(answers[1].message.data[2...]) == [0, 0x10, 1, 3, 0xA0])
        #expect(Array(answers[2].message.data[2...]) == [0, 0x88, 254])
        // Settling of priority 5 was over long before; 17 bits of air, the stop condition, and the serial line.
        let sent = answers[1].at
        #expect((0.016...0.025).contains(sent))
        // The answer has to come within the peer's 25 ms after the confirmation.
        let gap = answers[2].at - sent
        #expect((0.012...0.018).contains(gap))
    }

    @Test func `send twice goes out twice and is confirmed twice`() {
        let gateway = gateway()
        _ = talk(gateway, hex("59 32 07 00 10 03 A3 64 00 00 E1"))
        let answers = talk(gateway, hex("59 32 07 00 10 83 01 2D 00 00 8A"), at: 2)
        #expect(answers.map(\.message.command) == [0x33, 0x31, 0x31])
        #expect(gateway.bus.gear[0].powerOnLevel == 0x64)
        #expect(answers[2].at - answers[1].at < 0.1)
    }

    @Test func `a bus without voltage, a strange line and a full buffer are refused by their codes`() {
        let query = hex("59 32 07 00 10 05 03 A0 00 00 83")
        let gateway = gateway()
        gateway.bus.setPowered(false, at: second(1))
        #expect(talk(gateway, query).map(\.message.bytes) == [hex("59 33 01 01 33")])
        #expect(talk(gateway, hex("59 2C 01 00 2D"), at: 2).first?.message.data.last == 0x80)
        gateway.bus.setPowered(true, at: second(3))
        #expect(
            talk(gateway, hex("59 32 07 01 10 05 03 A0 00 00 82"), at: 4).map(\.message.bytes) == [
                hex("59 33 01 05 37")
            ])
        let many = talk(gateway, Array(repeatElement(query, count: 20).joined()), at: 5)
        let refused = many.filter { $0.message.bytes == hex("59 33 01 04 36") }.count
        #expect(refused == 20 - 1 - LUBAGateway.bufferDepth)
        #expect(many.filter { $0.message.command == 0x31 }.count == 2 * (20 - refused))
    }

    @Test func `gear that answer at once make a framing event`() {
        let gateway = gateway()
        _ = gateway.bus.transmit([0x00, 100], at: second(0.5))
        let answers = talk(gateway, hex("59 32 07 00 10 05 FF A0 00 00 7F"))
        #expect(answers.last?.message.data.last == 0xBF)
    }

    @Test func `an interface with a supply darkens the bus when it is told so`() {
        let gateway = gateway(hasSupply: true)
        #expect(gateway.bus.isPowered)
        _ = talk(gateway, hex("59 2A 03 00 12 00 3B"))
        #expect(!gateway.bus.isPowered)
        _ = talk(gateway, hex("59 2A 03 00 12 80 BB"), at: 3)
        #expect(gateway.bus.isPowered)
    }

    @Test func `frames of another master are reported and obeyed`() {
        let gateway = gateway()
        gateway.foreignFrame([0xFF, 0x00], at: second(1))
        var receiver = LUBAReceiver()
        let events = receiver.receive(drain(gateway, from: second(1)).flatMap(\.bytes))
        #expect(events.map { Array($0.data[2...]) } == [[0, 0x90, 0xFF, 0x00]])
        #expect(gateway.bus.gear.allSatisfy { $0.actualLevel(at: second(2)) == 0 })
    }

    @Test func `a message after garbage, in pieces or with a wrong check before it is still found`() {
        let question = hex("59 28 00 28")
        var receiver = LUBAReceiver()
        #expect(receiver.receive([0, 0x59, 0x59, 0xFF] + question).count == 1)
        #expect(question.flatMap { receiver.receive([$0]) }.count == 1)
        #expect(receiver.receive(hex("59 2C 01 00 FF") + question).count == 1)
        #expect(receiver.wrongChecks >= 1)
    }

    @Test func `noise never crashes the receiver`() {
        var random = SeededGenerator(seed: 5)
        let gateway = gateway()
        for round in 0..<2000 {
            let noise = (0..<Int(random.next() % 40)).map { _ in
                random.next() % 4 == 0 ? 0x59 : UInt8(truncatingIfNeeded: random.next())
            }
            _ = talk(gateway, noise, at: Double(round) + 1)
        }
        #expect(talk(gateway, hex("59 28 00 28"), at: 5000).map(\.message.command) == [0x29])
    }

    @Test func `air time is the standard's table`() {
        let milliseconds = { (nanoseconds: Int64) in Double(nanoseconds) / 1e6 }
        let forward = milliseconds(DALITiming.frame(bits: 16) + DALITiming.settling(priority: 3))
        #expect(abs(forward - 31.2) < 0.1)
        let answered = milliseconds(
            DALITiming.frame(bits: 16) + DALITiming.backwardSettling + DALITiming.frame(bits: 8)
                + DALITiming.settling(priority: 3))
        #expect(abs(answered - 46.7) < 0.1)
    }
}
