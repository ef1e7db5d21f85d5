/// One message of Lunatone's LUBA protocol: `59 command length data... check`.
struct LUBAMessage: Sendable, Equatable {
    static let start: UInt8 = 0x59
    /// A message that claims more data is noise.
    static let longestData = 23

    let command: UInt8
    let data: [UInt8]

    /// The XOR of command, length and data.
    var check: UInt8 { data.reduce(command ^ UInt8(data.count), ^) }

    var bytes: [UInt8] { [Self.start, command, UInt8(data.count)] + data + [check] }
}

/// Finds messages in a byte stream: hunts for the start byte, and after a bad length or check hunts again right behind it.
struct LUBAReceiver: Sendable {
    private var buffer: [UInt8] = []
    /// Messages dropped for a wrong check, and bytes skipped while hunting.
    private(set) var wrongChecks = 0
    private(set) var skippedBytes = 0

    mutating func receive(_ bytes: [UInt8]) -> [LUBAMessage] {
        buffer.append(contentsOf: bytes)
        var messages: [LUBAMessage] = []
        while !buffer.isEmpty {
            guard buffer[0] == LUBAMessage.start else {
                skip()
                continue
            }
            guard buffer.count >= 3 else { break }
            let length = Int(buffer[2])
            guard length <= LUBAMessage.longestData else {
                skip()
                continue
            }
            guard buffer.count >= length + 4 else { break }
            let message = LUBAMessage(command: buffer[1], data: Array(buffer[3..<(3 + length)]))
            if message.check == buffer[3 + length] {
                messages.append(message)
                buffer.removeFirst(length + 4)
            } else {
                wrongChecks += 1
                skip()
            }
        }
        return messages
    }

    /// A half message that nobody completes must not swallow the next one.
    mutating func forget() { buffer.removeAll() }

    private mutating func skip() {
        skippedBytes += 1
        buffer.removeFirst()
    }
}
