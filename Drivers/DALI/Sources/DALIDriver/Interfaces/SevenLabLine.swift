/// Lines of SevenLab's DALI-USB interface (open hardware and firmware, doc/commands.md and doc/messages.md there): commands as
/// `Q5 10 0390`, messages as `{0000001a:08 000000c4}`, every number hexadecimal.
enum SevenLab {
    /// Who are you; needs no end of line.
    static let queryVersion = Array("?".utf8)

    /// `Q` always brings a result after its frame, `S` only the frame; `+` sends twice.
    static func send(_ request: DALIRequest) -> [UInt8] {
        // A query that goes twice would be listened to between its two frames; the standard has none.
        let letter = request.expectsReply && !request.isSentTwice ? "Q" : "S"
        let data = String(request.frame.data, radix: 16, uppercase: true)
        let digits = (request.frame.bits + 3) / 4
        let padded = String(repeating: "0", count: max(0, digits - data.utf8.count)) + data
        let bits = String(request.frame.bits, radix: 16, uppercase: true)
        return Array("\(letter)\(request.priority.rawValue) \(bits)\(request.isSentTwice ? "+" : " ")\(padded)\r".utf8)
    }

    enum Status: UInt8, Sendable, Hashable, CaseIterable {
        case noError = 0x80
        /// A query without answer.
        case timeout = 0x81
        case badStartBit = 0x82
        case badDataBit = 0x83
        case collisionLoopback = 0x84
        case collisionNoChange = 0x85
        case collisionWrongState = 0x86
        case settlingViolation = 0x87
        case idle = 0x90
        /// Low for longer than 500 ms.
        case busLow = 0x91
        case busRecovered = 0x92
        case cannotProcess = 0xA0
        case badArgument = 0xA1
        case queueFull = 0xA2
        case badCommand = 0xA3
        case overflow = 0xA4
    }

    enum Message: Sendable, Hashable {
        /// What the interface itself has put on the bus.
        case sent(ForwardFrame)
        case received(ForwardFrame)
        case backward(UInt8)
        case status(Status, data: UInt32)
        /// The second line of its greeting.
        case version(String)
    }

    /// Cuts a byte stream into messages.
    struct Decoder: Sendable {
        /// Longer than any line of the interface (its first one has 34 characters).
        static let longestLine = 64

        private var line: [UInt8] = []
        private var messages: [Message] = []
        /// Bytes that belong to no line of the interface, since the start.
        private(set) var skipped = 0

        mutating func append(_ bytes: [UInt8]) {
            for byte in bytes {
                switch byte {
                case UInt8(ascii: "\n"), UInt8(ascii: "\r"): end()
                case UInt8(ascii: "{"):
                    // A message begins wherever its bracket stands: what came before it was no line.
                    skipped += line.count
                    line = [byte]
                case UInt8(ascii: "}"):
                    line.append(byte)
                    end()
                case 0x20...0x7E where line.count < Self.longestLine: line.append(byte)
                default:
                    skipped += line.count + 1
                    line.removeAll()
                }
            }
        }

        mutating func next() -> Message? { messages.isEmpty ? nil : messages.removeFirst() }

        mutating func reset() { self = Decoder() }

        private mutating func end() {
            defer { line.removeAll() }
            guard !line.isEmpty else { return }
            let text = String(decoding: line, as: UTF8.self)
            if let message = Self.read(text) {
                messages.append(message)
            } else if !text.hasPrefix("DALI USB interface") {
                skipped += line.count
            }
        }

        private static func read(_ text: String) -> Message? {
            if text.hasPrefix("Version ") {
                let number = text.dropFirst(8).prefix { $0 != " " }
                return number.isEmpty ? nil : .version(String(number))
            }
            // {8 digits of time, mark, 2 digits of length or status, blank, up to 8 digits of data}
            let characters = Array(text.utf8)
            guard characters.count >= 15, characters.count <= 22, characters[0] == UInt8(ascii: "{"),
                characters.last == UInt8(ascii: "}"), characters[12] == UInt8(ascii: " "),
                number(characters[1..<9]) != nil, let length = number(characters[10..<12]),
                let data = number(characters[13..<characters.count - 1])
            else { return nil }
            switch characters[9] {
            case UInt8(ascii: ">"):
                return (1...32).contains(length) ? .sent(ForwardFrame(bits: Int(length), data: data)) : nil
            case UInt8(ascii: ":"):
                if let status = Status(rawValue: UInt8(length)) { return .status(status, data: data) }
                if length == 8 { return data <= 0xFF ? .backward(UInt8(data)) : nil }
                return (1...32).contains(length) ? .received(ForwardFrame(bits: Int(length), data: data)) : nil
            default: return nil
            }
        }

        private static func number(_ digits: ArraySlice<UInt8>) -> UInt32? {
            guard digits.allSatisfy({ ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x66) || (0x30...0x39).contains($0) })
            else { return nil }
            return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        }
    }
}
