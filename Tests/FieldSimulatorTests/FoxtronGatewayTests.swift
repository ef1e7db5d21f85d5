import Telemetry
import Testing

@testable import FieldSimulator

/// Against the examples of the vendor's "Communication protocol" 1.7, payloads in hexadecimal.
@Suite struct `The Foxtron gateway` {
    func gateway(_ count: Int = 3) -> FoxtronGateway {
        let gear = (0..<count).map { GearDescription(name: "lamp-\($0)", shortAddress: UInt8($0), isD4i: false) }
        return FoxtronGateway(bus: LampBus(name: "lamps", gear: gear, seed: 1, at: second(0)))
    }

    /// What the gateway says to these bytes, as payloads with their moment.
    func talk(_ gateway: FoxtronGateway, raw bytes: [UInt8], at start: Double = 1) -> [(at: Double, payload: [UInt8])] {
        // What the bus has become meanwhile is seen first.
        _ = gateway.advance(to: second(start))
        gateway.receive(bytes, at: second(start))
        var receiver = FoxtronReceiver()
        return drain(gateway, from: second(start)).flatMap { piece in
            receiver.receive(piece.bytes).compactMap { reception in
                if case .message(let message) = reception { (piece.at, message.payload) } else { nil }
            }
        }
    }

    func talk(_ gateway: FoxtronGateway, _ payload: String, at start: Double = 1) -> [[UInt8]] {
        talk(gateway, raw: FoxtronMessage(payload: hex(payload)).bytes, at: start).map(\.payload)
    }

    @Test(arguments: [
        ("01 00 10 FF 10", "010010FF10DF"), ("0B 00 10 FF 10 00", "0B0010FF1000D5"), ("06 02", "0602F7"),
        ("0D 10 19 92 08 FF", "0D10199208FF30"), ("07 02 04 06", "07020406EC"),
    ])
    func `a message is written as the vendor writes it`(_ payload: String, _ text: String) {
        #expect(FoxtronMessage(payload: hex(payload)).bytes == [1] + Array(text.utf8) + [0x17])
    }

    @Test func `a query sent with differentiation is confirmed by 13 or 14, without by 3 or 4`() {
        #expect(talk(gateway(), "0B 05 10 03 A0 00") == [hex("0D 10 03 A0 08 FE")])
        #expect(talk(gateway(), "0B 05 10 79 A0 00") == [hex("0E 10 79 A0")])
        #expect(talk(gateway(), "01 00 10 03 A0") == [hex("03 10 03 A0 08 FE")])
        #expect(talk(gateway(), "01 00 10 02 64") == [hex("04 10 02 64")])
    }

    @Test func `it takes the bus's own time`() throws {
        let answers = talk(gateway(), raw: FoxtronMessage(payload: hex("0B 05 10 03 A0 00")).bytes)
        // Two frames and a settling time of 8 ms are 30 ms, 17 and 16 characters of 11 bits at 19,200 baud another 19 ms.
        #expect((0.045...0.056).contains(try #require(answers.first?.at)))
    }

    @Test func `gear that answer at once make an answer of no bits`() {
        let gateway = gateway()
        _ = gateway.bus.transmit([0x00, 100], at: second(0.5))
        #expect(talk(gateway, "0B 05 10 FF A0 00") == [hex("0D 10 FF A0 00")])
    }

    @Test func `what goes twice is on the bus twice`() {
        let gateway = gateway()
        _ = talk(gateway, "0B 03 10 A3 64 00")
        #expect(talk(gateway, "0B 03 10 01 2D 01", at: 2).last == hex("0E 10 01 2D"))
        #expect(gateway.bus.gear[0].powerOnLevel == 0x64)
    }

    @Test(arguments: [("06 01", "07 01 04 D2"), ("06 03", "07 03 00 00"), ("06 04", "07 04 00 00")])
    func `its own values can be asked for`(_ question: String, _ answer: String) {
        #expect(talk(gateway(), question) == [hex(answer)])
    }

    @Test(arguments: [
        ("08 04 00 00", "09 04 00 00 00"), ("08 03 00 02", "09 03 00 02 01"), ("08 06 00 07", "09 06 00 07 02"),
    ])
    func `writing is confirmed, refused or out of range`(_ question: String, _ answer: String) {
        #expect(talk(gateway(), question) == [hex(answer)])
    }

    @Test func `seventeen wait at most, one of them on the bus; then the buffer is full`() {
        let query = FoxtronMessage(payload: hex("0B 05 10 03 A0 00")).bytes
        let answers = talk(gateway(), raw: Array(repeatElement(query, count: 20).joined())).map(\.payload)
        #expect(answers.filter { $0 == [5, 4] }.count == 3)
        #expect(answers.filter { $0.first == 0x0D }.count == 17)
    }

    @Test func `a wrong check and nonsense are told, and what follows is heard`() {
        let gateway = gateway()
        var broken = FoxtronMessage(payload: hex("06 02")).bytes
        broken[2] ^= 1
        let good = FoxtronMessage(payload: hex("06 02")).bytes
        #expect(talk(gateway, raw: broken + good).map(\.payload) == [[5, 5], hex("07 02 04 06")])
        #expect(talk(gateway, "63 00", at: 3) == [[5, 6]])
        #expect(talk(gateway, "0B 09 10 03 A0 00", at: 5) == [[5, 6]])
    }

    @Test func `the bus's power is told when it changes and when asked for`() {
        let gateway = gateway()
        gateway.bus.setPowered(false, at: second(1))
        #expect(talk(gateway, "06 03") == [[5, 1], hex("07 03 00 01")])
        gateway.setBusPower(.mains, at: second(3))
        #expect(talk(gateway, "06 03", at: 3) == [[5, 2], hex("07 03 00 02")])
        gateway.setBusPower(.good, at: second(5))
        #expect(talk(gateway, "06 03", at: 5) == [[5, 0], hex("07 03 00 00")])
    }

    @Test func `without DTR it has no supply`() {
        let gateway = gateway()
        gateway.hasDTR = false
        #expect(talk(gateway, "06 02").isEmpty)
        gateway.hasDTR = true
        #expect(talk(gateway, "06 02", at: 2) == [hex("07 02 04 06")])
    }

    @Test func `frames of others are 3 and 4, of 24 bits as well`() {
        let gateway = gateway()
        gateway.foreignFrame([0x03, 0xA0], at: second(1))
        gateway.foreignFrame([0x02, 0x04, 0x01], at: second(1.2))
        #expect(talk(gateway, raw: [], at: 1).map(\.payload) == [hex("03 10 03 A0 08 FE"), hex("04 18 02 04 01")])
    }
}
