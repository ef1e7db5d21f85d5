/// Messages on a byte stream, each preceded by its length as a protobuf varint: the framing of the driver protocol and
/// of the control socket.
public enum LengthDelimited {
    /// Why a stream cannot be read on. The stream is lost: after a bad length nobody knows where a message begins.
    public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// A length beyond what the receiver accepts.
        case tooLong(length: UInt64, limit: Int)
        /// A length of more than ten bytes.
        case badLength

        public var description: String {
            switch self {
            case .tooLong(let length, let limit): "a message of \(length) bytes, over the limit of \(limit)"
            case .badLength: "bytes that are no message length"
            }
        }
    }

    /// `message` with its length in front.
    public static func frame(_ message: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(message.count + 4)
        var length = UInt64(message.count)
        while length >= 0x80 {
            bytes.append(UInt8(length & 0x7F) | 0x80)
            length >>= 7
        }
        bytes.append(UInt8(length))
        bytes.append(contentsOf: message)
        return bytes
    }

    /// Cuts a stream into messages. It never holds more than one message and one read of bytes.
    public struct Decoder: Sendable {
        private var buffer: [UInt8] = []
        private var start = 0
        public let limit: Int

        /// - Parameter limit: the longest message accepted, in bytes.
        public init(limit: Int) { self.limit = limit }

        /// Bytes received that make no whole message yet.
        public var pending: Int { buffer.count - start }

        public mutating func append(_ bytes: some Collection<UInt8>) {
            dropTaken()
            buffer.append(contentsOf: bytes)
        }

        /// The same for bytes as read(2) left them.
        public mutating func append(_ bytes: UnsafeRawBufferPointer) {
            dropTaken()
            buffer.append(contentsOf: bytes)
        }

        private mutating func dropTaken() {
            guard start > 0 else { return }
            if start == buffer.count {
                buffer.removeAll(keepingCapacity: buffer.count <= Self.keptCapacity)
            } else {
                buffer.removeFirst(start)
            }
            start = 0
        }

        /// A buffer that once grew beyond this is given back when it is empty.
        private static let keptCapacity = 131_072

        /// The next whole message; nil until more bytes are there.
        public mutating func next() throws(Failure) -> [UInt8]? {
            guard let range = try nextRange() else { return nil }
            return Array(buffer[range])
        }

        /// Hands the next whole message to `body` where it lies, without a copy; nil until more bytes are there.
        public mutating func next<Result>(
            _ body: (UnsafeRawBufferPointer) -> Result
        ) throws(Failure) -> Result? {
            guard let range = try nextRange() else { return nil }
            return buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
        }

        private mutating func nextRange() throws(Failure) -> Range<Int>? {
            var length: UInt64 = 0
            var position = start
            var shift: UInt64 = 0
            while true {
                guard position < buffer.count else { return nil }
                let byte = buffer[position]
                position += 1
                // The tenth byte has room for one bit; more would be lost and a huge length taken for a small one.
                guard shift < 63 || byte <= 1 else { throw .badLength }
                length |= UInt64(byte & 0x7F) << shift
                if byte & 0x80 == 0 { break }
                shift += 7
            }
            guard length <= UInt64(limit) else { throw .tooLong(length: length, limit: limit) }
            guard buffer.count - position >= Int(length) else { return nil }
            start = position + Int(length)
            return position..<start
        }
    }
}
