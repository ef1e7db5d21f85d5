/// Frames of Modbus RTU: the check, and how long a frame is by what it says itself
/// (Modbus over Serial Line V1.02, clauses 2.5.1 and 6.2.2; Modbus Application Protocol V1.1b3, clause 6).
enum RTUFrame {
    /// The standard's limit, address and check included.
    static let longest = 256
    /// Address, function and check.
    static let shortest = 4

    /// The check of a frame, low byte first as it goes over the wire.
    static func check(_ bytes: some Sequence<UInt8>) -> (low: UInt8, high: UInt8) {
        var register: UInt16 = 0xFFFF
        for byte in bytes {
            register ^= UInt16(byte)
            for _ in 0..<8 { register = register & 1 == 1 ? register >> 1 ^ 0xA001 : register >> 1 }
        }
        return (UInt8(register & 0xFF), UInt8(register >> 8))
    }

    /// Address and data unit with the check behind them.
    static func checked(_ bytes: [UInt8]) -> [UInt8] {
        let check = check(bytes)
        return bytes + [check.low, check.high]
    }

    /// Whether the last two bytes are the check of those before them.
    static func isRight(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
        guard bytes.count >= shortest else { return false }
        let check = check(bytes.dropLast(2))
        return bytes.elementsEqual(Array(bytes.dropLast(2)) + [check.low, check.high])
    }

    /// How long a frame is that begins like this.
    enum Length: Sendable, Hashable {
        /// All of it, address and check included.
        case known(Int)
        /// This many bytes must be there before more can be said.
        case needs(Int)
        /// No rule: its end is a silence.
        case unknown
    }

    /// Length of an answer by its first bytes, the address first.
    static func answerLength(_ head: ArraySlice<UInt8>) -> Length {
        guard head.count >= 2 else { return .needs(2) }
        let start = head.startIndex
        switch head[start + 1] {
        case 0x80...0xFF: return .known(5)
        case 1...4, 12, 17, 20, 21, 23: return counted(head, at: 2, around: 5)
        case 5, 6, 11, 15, 16: return .known(8)
        case 7: return .known(5)
        case 22: return .known(10)
        case 24:
            guard head.count >= 4 else { return .needs(4) }
            return bounded(Int(head[start + 2]) * 256 + Int(head[start + 3]) + 6)
        case 43: return identificationLength(head)
        default: return .unknown
        }
    }

    /// Length of a request by its first bytes, the address first.
    static func requestLength(_ head: ArraySlice<UInt8>) -> Length {
        guard head.count >= 2 else { return .needs(2) }
        switch head[head.startIndex + 1] {
        case 1...6: return .known(8)
        case 7, 11, 12, 17: return .known(4)
        case 15, 16: return counted(head, at: 6, around: 9)
        case 20, 21: return counted(head, at: 2, around: 5)
        case 22: return .known(10)
        case 23: return counted(head, at: 10, around: 13)
        case 24: return .known(6)
        case 43:
            guard head.count >= 3 else { return .needs(3) }
            return head[head.startIndex + 2] == 14 ? .known(7) : .unknown
        default: return .unknown
        }
    }

    private static func counted(_ head: ArraySlice<UInt8>, at position: Int, around rest: Int) -> Length {
        guard head.count > position else { return .needs(position + 1) }
        return bounded(Int(head[head.startIndex + position]) + rest)
    }

    private static func bounded(_ length: Int) -> Length { length <= longest ? .known(length) : .unknown }

    /// Function 43/14: object after object.
    private static func identificationLength(_ head: ArraySlice<UInt8>) -> Length {
        let start = head.startIndex
        guard head.count >= 3 else { return .needs(3) }
        guard head[start + 2] == 14 else { return .unknown }
        guard head.count >= 8 else { return .needs(8) }
        var length = 8
        for _ in 0..<head[start + 7] {
            guard head.count >= length + 2 else { return length + 2 <= longest ? .needs(length + 2) : .unknown }
            length += 2 + Int(head[start + length + 1])
        }
        return bounded(length + 2)
    }
}
