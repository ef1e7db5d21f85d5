/// Why stored bytes are not what was written. The place is an offset in the blob.
struct DecodingFailure: Error, Sendable, Hashable, CustomStringConvertible {
    let offset: Int
    let problem: String
    var description: String { "byte \(offset): \(problem)" }
}

/// Appends numbers and texts in the smallest form: LEB128 varints, zigzag for signed ones.
struct ByteWriter: Sendable {
    private(set) var bytes: [UInt8] = []

    init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func signed(_ value: Int64) { varint(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

    mutating func text(_ value: String) {
        varint(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    mutating func text(_ value: String?) {
        byte(value == nil ? 0 : 1)
        if let value { text(value) }
    }

    mutating func blob(_ value: [UInt8]) {
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func raw(_ value: [UInt8]) { bytes.append(contentsOf: value) }
}

/// Reads what ``ByteWriter`` wrote. Total: any bytes give values or a ``DecodingFailure``.
struct ByteReader: Sendable {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }
    var remaining: Int { bytes.count - position }

    func fail(_ problem: String) -> DecodingFailure { DecodingFailure(offset: position, problem: problem) }

    mutating func byte() throws(DecodingFailure) -> UInt8 {
        guard position < bytes.count else { throw fail("the data end too early") }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func varint() throws(DecodingFailure) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 63 || next <= 1 else { throw fail("a number of more than 64 bits") }
            value |= UInt64(next & 0x7F) << shift
            if next & 0x80 == 0 { return value }
            shift += 7
        }
    }

    mutating func signed() throws(DecodingFailure) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A number of things that follow, each at least one byte long unless `limit` says otherwise.
    mutating func count(limit: Int) throws(DecodingFailure) -> Int {
        let value = try varint()
        guard value <= UInt64(limit) else { throw fail("a count of \(value), over the limit of \(limit)") }
        return Int(value)
    }

    mutating func blob() throws(DecodingFailure) -> [UInt8] {
        let length = try count(limit: remaining)
        // The length itself took bytes of what remained.
        guard length <= remaining else { throw fail("the data end too early") }
        defer { position += length }
        return Array(bytes[position..<position + length])
    }

    mutating func text() throws(DecodingFailure) -> String {
        guard let text = String(validating: try blob(), as: UTF8.self) else { throw fail("a text that is no UTF-8") }
        return text
    }

    mutating func optionalText() throws(DecodingFailure) -> String? {
        switch try byte() {
        case 0: return nil
        case 1: return try text()
        default: throw fail("neither a text nor none")
        }
    }
}

/// A column of numbers that are mostly as predicted: each deviation as a signed varint, a run of zeros as 0 and its length less one.
struct DeviationWriter: Sendable {
    private var writer: ByteWriter
    private var zeros: UInt64 = 0

    init(reserving capacity: Int = 0) { writer = ByteWriter(reserving: capacity) }

    mutating func append(_ deviation: Int64) {
        if deviation == 0 {
            zeros += 1
        } else {
            endRun()
            writer.signed(deviation)
        }
    }

    private mutating func endRun() {
        guard zeros > 0 else { return }
        writer.varint(0)
        writer.varint(zeros - 1)
        zeros = 0
    }

    /// The column's bytes.
    mutating func finish() -> [UInt8] {
        endRun()
        return writer.bytes
    }
}

/// Reads a column of ``DeviationWriter``, one number at a time.
struct DeviationReader: Sendable {
    private var zeros = 0
    /// Numbers that the column still holds; a run may not go beyond.
    private var left: Int

    init(count: Int) { left = count }

    mutating func next(from reader: inout ByteReader) throws(DecodingFailure) -> Int64 {
        guard left > 0 else { throw reader.fail("a column is shorter than its rows") }
        left -= 1
        if zeros > 0 {
            zeros -= 1
            return 0
        }
        let deviation = try reader.signed()
        if deviation == 0 { zeros = try reader.count(limit: left) }
        return deviation
    }
}
