import Testing

@testable import ModbusDriver

@Suite struct `Modbus requests and answers` {
    /// The examples of the standard (Modbus Application Protocol V1.1b3, clause 6), and what they ask.
    static let examples: [(String, ModbusRequest)] = [
        ("01 00 13 00 13", .read(table: .coil, at: 0x13, count: 19)),
        ("02 00 C4 00 16", .read(table: .discrete, at: 0xC4, count: 22)),
        ("03 00 6B 00 03", .read(table: .holding, at: 0x6B, count: 3)),
        ("04 00 08 00 01", .read(table: .input, at: 8, count: 1)),
        ("05 00 AC FF 00", .writeCoil(at: 0xAC, on: true)),
        ("06 00 01 00 03", .writeRegister(at: 1, value: 3)),
        (
            "0F 00 13 00 0A 02 CD 01",
            .writeCoils(at: 0x13, values: [true, false, true, true, false, false, true, true, true, false])
        ),
        ("10 00 01 00 02 04 00 0A 01 02", .writeRegisters(at: 1, values: [10, 0x102])),
        ("11", .reportServerIdentifier),
        ("16 00 04 00 F2 00 25", .maskWrite(at: 4, and: 0xF2, or: 0x25)),
        (
            "17 00 03 00 06 00 0E 00 03 06 00 FF 00 FF 00 FF",
            .readWrite(at: 3, count: 6, writeAt: 14, values: [0xFF, 0xFF, 0xFF])
        ),
        ("2B 0E 01 00", .deviceIdentification(code: 1, object: 0)), ("42", .custom(function: 0x42, data: [])),
    ]

    @Test(arguments: examples)
    func `the standard's examples are made and read`(_ text: String, _ request: ModbusRequest) {
        #expect(hex(request.bytes) == text)
        #expect(ModbusRequest(bytes: bytes(text)) == request)
    }

    @Test(arguments: examples)
    func `the length of a request is known from its head`(_ text: String, _ request: ModbusRequest) {
        let frame = RTUFrame.checked([1] + request.bytes)
        #expect(RTUFrame.isRight(frame))
        if case .custom = request {
            #expect(RTUFrame.requestLength(frame[...]) == .unknown)
        } else {
            #expect(RTUFrame.requestLength(frame[...]) == .known(frame.count))
        }
    }

    @Test(arguments: [
        "", "00", "83 02", "03 00 00 00 00", "03 00 00 00 7E", "05 00 01 12 34", "10 00 01 00 02 04 00", "2B 0D 01 00",
    ])
    func `what is no request is none`(_ text: String) { #expect(ModbusRequest(bytes: bytes(text)) == nil) }

    @Test func `the check is the standard's`() {
        #expect(hex(RTUFrame.checked([0x02, 0x07])) == "02 07 41 12")
        #expect(!RTUFrame.isRight(bytes("02 07 41 13")))
    }

    @Test func `an identification tells its objects and where it goes on`() throws {
        let text = "2B 0E 01 01 FF 02 02 00 03 41 42 43 01 01 58"
        let answer = try ModbusAnswer(bytes(text), to: .deviceIdentification(code: 1, object: 0))
        guard case .identification(let identification) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(identification.next == 2)
        #expect(identification.words == #"vendor "ABC", product code "X"; more from object 2 on"#)
    }

    @Test(arguments: [
        ("2B 0E 01 01 00 00 02 00 03 41", ModbusRequest.deviceIdentification(code: 1, object: 0)),
        ("2B 0E 02 01 00 00 00", .deviceIdentification(code: 1, object: 0)), ("11", .reportServerIdentifier),
        ("11 03 01", .reportServerIdentifier), ("03 04 00 01", .read(table: .holding, at: 0, count: 2)),
        ("03 02 00 01", .read(table: .holding, at: 0, count: 2)), ("06 00 01 00 04", .writeRegister(at: 1, value: 3)),
        ("16 00 04 00 F2 00 26", .maskWrite(at: 4, and: 0xF2, or: 0x25)),
        ("83", .read(table: .holding, at: 0, count: 1)),
        ("", .reportServerIdentifier),
    ])
    func `an answer that does not fit its request is none`(_ text: String, _ request: ModbusRequest) {
        #expect(throws: AnswerMismatch.self) { try ModbusAnswer(bytes(text), to: request) }
    }

    @Test func `bits are counted from the lowest`() throws {
        let answer = try ModbusAnswer(bytes("01 02 CD 01"), to: .read(table: .coil, at: 0, count: 10))
        #expect(answer == .bits([true, false, true, true, false, false, true, true, true, false]))
    }

    @Test(arguments: [
        ("00 0A", [0, 10]), ("000a", [0, 10]), ("0x00,0x0A", [0, 10]), ("7", [7]), ("", []),
    ])
    func `bytes are read as people write them`(_ text: String, _ expected: [UInt8]) {
        #expect(RawDemand.bytes(text) == expected)
    }

    @Test(arguments: ["0G", "123", "+1"])
    func `what is no bytes is said to be none`(_ text: String) {
        #expect(RawDemand.bytes(text) == nil)
    }

    private func bytes(_ text: String) -> [UInt8] { text.split(separator: " ").compactMap { UInt8($0, radix: 16) } }
}
