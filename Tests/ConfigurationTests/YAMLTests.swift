import Testing

@testable import Configuration

struct YAMLTests {
    private func parse(_ text: String, limits: YAMLLimits = YAMLLimits()) throws(YAMLProblem) -> YAMLDocument {
        try YAMLDocument(parsing: Array(text.utf8), file: "t.yaml", limits: limits)
    }

    private func problem(_ bytes: [UInt8]) -> YAMLProblem? {
        do throws(YAMLProblem) {
            _ = try YAMLDocument(parsing: bytes, file: "t.yaml")
            return nil
        } catch { return error }
    }

    private func problem(_ text: String) -> YAMLProblem? { problem(Array(text.utf8)) }

    @Test(arguments: [
        ("", YAMLNode.Content.null), ("~", .null), ("null", .null), ("true", .flag(true)), ("FALSE", .flag(false)),
        ("yes", .text("yes")), ("no", .text("no")), ("on", .text("on")), ("off", .text("off")), ("y", .text("y")),
        ("0", .number("0")), ("-12", .number("-12")), ("+5", .number("+5")), ("0x1F", .number("0x1F")),
        ("0o17", .number("0o17")),
        ("007", .number("007")), ("1.50", .number("1.50")), (".5", .number(".5")), ("5.", .number("5.")),
        ("1e3", .number("1e3")),
        ("-.inf", .number("-.inf")), (".nan", .number(".nan")), ("1_000", .text("1_000")), ("0b1", .text("0b1")),
        ("1:30", .text("1:30")),
        ("2026-11-21", .text("2026-11-21")), ("1e", .text("1e")), (".", .text(".")), ("-", .text("-")),
        ("0x", .text("0x")),
        ("nUll", .text("nUll")), ("<<", .text("<<")),
    ])
    func `a plain scalar means what YAML 1.2 says`(text: String, content: YAMLNode.Content) {
        #expect(CoreSchema.resolve(text) == content)
    }

    @Test func `a quoted scalar is text`() throws {
        #expect(try parse("a: \"1\"").root["a"]?.content == .text("1"))
        #expect(try parse("a: 'true'").root["a"]?.content == .text("true"))
        #expect(try parse("a: !!str 5").root["a"]?.content == .text("5"))
        #expect(try parse("a: |\n  1\n").root["a"]?.content == .text("1\n"))
    }

    @Test func `every key and value knows its line and column`() throws {
        let root = try parse("a: 1\nbé: {c: [x, 2]}\n").root
        #expect(root.entry("bé")?.keyPosition == SourcePosition(file: "t.yaml", line: 2, column: 1))
        #expect(root.position(path: ["bé", "c"], atKey: true) == SourcePosition(file: "t.yaml", line: 2, column: 6))
        #expect(root.position(path: ["bé", "c", "1"]) == SourcePosition(file: "t.yaml", line: 2, column: 13))
        #expect(root.position(path: ["bé", "c", "7"]) == SourcePosition(file: "t.yaml", line: 2, column: 9))
    }

    @Test func `an alias bomb is refused at its first alias`() {
        var text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
        for (name, before) in zip("bcdefgh", "abcdefg") {
            text += "\(name): &\(name) [\(Array(repeating: "*\(before)", count: 9).joined(separator: ", "))]\n"
        }
        let found = problem(text)
        #expect(found?.position.line == 2)
        #expect(found?.message.hasPrefix("an alias (*a)") == true)
    }

    @Test(arguments: ["[", "{a: ", "- ", "? "])
    func `a hundred thousand levels are refused, not followed`(opening: String) {
        #expect(problem(String(repeating: opening, count: 100_000)) != nil)
    }

    @Test func `a hundred thousand values are the limit`() throws {
        var limits = YAMLLimits()
        limits.nodes = 10
        #expect(throws: YAMLProblem.self) { try self.parse("[1,2,3,4,5,6,7,8,9,10]", limits: limits) }
        #expect(try parse("[1,2,3,4,5,6,7,8,9]", limits: limits).root.items?.count == 9)
        #expect(problem("[" + String(repeating: "1,", count: 100_001) + "]")?.message.contains("100000 values") == true)
    }

    @Test func `a file over the limit is refused unread`() {
        #expect(
            problem([UInt8](repeating: 0x20, count: (1 << 20) + 1))?.message.contains("larger than 1024 KiB") == true)
    }

    @Test(
        arguments: [
            [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0x80], [0xF0, 0x8F, 0xBF, 0xBF],
        ] as [[UInt8]])
    func `bytes that are not UTF-8 are named with their place`(bytes: [UInt8]) {
        let found = problem(Array("a: 1\nb: ".utf8) + bytes)
        #expect(found?.position == SourcePosition(file: "t.yaml", line: 2, column: 4))
        #expect(found?.message.hasPrefix("bytes that are not UTF-8") == true)
    }

    @Test func `text of all planes is accepted`() throws {
        #expect(try parse("a: Straße 街 💡").root["a"]?.scalar == "Straße 街 💡")
    }

    @Test func `a key that stands twice is named with both places and the first one holds`() throws {
        let document = try parse("a: 1\nb:\n  c: 2\n  c: 3\n")
        #expect(document.problems.count == 1)
        #expect(document.problems.first?.position.line == 4)
        #expect(document.problems.first?.message.contains("t.yaml:3:3") == true)
        #expect(document.problems.first?.path == ["b", "c"])
        #expect(document.root["b"]?["c"]?.scalar == "2")
    }

    @Test func `random bytes never crash the reader`() {
        var state: UInt64 = 42
        let alphabet = Array("a:-[]{}&*!|>'\"%@` \n#?,0x~\t".utf8)
        for _ in 0..<2000 {
            var bytes: [UInt8] = []
            for _ in 0..<40 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(alphabet[Int(state >> 33) % alphabet.count])
            }
            if let found = problem(bytes) {
                #expect(found.position.line >= 1)
                #expect(!found.message.isEmpty)
            }
        }
    }
}
