/// How requests and answers are packed on a connection.
enum NetworkFraming: Sendable, Hashable {
    /// Modbus TCP: a header with a number that the answer repeats (Modbus Messaging on TCP/IP V1.0b, clause 3.1.3).
    case tcp
    /// Frames of a serial line, address and check included, as many serial device servers carry them.
    case rtu

    /// - Parameter transaction: repeated by the answer; of no use in RTU.
    func frame(_ request: ModbusRequest, unit: UInt8, transaction: UInt16) -> [UInt8] {
        let data = request.bytes
        switch self {
        case .tcp:
            var bytes: [UInt8] = []
            bytes.reserveCapacity(data.count + MBAPReceiver.headerLength)
            let length = UInt16(truncatingIfNeeded: data.count + 1)
            for word in [transaction, 0, length] {
                bytes.append(UInt8(word >> 8))
                bytes.append(UInt8(word & 0xFF))
            }
            bytes.append(unit)
            bytes += data
            return bytes
        case .rtu: return RTUFrame.checked([unit] + data)
        }
    }
}

/// What a receiver found in the bytes of a connection.
enum NetworkReception: Sendable, Hashable {
    /// More bytes are needed.
    case incomplete
    /// - Parameters:
    ///   - transaction: nil in RTU, which has none.
    ///   - data: function code first.
    case frame(transaction: UInt16?, unit: UInt8, data: [UInt8], whole: [UInt8])
    /// These bytes cannot be what they should be; a byte stream that lost its frames does not find them again.
    case broken(String, [UInt8])
}

/// Takes Modbus TCP frames out of a stream of bytes, however it was cut. Pure.
struct MBAPReceiver: Sendable {
    /// Transaction, protocol, length and unit.
    static let headerLength = 7
    /// Unit, function and 252 bytes of data (Modbus Application Protocol V1.1b3, clause 4.1).
    static let longestBody = 254

    private var bytes: [UInt8] = []
    private var start = 0

    /// Bytes that are no whole frame yet.
    var pending: ArraySlice<UInt8> { bytes[start...] }

    mutating func append(_ new: some Collection<UInt8>) {
        // Nearly always a whole frame comes at once: nothing is kept between two, for a thousand connections would keep megabytes.
        if start == bytes.count {
            bytes = Array(new)
            start = 0
        } else {
            bytes += new
        }
    }

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        start = 0
    }

    mutating func next() -> NetworkReception {
        guard bytes.count - start >= Self.headerLength else { return .incomplete }
        func word(_ offset: Int) -> Int { Int(bytes[start + offset]) << 8 | Int(bytes[start + offset + 1]) }
        let length = word(4)
        guard word(2) == 0 else { return fail("a header of protocol \(word(2)) instead of 0") }
        // Unit and function at least.
        guard (2...Self.longestBody).contains(length) else { return fail("a header that announces \(length) bytes") }
        let end = start + 6 + length
        guard bytes.count >= end else { return .incomplete }
        let frame = NetworkReception.frame(
            transaction: UInt16(word(0)), unit: bytes[start + 6], data: Array(bytes[(start + 7)..<end]),
            whole: Array(bytes[start..<end]))
        start = end
        return frame
    }

    private mutating func fail(_ what: String) -> NetworkReception {
        defer { clear() }
        return .broken(what, Array(bytes[start...].prefix(64)))
    }
}

/// Takes RTU frames out of a stream of bytes without their silences: a frame's length follows from its first bytes, its check says whether
/// that was right. Pure.
struct RTUStreamReceiver: Sendable {
    private var bytes: [UInt8] = []

    var pending: ArraySlice<UInt8> { bytes[...] }

    mutating func append(_ new: some Collection<UInt8>) {
        bytes += new
        // Nothing that is still to come could belong to bytes so far back.
        if bytes.count > 2 * RTUFrame.longest { bytes.removeFirst(bytes.count - RTUFrame.longest) }
    }

    mutating func clear() { bytes.removeAll(keepingCapacity: true) }

    mutating func next() -> NetworkReception {
        switch RTUFrame.answerLength(bytes[...]) {
        case .needs: return .incomplete
        case .known(let length):
            guard bytes.count >= length else { return .incomplete }
            guard RTUFrame.isRight(bytes[..<length]) else { return fail("a checksum error") }
            return take(length)
        case .unknown:
            // A maker's own function: its frame ends where the check fits.
            if let length = RTUFrame.firstRightLength(bytes) { return take(length) }
            return bytes.count < RTUFrame.longest ? .incomplete : fail("more bytes than a frame can have")
        }
    }

    private mutating func take(_ length: Int) -> NetworkReception {
        let frame = Array(bytes[..<length])
        bytes.removeFirst(length)
        return .frame(transaction: nil, unit: frame[0], data: Array(frame[1..<(length - 2)]), whole: frame)
    }

    private mutating func fail(_ what: String) -> NetworkReception {
        defer { clear() }
        return .broken(what, Array(bytes.prefix(64)))
    }
}
