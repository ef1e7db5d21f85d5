/// Messages of Foxtron's protocol ("Communication protocol" 1.7, firmware from 3.3): 01, the payload's bytes and their check as
/// hexadecimal digits, 17. The check is the complement of the payload's sum.
enum Foxtron {
    static let start: UInt8 = 0x01
    static let end: UInt8 = 0x17
    /// Digits between start and end: payload of 4 to 26 and check of 2.
    static let digits = 6...28

    /// The first byte of a payload.
    enum Code {
        /// Frame of another master (or of ours sent without differentiation), with answer and without.
        static let foreignAnswered: UInt8 = 0x03
        static let foreign: UInt8 = 0x04
        static let special: UInt8 = 0x05
        static let query: UInt8 = 0x06
        static let queryAnswer: UInt8 = 0x07
        static let write: UInt8 = 0x08
        static let writeAnswer: UInt8 = 0x09
        static let send: UInt8 = 0x0B
        /// Our frame, with answer and without.
        static let sentAnswered: UInt8 = 0x0D
        static let sent: UInt8 = 0x0E
    }

    /// Configuration items.
    enum Item {
        static let serialNumber: UInt8 = 1
        static let firmware: UInt8 = 2
        static let busPower: UInt8 = 3
        /// Messages in the send buffer; writing 0 empties it.
        static let buffer: UInt8 = 4
    }

    static func bytes(_ payload: [UInt8]) -> [UInt8] {
        let text = (payload + [check(payload)]).flatMap { byte in
            [byte >> 4, byte & 0x0F].map { $0 < 10 ? UInt8(ascii: "0") + $0 : UInt8(ascii: "A") + $0 - 10 }
        }
        return [start] + text + [end]
    }

    static func check(_ payload: some Sequence<UInt8>) -> UInt8 { ~payload.reduce(0, &+) }

    static func query(_ item: UInt8) -> [UInt8] { bytes([Code.query, item]) }

    static let clearBuffer = bytes([Code.write, Item.buffer, 0, 0])

    /// Type 11: its confirmation (13, 14) is told apart from other masters' frames.
    static func send(_ request: DALIRequest) -> [UInt8] {
        let frame = [UInt8(request.frame.bits)] + data(request.frame)
        return bytes([Code.send, request.priority.rawValue] + frame + [request.isSentTwice ? 1 : 0])
    }

    /// Most significant byte first, odd numbers of bits filled with zeros at the top: unlike ``ForwardFrame/bytes``.
    private static func data(_ frame: ForwardFrame) -> [UInt8] {
        let count = (frame.bits + 7) / 8
        return (0..<count).map { UInt8(truncatingIfNeeded: frame.data >> UInt32(8 * (count - 1 - $0))) }
    }

    /// What the converter says.
    enum Message: Sendable, Hashable {
        /// `isOurs`: sent by us with differentiation.
        case frame(ForwardFrame, answer: DALIOutcome, isOurs: Bool)
        /// A frame on the bus that cannot be read.
        case broken(isOurs: Bool)
        /// A lone answer.
        case backward(UInt8)
        case special(UInt8)
        case value(item: UInt8, UInt16)
        /// flag: 0 written, 1 read-only, 2 out of range.
        case written(item: UInt8, flag: UInt8)

        /// nil: no message of the converter, or of a length that its type does not have.
        init?(_ payload: [UInt8]) {
            guard let type = payload.first else { return nil }
            switch type {
            case Code.foreign, Code.sent, Code.foreignAnswered, Code.sentAnswered: self.init(frame: payload)
            case Code.special where payload.count == 2: self = .special(payload[1])
            case Code.queryAnswer where payload.count == 4:
                self = .value(item: payload[1], UInt16(payload[2]) << 8 | UInt16(payload[3]))
            case Code.writeAnswer where payload.count == 5: self = .written(item: payload[1], flag: payload[4])
            default: return nil
            }
        }

        /// `type bits data... [answer's bits [answer]]`
        private init?(frame payload: [UInt8]) {
            guard payload.count >= 2 else { return nil }
            let isOurs = payload[0] == Code.sent || payload[0] == Code.sentAnswered
            let isAnswered = payload[0] == Code.foreignAnswered || payload[0] == Code.sentAnswered
            let bits = Int(payload[1])
            guard bits > 0 else {
                self = .broken(isOurs: isOurs)
                return
            }
            let count = (bits + 7) / 8
            guard bits <= 32, payload.count >= 2 + count else { return nil }
            let data = payload[2..<2 + count].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let rest = payload[(2 + count)...]
            let answer: DALIOutcome
            switch (isAnswered, rest.first, rest.count) {
            case (false, nil, 0): answer = .none
            case (true, 0, 1): answer = .collision
            case (true, 8, 2): answer = .reply(rest[rest.endIndex - 1])
            default: return nil
            }
            if bits == 8, !isOurs, answer == .none {
                self = .backward(UInt8(truncatingIfNeeded: data))
            } else {
                self = .frame(ForwardFrame(bits: bits, data: data), answer: answer, isOurs: isOurs)
            }
        }
    }

    /// Cuts a byte stream into messages. A start in the middle of a message begins a new one, so garbage hides at most what it
    /// hits.
    struct Decoder: Sendable {
        private var buffer: [UInt8] = []
        private var payloads: [[UInt8]] = []
        private var isInside = false
        /// Bytes that belong to no message, since the start.
        private(set) var skipped = 0

        mutating func append(_ bytes: [UInt8]) {
            for byte in bytes {
                if byte == Foxtron.start {
                    drop()
                    isInside = true
                } else if !isInside {
                    skipped += 1
                } else if byte == Foxtron.end {
                    end()
                } else if buffer.count < Foxtron.digits.upperBound, Self.value(byte) != nil {
                    buffer.append(byte)
                } else {
                    drop()
                    skipped += 1
                }
            }
        }

        mutating func next() -> [UInt8]? { payloads.isEmpty ? nil : payloads.removeFirst() }

        mutating func reset() { self = Decoder() }

        private mutating func drop() {
            skipped += buffer.count
            buffer.removeAll()
            isInside = false
        }

        private mutating func end() {
            var values: [UInt8] = []
            var high: UInt8?
            for digit in buffer.compactMap(Self.value) {
                if let first = high {
                    values.append(first << 4 | digit)
                    high = nil
                } else {
                    high = digit
                }
            }
            guard high == nil, Foxtron.digits.contains(buffer.count), let check = values.popLast(),
                check == Foxtron.check(values)
            else {
                drop()
                return
            }
            payloads.append(values)
            buffer.removeAll()
            isInside = false
        }

        private static func value(_ character: UInt8) -> UInt8? {
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
            case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
            default: nil
            }
        }
    }
}
