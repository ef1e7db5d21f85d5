import Telemetry
import Testing

@testable import DALIDriver

@Suite struct SevenLabLineTests {
    static let requests: [(String, DALIRequest)] = [
        ("query_A1_STATUS", .gear(ShortAddress(1)!, .queryStatus, priority: .polling)),
        ("send_A1_DAPC127", DALIRequest(.directArcPower(ShortAddress(1)!, level: 127), priority: .user)),
        (
            "initialise_twice",
            DALIRequest(ForwardFrame(bits: 16, data: 0xA500), isSentTwice: true, priority: .configuration)
        ),
    ]

    @Test(arguments: requests)
    func `a request has the bytes of its vector`(_ name: String, _ request: DALIRequest) {
        #expect(SevenLab.send(request) == InterfaceVectors.bytes(sevenlab: name))
    }

    @Test func `a frame of 24 bits names its length and keeps its zeros`() {
        let request = DALIRequest(ForwardFrame(bits: 24, data: 0x01_FE30), priority: .polling, expectsReply: true)
        #expect(String(decoding: SevenLab.send(request), as: UTF8.self) == "Q5 18 01FE30\r")
        #expect(SevenLab.queryVersion == InterfaceVectors.bytes(sevenlab: "version"))
    }

    static let messages: [(String, SevenLab.Message)] = [
        ("echo", .sent(ForwardFrame(bits: 16, data: 0xFF00))), ("timeout", .status(.timeout, data: 0)),
        ("reply_C4", .backward(0xC4)), ("bad_command", .status(.badCommand, data: 0)),
        ("queue_full", .status(.queueFull, data: 0)), ("bus_failure", .status(.busLow, data: 0)),
        // 600 ms in microseconds, shifted by eight bits.
        ("bus_recover_600ms", .status(.busRecovered, data: 600_000 << 8)),
    ]

    @Test(arguments: messages)
    func `a line is read as its vector means it`(_ name: String, _ expected: SevenLab.Message) {
        #expect(Self.read(InterfaceVectors.bytes(sevenlab: name)) == [expected])
    }

    @Test func `data as short as the description shows it is read as well`() {
        #expect(Self.read(Array("{00000011>10 FF00}\r\n".utf8)) == [.sent(ForwardFrame(bits: 16, data: 0xFF00))])
    }

    @Test(arguments: 1...25)
    func `a stream in pieces of any size, greeting included, gives the same messages`(_ size: Int) {
        let greeting = "DALI USB interface - SevenLab 2024\r\nVersion 3.5.0 \r\n\r\n"
        let stream = Array(greeting.utf8) + Self.messages.flatMap { InterfaceVectors.bytes(sevenlab: $0.0) }
        var decoder = SevenLab.Decoder()
        var found: [SevenLab.Message] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            decoder.append(Array(stream[start..<min(start + size, stream.count)]))
            while let message = decoder.next() { found.append(message) }
        }
        #expect(found == [.version("3.5.0")] + Self.messages.map(\.1))
        #expect(decoder.skipped == 0)
    }

    @Test(arguments: 0..<100)
    func `lines are found after any garbage`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let garbage = (0..<Int(random.next() % 100)).map { _ in
            random.next() % 4 == 0 ? UInt8(ascii: "{") : UInt8(truncatingIfNeeded: random.next())
        }
        #expect(Self.read(garbage + InterfaceVectors.bytes(sevenlab: "reply_C4")).last == .backward(0xC4))
    }

    static func read(_ bytes: [UInt8]) -> [SevenLab.Message] {
        var decoder = SevenLab.Decoder()
        decoder.append(bytes)
        var found: [SevenLab.Message] = []
        while let message = decoder.next() { found.append(message) }
        return found
    }
}
