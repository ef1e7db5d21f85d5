/// What libyaml would take silently or refuse with words that help nobody: checked before it sees the file.
enum YAMLTextCheck {
    static func check(_ bytes: [UInt8], file: String, limits: YAMLLimits) throws(YAMLProblem) {
        let start = SourcePosition(file: file, line: 1, column: 1)
        guard bytes.count <= limits.bytes else {
            throw YAMLProblem(
                start,
                "the file is larger than \(limits.bytes / 1024) KiB; expected a configuration, this is something else")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw YAMLProblem(
                start, "the file begins with a byte order mark; expected plain UTF-8",
                hint: "save it as \"UTF-8\", not \"UTF-8 with BOM\"")
        }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw YAMLProblem(start, "the file is UTF-16; expected UTF-8", hint: "save it as UTF-8")
        }
        try checkCharacters(bytes, file: file)
    }

    private static func checkCharacters(_ bytes: [UInt8], file: String) throws(YAMLProblem) {
        var line = 1
        var column = 1
        var isIndentation = true
        var tab: Int?
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            let place = SourcePosition(file: file, line: line, column: column)
            switch byte {
            case UInt8(ascii: "\n"):
                line += 1
                column = 0
                isIndentation = true
                tab = nil
            case UInt8(ascii: "\t"):
                if isIndentation, tab == nil { tab = column }
            case UInt8(ascii: " "), UInt8(ascii: "\r"): break
            case 0..<0x20, 0x7F:
                let digits = String(byte, radix: 16, uppercase: true)
                throw YAMLProblem(
                    place,
                    "byte 0x\(digits.count < 2 ? "0" : "")\(digits) is no text; expected a YAML file, this is a binary file"
                )
            default:
                if isIndentation, let tab {
                    throw YAMLProblem(
                        SourcePosition(file: file, line: line, column: tab),
                        "a tab in the indentation; expected spaces", hint: "YAML is indented with spaces only")
                }
                isIndentation = false
                if byte >= 0x80 {
                    let length = sequenceLength(bytes, at: index)
                    guard length > 0 else {
                        throw YAMLProblem(
                            place, "bytes that are not UTF-8; expected UTF-8 text",
                            hint: "save the file as UTF-8, not as Latin-1")
                    }
                    index += length - 1
                }
            }
            index += 1
            column += 1
        }
    }

    /// Bytes of the UTF-8 sequence that begins at `index`; 0 when it is none (RFC 3629, section 4).
    private static func sequenceLength(_ bytes: [UInt8], at index: Int) -> Int {
        func continues(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            index + offset < bytes.count && range.contains(bytes[index + offset])
        }
        switch bytes[index] {
        case 0xC2...0xDF: return continues(1) ? 2 : 0
        case 0xE0: return continues(1, 0xA0...0xBF) && continues(2) ? 3 : 0
        case 0xE1...0xEC, 0xEE...0xEF: return continues(1) && continues(2) ? 3 : 0
        case 0xED: return continues(1, 0x80...0x9F) && continues(2) ? 3 : 0
        case 0xF0: return continues(1, 0x90...0xBF) && continues(2) && continues(3) ? 4 : 0
        case 0xF1...0xF3: return continues(1) && continues(2) && continues(3) ? 4 : 0
        case 0xF4: return continues(1, 0x80...0x8F) && continues(2) && continues(3) ? 4 : 0
        default: return 0
        }
    }
}
