/// One message of Foxtron's protocol: 01, pairs of hexadecimal digits (payload and check), 17.
struct FoxtronMessage: Equatable {
    static let start: UInt8 = 0x01
    static let end: UInt8 = 0x17

    let payload: [UInt8]

    /// The complement of the payload's sum.
    static func check(_ payload: [UInt8]) -> UInt8 { ~payload.reduce(0, &+) }

    var bytes: [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        let text = (payload + [Self.check(payload)]).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return [Self.start] + text + [Self.end]
    }
}

/// Finds messages in what the host sends. Only what stands between 01 and 17 is looked at.
struct FoxtronReceiver {
    enum Reception: Equatable {
        case message(FoxtronMessage)
        case wrongCheck
        /// Not hexadecimal, or too short or long to be a message.
        case nonsense
    }

    /// Characters between start and end: 4 to 26 of payload and 2 of check.
    static let characters = 6...28

    /// nil: between messages.
    private var text: [UInt8]?
    var ignoresCheck = false

    mutating func receive(_ bytes: [UInt8]) -> [Reception] {
        var receptions: [Reception] = []
        for byte in bytes {
            switch byte {
            case FoxtronMessage.start: text = []
            case FoxtronMessage.end:
                if let text { receptions.append(read(text)) }
                text = nil
            default:
                text?.append(byte)
                if let count = text?.count, count > Self.characters.upperBound {
                    text = nil
                    receptions.append(.nonsense)
                }
            }
        }
        return receptions
    }

    private func read(_ text: [UInt8]) -> Reception {
        guard Self.characters.contains(text.count), text.count.isMultiple(of: 2) else { return .nonsense }
        var values: [UInt8] = []
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = Self.digit(text[index]), let low = Self.digit(text[index + 1]) else { return .nonsense }
            values.append(high << 4 | low)
        }
        let check = values.removeLast()
        guard ignoresCheck || check == FoxtronMessage.check(values) else { return .wrongCheck }
        return .message(FoxtronMessage(payload: values))
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x41...0x46: character - 0x41 + 10
        default: nil
        }
    }
}
