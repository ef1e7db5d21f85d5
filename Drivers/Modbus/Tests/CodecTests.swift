import Telemetry
import Testing

@testable import ModbusDriver

@Suite struct `Register codec` {
    struct Case: Sendable, CustomTestStringConvertible {
        let type: String
        let words: [UInt16]
        let expected: String
        var scale = "1"
        var low = false
        var swapped = false
        var absent: Set<UInt64> = []
        var testDescription: String { "\(type) \(words) × \(scale)" }
    }

    static let cases: [Case] = [
        Case(type: "u16", words: [0xFFFF], expected: "65535"),
        Case(type: "i16", words: [0xFFFE], expected: "-2"),
        Case(type: "i16", words: [0x8000], expected: "-32768"),
        Case(type: "u32", words: [0x0001, 0x0000], expected: "65536"),
        Case(type: "u32", words: [0x0001, 0x0000], expected: "1", low: true),
        Case(type: "u32", words: [0x1234, 0x5678], expected: "2018915346", low: true, swapped: true),
        Case(type: "i32", words: [0xFFFF, 0xFF38], expected: "-2.00", scale: "0.01"),
        Case(type: "u64", words: [0, 0, 0x001B, 0xD2DA], expected: "18234.50", scale: "0.01"),
        Case(type: "u64", words: [0x8000, 0, 0, 0], expected: "bad outOfRange"),
        Case(type: "i64", words: [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF], expected: "-1"),
        Case(type: "f32", words: [0x4366, 0x199A], expected: "230.1"),
        Case(type: "f32", words: [0x199A, 0x4366], expected: "230.1", low: true),
        Case(type: "f32", words: [0x4640, 0xE6B6], expected: "12.345678", scale: "0.001"),
        Case(type: "f32", words: [0x7FC0, 0], expected: "bad outOfRange"),
        Case(type: "f32", words: [0x7F80, 0], expected: "bad outOfRange"),
        Case(type: "f64", words: [0x3FB9, 0x9999, 0x9999, 0x999A], expected: "0.1"),
        Case(type: "i16", words: [0x7FFF], expected: "bad deviceReported", absent: [0x7FFF]),
        Case(type: "bcd32", words: [0x1234, 0x5678], expected: "12345678"),
        Case(type: "bcd16", words: [0x12A4], expected: "bad outOfRange"),
        Case(type: "text[3]", words: [0x4232, 0x3320, 0x0000], expected: "B23"),
        Case(type: "text[2]", words: [0xFFFF, 0xFFFF], expected: "bad deviceReported"),
        Case(type: "text[1]", words: [0x0142], expected: "bad outOfRange"),
    ]

    @Test(arguments: cases)
    func `registers become exactly this value`(_ example: Case) throws {
        let type = try #require(ValueType(example.type))
        var codec = RegisterCodec(type: type)
        codec.layout = WordLayout(isLowWordFirst: example.low, isByteSwapped: example.swapped)
        codec.scale = try #require(ExactDecimal(example.scale))
        codec.absent = example.absent
        let decoded = codec.decode(example.words)
        #expect((decoded.value.map { "\($0)" } ?? "bad \(decoded.quality.reason.name)") == example.expected)
    }

    @Test(arguments: ["u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"], [false, true])
    func `what is written is what is read`(_ name: String, _ low: Bool) throws {
        var codec = RegisterCodec(type: try #require(ValueType(name)))
        codec.layout.isLowWordFirst = low
        codec.scale = ExactDecimal(mantissa: 5, exponent: -1)
        for number in [0, 1, 100, 16_000] {
            let value = Value.number(ExactDecimal(mantissa: Int64(number) * 5, exponent: -1))
            #expect(codec.decode(try codec.encode(value)).value == value)
        }
    }

    @Test func `a value between two steps of the register is refused, not rounded`() {
        var codec = RegisterCodec(type: .u16)
        codec.scale = ExactDecimal(mantissa: 1, exponent: -1)
        #expect(throws: RegisterCodec.Unwritable.self) {
            try codec.encode(.number(ExactDecimal(mantissa: 25, exponent: -2)))
        }
        #expect(throws: RegisterCodec.Unwritable.self) { try codec.encode(.number(ExactDecimal(6_554))) }
    }

    @Test func `an enumeration names its codes and does not hide an unknown one`() {
        var codec = RegisterCodec(type: .u16)
        codec.names = [1: "import"]
        #expect(codec.decode([1]).value == .text("import"))
        #expect(codec.decode([9]) == RegisterCodec.Decoded(value: .text("code 9"), quality: .uncertain(.outOfRange)))
    }
}

@Suite struct `Answers` {
    static let request = ModbusRequest.read(table: .input, at: 0, count: 2)

    @Test func `a regular answer gives its registers`() throws {
        let answer = try ModbusAnswer([4, 4, 0x43, 0x66, 0x19, 0x9A], to: Self.request)
        #expect(answer == .words([0x4366, 0x199A]))
        #expect(try ModbusAnswer([0x84, 2], to: Self.request) == .exception(ModbusException(code: 2)))
        let coils = ModbusRequest.read(table: .coil, at: 0, count: 10)
        #expect(
            try ModbusAnswer([1, 2, 0x01, 0x02], to: coils)
                == .bits([true] + Array(repeating: false, count: 8) + [true]))
    }

    @Test(
        arguments: [
            [], [3, 4, 0, 0, 0, 0], [4, 4, 0, 0, 0], [4, 2, 0, 0], [4, 6, 0, 0, 0, 0], [0x84], [0x84, 2, 0],
        ] as [[UInt8]])
    func `what does not answer the request is refused`(_ bytes: [UInt8]) {
        #expect(throws: AnswerMismatch.self) { try ModbusAnswer(bytes, to: Self.request) }
    }

    @Test func `a write is acknowledged by its echo only`() throws {
        let write = ModbusRequest.writeRegister(at: 4, value: 7)
        #expect(try ModbusAnswer([6, 0, 4, 0, 7], to: write) == .written)
        #expect(throws: AnswerMismatch.self) { try ModbusAnswer([6, 0, 4, 0, 8], to: write) }
    }
}
