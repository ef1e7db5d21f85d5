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

    @inline(__always)
    private mutating func reserve(_ more: Int) {
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

    mutating func append(_ byte: UInt8) {
        reserve(1)
        start[count] = byte
        count += 1
    }

    /// Text that stands in the program.
    mutating func append(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        reserve(length)
        (start + count).initialize(from: text.utf8Start, count: length)
        count += length
    }

    mutating func append(_ bytes: [UInt8]) {
        reserve(bytes.count)
        bytes.withUnsafeBufferPointer { source in
            guard let from = source.baseAddress else { return }
            (start + count).initialize(from: from, count: source.count)
        }
        count += bytes.count
    }

    /// Text that needs no escape.
    mutating func append(plain text: String) {
        var text = text
        let length = text.utf8.count
        reserve(length)
        let target = start + count
        text.withUTF8 { source in
            guard let from = source.baseAddress else { return }
            target.initialize(from: from, count: source.count)
        }
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
