public import Telemetry

/// The rows of one `Samples` message.
public struct SampleBlock: Sendable, Hashable {
    /// As `Configure` numbered it.
    public let device: UInt32
    public let samples: [Sample]
    /// The highest index among the samples' points; -1 without samples. It must be below the number of the device's points.
    public let highestPoint: Int

    public init(device: UInt32, samples: [Sample], highestPoint: Int) {
        self.device = device
        self.samples = samples
        self.highestPoint = highestPoint
    }

    /// From a decoded message.
    ///
    /// - Throws: ``SampleColumnsError`` when its columns do not fit together.
    public init(_ message: DriverSamples) throws(SampleColumnsError) {
        self.init(
            device: message.device, samples: try message.rows(points: Int(UInt32.max) + 1),
            highestPoint: message.point.max().map(Int.init) ?? -1)
    }

    /// Reads a whole `FromDriver` message that is nothing but plain samples: version, and columns of numbers, each packed and once.
    ///
    /// Nearly every message of a driver is one, a thousand a second on a large bus; read this way it costs a tenth of the general
    /// decoder's time. Whatever looks unusual is left to that.
    ///
    /// - Returns: nil when it is anything else: texts, flags, registers, unknown fields, another message, or broken.
    public init?(plain message: UnsafeRawBufferPointer, version: UInt32) {
        var cursor = WireCursor(message)
        guard cursor.varint() == 0x08, cursor.varint() == UInt64(version), cursor.varint() == 0x32,
            let length = cursor.varint(), length == UInt64(cursor.left)
        else { return nil }
        var device: UInt64 = 0
        var start: UInt64 = 0
        var columns = Columns()
        while cursor.left > 0 {
            switch cursor.varint() {
            case 0x08:
                guard let value = cursor.varint() else { return nil }
                device = value
            case 0x10:
                guard let value = cursor.varint() else { return nil }
                start = value
            case 0x1A: guard cursor.take(&columns.point) else { return nil }
            case 0x22: guard cursor.take(&columns.offset) else { return nil }
            case 0x2A: guard cursor.take(&columns.quality) else { return nil }
            case 0x32: guard cursor.take(&columns.kind) else { return nil }
            case 0x3A: guard cursor.take(&columns.mantissa) else { return nil }
            case 0x42: guard cursor.take(&columns.exponent) else { return nil }
            default: return nil
            }
        }
        guard device <= UInt64(UInt32.max), let rows = columns.rows(from: start) else { return nil }
        self.init(device: UInt32(device), samples: rows.samples, highestPoint: rows.highest)
    }

    private struct Columns {
        var point: WireCursor?
        var offset: WireCursor?
        var quality: WireCursor?
        var kind: WireCursor?
        var mantissa: WireCursor?
        var exponent: WireCursor?

        mutating func rows(from start: UInt64) -> (samples: [Sample], highest: Int)? {
            guard var points = point else { return nil }
            var samples: [Sample] = []
            // A point's index takes a byte at least; most take just one.
            samples.reserveCapacity(points.left)
            var highest: UInt64 = 0
            while points.left > 0 {
                guard let index = points.varint(), index <= UInt64(UInt32.max) else { return nil }
                highest = max(highest, index)
                var stamp = start
                if offset != nil {
                    guard let more = offset?.varint() else { return nil }
                    stamp &+= more
                }
                var grade = Quality.good
                if quality != nil {
                    guard let code = quality?.varint(), code <= UInt64(UInt16.max),
                        let known = Quality(code: UInt16(code))
                    else { return nil }
                    grade = known
                }
                var isNumber = true
                if kind != nil {
                    guard let which = kind?.varint(), which <= 1 else { return nil }
                    isNumber = which == 1
                }
                var value: Value?
                if isNumber {
                    guard let mantissa = mantissa?.signed(), let power = exponent?.signed(),
                        (-400...400).contains(power)
                    else { return nil }
                    value = .number(ExactDecimal(mantissa: mantissa, exponent: Int32(power)))
                }
                samples.append(
                    Sample(
                        point: Int(index), value: value, quality: grade,
                        acquired: BootInstant(nanoseconds: Int64(truncatingIfNeeded: stamp))))
            }
            let rest = [offset, quality, kind, mantissa, exponent]
            guard !samples.isEmpty, rest.allSatisfy({ ($0?.left ?? 0) == 0 }) else { return nil }
            return (samples, Int(highest))
        }
    }
}

/// Reads protobuf's varints from bytes that outlive it.
// Holds a pointer into the message that is being read and never leaves the function that was handed it.
private struct WireCursor {
    private var next: UnsafePointer<UInt8>?
    private(set) var left: Int

    init(_ bytes: UnsafeRawBufferPointer) {
        next = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        left = bytes.count
    }

    private init(next: UnsafePointer<UInt8>?, left: Int) {
        self.next = next
        self.left = left
    }

    /// nil at the end, and for more than 64 bits.
    mutating func varint() -> UInt64? {
        guard var from = next, left > 0 else { return nil }
        var byte = from.pointee
        if byte < 0x80 {
            next = from + 1
            left -= 1
            return UInt64(byte)
        }
        var value = UInt64(byte & 0x7F)
        var shift: UInt64 = 7
        var rest = left - 1
        while rest > 0, shift <= 63 {
            from += 1
            rest -= 1
            byte = from.pointee
            guard shift < 63 || byte <= 1 else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 {
                next = from + 1
                left = rest
                return value
            }
            shift += 7
        }
        return nil
    }

    mutating func signed() -> Int64? {
        guard let value = varint() else { return nil }
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A column with its length in front; false when it stands there already or is cut short.
    mutating func take(_ column: inout WireCursor?) -> Bool {
        guard column == nil, let length = varint(), length <= UInt64(left), let from = next else { return false }
        column = WireCursor(next: from, left: Int(length))
        next = from + Int(length)
        left -= Int(length)
        return true
    }
}
