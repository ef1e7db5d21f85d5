import Telemetry
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        #"{"a":1,"b":[true,false,null],"c":{"d":"x"}}"#, "[]", "{}", #""""#, "0", "-0.5", "12345.67", "[[[]]]",
        #"{"value":230.1,"unit":"W"}"#, #""ä€😀""#, #""\"\\\n\r\t\u0001""#,
    ])
    func `a document is written as it was read`(text: String) throws {
        let value = try JSONValue(parsing: text)
        #expect(value.description == text)
        #expect(try JSONValue(parsing: value.description) == value)
    }

    @Test func `escapes and space are understood`() throws {
        #expect(try JSONValue(parsing: #" "\u00e4\ud83d\ude00\/\b\f" "#).text == "ä😀/\u{8}\u{c}")
        #expect(try JSONValue(parsing: " \t\r\n{ \"a\" : [ 1 , 2 ] } \n").description == #"{"a":[1,2]}"#)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[", "[1,", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}", "tru",
        "nulL", "truefalse", "1 2", "01", "-", "-01", "1.", ".5", "1e", "1e+", "+1", "NaN", "Infinity", "0x1",
        "\"", "\"abc", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\u+123\"", "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"", "\"a\nb\"", "[1]]", "{\"a\":1}{", "{\"a\":1,\"a\":2}", "// x", "[1 2]", "{\"a\" 1}", "\u{FEFF}1",
        "123456789012345678901234567890123", "1e99999",
    ])
    func `a hostile or broken document is an error with its place`(text: String) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error.map { $0.offset >= 0 && $0.offset <= text.utf8.count && !$0.problem.isEmpty } == true)
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22], [0],
            [0x5B, 0],
        ] as [[UInt8]])
    func `bytes that are no UTF-8 are refused`(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    }

    @Test func `depth is bounded`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSONValue(parsing: nested(JSONValue.deepestNesting))
        #expect(throws: JSONError.self) { try JSONValue(parsing: nested(100_000)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "{\"a\":", count: 100_000)) }
    }

    @Test func `no cut or flipped byte of a good document brings the parser down`() {
        let good = Array(#"{"id":"x\u00e4","device":"lamp-001","value":-60.5e1,"l":[1,{"k":null}],"t":true}"#.utf8)
        for length in 0..<good.count {
            #expect(throws: JSONError.self) { try JSONValue(parsing: good[..<length]) }
        }
        var random = SeededGenerator(seed: 5)
        for _ in 0..<20_000 {
            var bytes = good
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            if let value = try? JSONValue(parsing: bytes) {
                #expect((try? JSONValue(parsing: value.description)) == value)
            }
        }
    }

    @Test func `integers beyond 53 bits go as text`() {
        #expect(JSONValue.integer(Int64(1) << 53).description == "9007199254740992")
        #expect(JSONValue.integer(Int64(9_007_199_254_740_993)).description == "\"9007199254740993\"")
        #expect(JSONValue.integer(UInt64.max).text == "18446744073709551615")
    }

    @Test func `a value becomes JSON as it is`() {
        #expect(JSONValue(Value.number(ExactDecimal(mantissa: 1234567, exponent: -2))).description == "12345.67")
        #expect(JSONValue(Value.flag(true)).description == "true")
        #expect(JSONValue(nil as Value?).description == "null")
    }
}
