import Telemetry

/// Bytes of JSON that grow at their end: written once per reading, so without a string or an array on the way.
// Owns its memory from init to deinit; every write is within what `reserve` has made sure of.
struct JSONBytes: ~Copyable {
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    init(reserving wanted: Int) {
        capacity = max(wanted, 64)
        start = .allocate(capacity: capacity)
    }

    deinit { start.deallocate() }

    /// A copy.
    var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

    /// Lets `body` read what is written so far.
    borrowing func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        body(UnsafeBufferPointer(start: start, count: count))
    }

    /// Makes room for so many bytes more.
    @inline(__always)
    mutating func reserve(_ more: Int) {
        if capacity - count < more { grow(by: more) }
    }

    @inline(never)
    private mutating func grow(by more: Int) {
        let larger = max(capacity * 2, count + more)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        moved.moveInitialize(from: start, count: count)
        start.deallocate()
        (start, capacity) = (moved, larger)
    }

    // Inlined, all three: with the length known where they are called, most texts of the program become one or two stores.

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        reserve(1)
        start[count] = byte
        count += 1
    }

    /// Text that stands in the program.
    @inline(__always)
    mutating func append(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        reserve(length)
        (start + count).update(from: text.utf8Start, count: length)
        count += length
    }

    @inline(__always)
    mutating func append(_ bytes: [UInt8]) {
        reserve(bytes.count)
        bytes.withUnsafeBufferPointer { source in
            guard let from = source.baseAddress else { return }
            (start + count).update(from: from, count: source.count)
        }
        count += bytes.count
    }

    /// Text that needs no escape.
    @inline(__always)
    mutating func append(plain text: String) {
        let utf8 = text.utf8
        let length = utf8.count
        reserve(length)
        let target = start + count
        // Every text of Swift's own has its bytes in one piece: no copy of it is made or held.
        let isWritten: Void? = utf8.withContiguousStorageIfAvailable { source in
            if let from = source.baseAddress { target.update(from: from, count: source.count) }
        }
        guard isWritten != nil else { return append(Array(utf8)) }
        count += length
    }

    /// Text with quotes and escapes.
    mutating func append(quoted text: String) { append(Array(JSONValue.string(text).description.utf8)) }

    mutating func append(_ number: UInt64) {
        reserve(20)
        count += JSONBytes.digits(of: number, at: start + count)
    }

    /// Two digits for each byte, in lower case.
    mutating func append(hexadecimal bytes: [UInt8]) {
        reserve(2 * bytes.count)
        for byte in bytes {
            for digit in [byte >> 4, byte & 15] {
                start[count] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
                count += 1
            }
        }
    }

    /// A JSON number as ``ExactDecimal/description`` gives it, made in place where it is plain digits.
    mutating func append(_ number: ExactDecimal) {
        // A sign, the point, 20 digits, and up to 18 zeros.
        reserve(48)
        let places = -Int(number.exponent)
        guard places <= 18, places >= 0 || number.mantissa == 0 else {
            append(plain: number.description)
            return
        }
        var target = start + count
        if number.mantissa < 0 {
            target.pointee = UInt8(ascii: "-")
            target += 1
        }
        var length = JSONBytes.digits(of: number.mantissa.magnitude, at: target)
        if places > 0 {
            // Zeros in front, so that a digit stands before the point.
            let missing = places + 1 - length
            if missing > 0 {
                for index in stride(from: length - 1, through: 0, by: -1) { target[index + missing] = target[index] }
                for index in 0..<missing { target[index] = UInt8(ascii: "0") }
                length += missing
            }
            for index in stride(from: length - 1, through: length - places, by: -1) {
                target[index + 1] = target[index]
            }
            target[length - places] = UInt8(ascii: ".")
            length += 1
        }
        count = target - start + length
    }

    /// Writes the decimal digits and returns how many; 20 at most.
    private static func digits(of number: UInt64, at target: UnsafeMutablePointer<UInt8>) -> Int {
        var length = 1
        var limit: UInt64 = 10
        while length < 20, number >= limit {
            length += 1
            limit = length < 20 ? limit &* 10 : limit
        }
        var rest = number
        var index = length
        while index > 0 {
            index -= 1
            let quotient = rest / 10
            target[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest &- quotient &* 10)
            rest = quotient
        }
        return length
    }
}
