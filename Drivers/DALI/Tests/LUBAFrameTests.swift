import Telemetry
import Testing

@testable import DALIDriver

/// Bytes of the LUBA part of the reference vectors (python-dali 0.16 and the vendor's description), by name.
struct LUBAVector: Sendable, CustomTestStringConvertible {
    let name: String
    let hex: String
    var bytes: [UInt8] { hex.split(separator: " ").compactMap { UInt8($0, radix: 16) } }
    var testDescription: String { name }

    static let requests: [(LUBAVector, DALIRequest)] = [
        (
            LUBAVector(name: "tx_A1_DAPC_127_prio2", hex: "59 32 07 00 10 02 02 7F 00 00 5A"),
            DALIRequest(.directArcPower(ShortAddress(1)!, level: 127), priority: .user)
        ),
        (
            LUBAVector(name: "tx_bcast_OFF_prio2", hex: "59 32 07 00 10 02 FF 00 00 00 D8"),
            DALIRequest(ForwardFrame(bits: 16, data: 0xFF00), priority: .user)
        ),
        (
            LUBAVector(name: "tx_A1_QUERY_ACTUAL_LEVEL_prio5", hex: "59 32 07 00 10 05 03 A0 00 00 83"),
            .gear(ShortAddress(1)!, .queryActualLevel, priority: .polling)
        ),
        (
            LUBAVector(name: "tx_A1_QUERY_STATUS_prio5", hex: "59 32 07 00 10 05 03 90 00 00 B3"),
            .gear(ShortAddress(1)!, .queryStatus, priority: .polling)
        ),
        (
            LUBAVector(name: "tx_INITIALISE_all_twice_prio3", hex: "59 32 07 00 10 83 A5 00 00 00 03"),
            DALIRequest(ForwardFrame(bits: 16, data: 0xA500), isSentTwice: true, priority: .configuration)
        ),
        (
            LUBAVector(name: "tx_bcast_SET_FADE_TIME_twice_prio3", hex: "59 32 07 00 10 83 FF 2E 00 00 77"),
            DALIRequest(ForwardFrame(bits: 16, data: 0xFF2E), isSentTwice: true, priority: .configuration)
        ),
        (
            LUBAVector(name: "tx_24bit_START_QUIESCENT_twice", hex: "59 32 07 00 18 83 FF FE 1D 00 B2"),
            DALIRequest(ForwardFrame(bits: 24, data: 0xFFFE1D), isSentTwice: true, priority: .configuration)
        ),
    ]

    static let plain: [(LUBAVector, UInt8, [UInt8])] = [
        (LUBAVector(name: "query_device_info_set0", hex: "59 20 01 00 21"), 0x20, [0]),
        (LUBAVector(name: "settings_default", hex: "59 2A 03 00 12 00 3B"), 0x2A, [0, 0x12, 0]),
        (LUBAVector(name: "settings_bus_power_on", hex: "59 2A 03 00 12 80 BB"), 0x2A, [0, 0x12, 0x80]),
        (LUBAVector(name: "query_device_descriptor", hex: "59 28 00 28"), 0x28, []),
        (LUBAVector(name: "read_status_line0", hex: "59 2C 01 00 2D"), 0x2C, [0]),
        (LUBAVector(name: "rsp_accepted_id1", hex: "59 33 02 01 00 30"), 0x33, [1, 0]),
        (LUBAVector(name: "rsp_error_bus_voltage", hex: "59 33 01 01 33"), 0x33, [1]),
        (LUBAVector(name: "rsp_error_buffer_full", hex: "59 33 01 04 36"), 0x33, [4]),
    ]

