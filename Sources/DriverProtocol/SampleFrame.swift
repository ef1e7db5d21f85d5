public import Telemetry

/// A whole `FromDriver` message of plain samples with its length in front, made without the general encoder: a driver sends a
/// thousand of them a second.
public enum SampleFrame {
    /// - Returns: nil when a sample is no number, or carries registers: that is for ``DriverSamples``.
    public static func bytes(device: UInt32, samples: ArraySlice<Sample>, version: UInt32) -> [UInt8]? {
        guard let first = samples.first else { return nil }
        var (start, isOneStamp, isAllGood) = (first.acquired.nanoseconds, true, true)
        var (points, mantissas, exponents) = (Column(samples.count), Column(5 * samples.count), Column(samples.count))
        for sample in samples {
            guard case .number(let number)? = sample.value, sample.raw.isEmpty else { return nil }
            points.varint(UInt64(UInt32(truncatingIfNeeded: sample.point)))
            mantissas.signed(number.mantissa)
            exponents.signed(Int64(number.exponent))
            if sample.acquired != first.acquired { isOneStamp = false }
            start = min(start, sample.acquired.nanoseconds)
            if sample.quality != .good { isAllGood = false }
        }
        var (offsets, qualities) = (Column(0), Column(0))
        if !isOneStamp { for sample in samples { offsets.varint(UInt64(sample.acquired.nanoseconds &- start)) } }
        if !isAllGood { for sample in samples { qualities.varint(UInt64(sample.quality.code)) } }

        var body = Column(points.bytes.count + mantissas.bytes.count + exponents.bytes.count + 48)
        if device != 0 { body.field(1, UInt64(device)) }
        if start > 0 { body.field(2, UInt64(start)) }
        body.field(3, points)
        body.field(4, offsets)
        body.field(5, qualities)
        body.field(7, mantissas)
        body.field(8, exponents)
        var message = Column(body.bytes.count + 16)
        message.field(1, UInt64(version))
        message.field(6, body)
        return LengthDelimited.frame(message.bytes)
    }

    private struct Column {
        private(set) var bytes: [UInt8] = []

        init(_ capacity: Int) { bytes.reserveCapacity(capacity) }

        mutating func varint(_ value: UInt64) {
            var rest = value
            while rest >= 0x80 {
                bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            bytes.append(UInt8(rest))
        }

        mutating func signed(_ value: Int64) { varint(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

        mutating func field(_ number: UInt64, _ value: UInt64) {
            varint(number << 3)
            varint(value)
        }

        /// Left out when it is empty.
        mutating func field(_ number: UInt64, _ content: Column) {
            guard !content.bytes.isEmpty else { return }
            varint(number << 3 | 2)
            varint(UInt64(content.bytes.count))
            bytes.append(contentsOf: content.bytes)
        }
    }
}
