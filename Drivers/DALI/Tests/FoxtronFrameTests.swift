import Telemetry
import Testing

@testable import DALIDriver

/// Every vector of Foxtron's protocol, and the framing of what lies between them.
@Suite struct FoxtronFrameTests {
    static let query = DALIRequest.gear(ShortAddress(1)!, .queryActualLevel, priority: .user)

    /// The vectors of type 11 use priority 0, which leaves it to the converter; the driver always names one.
    static let requests: [(String, DALIRequest)] = [
        ("send_type11_A1_DAPC127", DALIRequest(.directArcPower(ShortAddress(1)!, level: 127), priority: .user)),
        ("send_type11_A1_QUERY_ACTUAL_LEVEL", query),
        ("send_type11_A1_QUERY_STATUS", .gear(ShortAddress(1)!, .queryStatus, priority: .polling)),
        (
            "send_type11_INITIALISE_twice",
            DALIRequest(ForwardFrame(bits: 16, data: 0xA500), isSentTwice: true, priority: .configuration)
        ),
        ("doc_send_FF10_type11", DALIRequest(ForwardFrame(bits: 16, data: 0xFF10), priority: .automatic)),
    ]

    @Test(arguments: requests)
    func `a request is the vector with its own priority`(_ name: String, _ request: DALIRequest) throws {
        var expected = try #require(Self.payload(InterfaceVectors.bytes(foxtron: name)))
        #expect(expected[1] == 0)
        expected[1] = request.priority.rawValue
        #expect(Foxtron.send(request) == Foxtron.bytes(expected))
    }

    static let plain: [(String, [UInt8])] = [
        ("doc_cfg_query_fw", Foxtron.query(Foxtron.Item.firmware)),
        ("cfg_query_bus_power", Foxtron.query(Foxtron.Item.busPower)), ("doc_clear_buffer", Foxtron.clearBuffer),
    ]

    @Test(arguments: plain)
    func `a question about the converter has the bytes of its vector`(_ name: String, _ bytes: [UInt8]) {
        #expect(bytes == InterfaceVectors.bytes(foxtron: name))
    }

    static let lampFailure = ForwardFrame(bits: 16, data: 0x1992)
    static let lampFailureOfAll = ForwardFrame(bits: 16, data: 0xFF92)
    static let messages: [(String, Foxtron.Message)] = [
        ("doc_rx_with_answer_type3", .frame(lampFailure, answer: .reply(0xFF), isOurs: false)),
        ("doc_rx_collision_type3", .frame(lampFailureOfAll, answer: .collision, isOurs: false)),
        ("doc_rx_with_answer_type13", .frame(lampFailure, answer: .reply(0xFF), isOurs: true)),
        ("doc_rx_collision_type13", .frame(lampFailureOfAll, answer: .collision, isOurs: true)),
        ("doc_rx_no_answer_type4", .frame(lampFailure, answer: .none, isOurs: false)),
        ("doc_rx_no_answer_type14", .frame(lampFailure, answer: .none, isOurs: true)),
        ("rx_unreadable_type4", .broken(isOurs: false)), ("doc_cfg_fw_1_2", .value(item: 2, 0x0102)),
        ("doc_clear_buffer_ack", .written(item: 4, flag: 0)), ("doc_readonly_nak", .written(item: 3, flag: 1)),
        ("doc_event_power_lost", .special(1)), ("event_power_ok", .special(0)), ("event_mains_on_bus", .special(2)),
        ("event_bad_psu", .special(3)), ("event_buffer_full", .special(4)), ("event_checksum_error", .special(5)),
        ("event_invalid_cmd", .special(6)),
        (
            "ha_live_query_reply_echo_03A0_00",
            .frame(ForwardFrame(bits: 16, data: 0x03A0), answer: .reply(0), isOurs: true)
        ),
        ("ha_button_event_24bit", .frame(ForwardFrame(bits: 24, data: 0x02_0401), answer: .none, isOurs: false)),
        ("ha_fw_4_6", .value(item: 2, 0x0406)),
    ]

    @Test(arguments: messages)
    func `what the converter says is read as its vector means it`(_ name: String, _ expected: Foxtron.Message) throws {
        let payload = try #require(Self.payload(InterfaceVectors.bytes(foxtron: name)))
        #expect(Foxtron.Message(payload) == expected)
    }

    @Test(arguments: InterfaceVectors.foxtron.keys.sorted())
    func `every vector passes the check and is written with the same bytes again`(_ name: String) throws {
        let bytes = InterfaceVectors.bytes(foxtron: name)
        let payload = try #require(Self.payload(bytes))
        #expect(Foxtron.bytes(payload) == bytes)
    }

    @Test(arguments: 1...29)
    func `a stream in pieces of any size gives the same messages`(_ size: Int) {
        let stream = Self.messages.flatMap { InterfaceVectors.bytes(foxtron: $0.0) }
        var decoder = Foxtron.Decoder()
        var found: [Foxtron.Message] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            decoder.append(Array(stream[start..<min(start + size, stream.count)]))
            while let payload = decoder.next() { found += [Foxtron.Message(payload)].compactMap { $0 } }
        }
        #expect(found == Self.messages.map(\.1))
        #expect(decoder.skipped == 0)
    }

    @Test(arguments: 0..<100)
    func `messages are found after any garbage, which hides at most what it hits`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let garbage = (0..<Int(random.next() % 60)).map { _ in
            [Foxtron.start, Foxtron.end, UInt8(ascii: "0"), UInt8(truncatingIfNeeded: random.next())][
                Int(random.next() % 4)]
        }
        var decoder = Foxtron.Decoder()
        decoder.append(garbage + InterfaceVectors.bytes(foxtron: "doc_event_power_lost"))
        var found: [[UInt8]] = []
        while let payload = decoder.next() { found.append(payload) }
        #expect(found.last == [5, 1])
    }

    @Test func `a message with one wrong digit is none`() {
        var bytes = InterfaceVectors.bytes(foxtron: "doc_event_power_lost")
        bytes[4] ^= 1
        #expect(Self.payload(bytes) == nil)
    }

    static func payload(_ bytes: [UInt8]) -> [UInt8]? {
        var decoder = Foxtron.Decoder()
        decoder.append(bytes)
        return decoder.next()
    }
}