    static let events: [(LUBAVector, LUBA.Event)] = [
        (
            LUBAVector(name: "evt_frame_sent_id1_03A0_tick1234", hex: "59 31 07 04 D2 00 10 01 03 A0 52"),
            .sent(id: 1, ForwardFrame(bits: 16, data: 0x03A0))
        ),
        (LUBAVector(name: "evt_backward_FE", hex: "59 31 05 04 E2 00 88 FE A4"), .backward(0xFE)),
        (LUBAVector(name: "evt_framing_error", hex: "59 31 04 04 E2 00 BF 6C"), .framing),
        (
            LUBAVector(name: "evt_foreign_16bit_FF05", hex: "59 31 06 04 E2 00 90 FF 05 BB"),
            .received(ForwardFrame(bits: 16, data: 0xFF05))
        ),
    ]
}

@Suite struct LUBAFrameTests {
    @Test(arguments: LUBAVector.requests)
    func `a request has the bytes of the reference vector`(_ vector: LUBAVector, _ request: DALIRequest) {
        #expect(LUBA.send(request).bytes == vector.bytes)
    }

    @Test(arguments: LUBAVector.plain)
    func `a plain message has the bytes of the reference vector`(
        _ vector: LUBAVector, _ command: UInt8, _ data: [UInt8]
    ) {
        #expect(LUBA.Frame(command: command, data: data).bytes == vector.bytes)
    }

    @Test func `the greeting asks for information and status and writes no settings`() {
        #expect(LUBA.queryDeviceInformation.bytes == LUBAVector.plain[0].0.bytes)
        #expect(LUBA.readStatus.bytes == LUBAVector.plain[4].0.bytes)
    }

    @Test(arguments: LUBAVector.events)
    func `an event is read as the reference vector means it`(_ vector: LUBAVector, _ expected: LUBA.Event) throws {
        var decoder = LUBA.Decoder()
        decoder.append(vector.bytes)
        let next = decoder.next()
        let frame = try #require(next)
        #expect(frame.command == LUBA.Code.event)
        #expect(LUBA.Event(frame.data) == expected)
        #expect(
            LUBA.Event.tick(frame.data)
                == (expected == .sent(id: 1, ForwardFrame(bits: 16, data: 0x03A0)) ? 1234 : 1250))
    }

    /// All answers and events in one stream, and what must come out of it.
    static let stream = (LUBAVector.plain.suffix(3).map(\.0) + LUBAVector.events.map(\.0)).flatMap(\.bytes)
    static let codes: [UInt8] = [0x33, 0x33, 0x33, 0x31, 0x31, 0x31, 0x31]

    @Test(arguments: 1...40)
    func `a stream in pieces of any size gives the same frames`(_ size: Int) {
        var decoder = LUBA.Decoder()
        var codes: [UInt8] = []
        var rest = Self.stream[...]
        while !rest.isEmpty {
            decoder.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let frame = decoder.next() { codes.append(frame.command) }
        }
        #expect(codes == Self.codes)
        #expect(decoder.skipped == 0)
    }

    @Test(arguments: 0..<200)
    func `frames are found again after any garbage`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let garbage = (0..<Int(random.next() % 40)).map { _ in
            random.next() % 4 == 0 ? LUBA.sync : UInt8(truncatingIfNeeded: random.next())
        }
        var decoder = LUBA.Decoder()
        decoder.append(garbage)
        var found: [LUBA.Frame] = []
        while let frame = decoder.next() { found.append(frame) }
        // What looks like the start of a long frame is given up when its rest does not come.
        for _ in 0..<garbage.count {
            decoder.abandonPartialFrame()
            while let frame = decoder.next() { found.append(frame) }
        }
        decoder.append(Self.stream)
        while let frame = decoder.next() { found.append(frame) }
        #expect(found.suffix(Self.codes.count).map(\.command) == Self.codes)
    }

    @Test func `a frame right behind a broken one is not lost`() {
        var broken = LUBAVector.events[1].0.bytes
        broken[7] ^= 0x01
        var decoder = LUBA.Decoder()
        decoder.append(broken + LUBAVector.plain[5].0.bytes)
        #expect(decoder.next() == LUBA.Frame(command: 0x33, data: [1, 0]))
        #expect(decoder.next() == nil)
        #expect(decoder.skipped == broken.count)
    }
}

/// A small deterministic source of numbers.
struct SplitMix {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
