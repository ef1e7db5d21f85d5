internal import Telemetry

/// Readings as columns of deviations from what is expected: format 1 of stored readings.
///
/// count, then per column one number for each reading:
/// - series: index in the dictionary, against the index after the one before (a device is read in the same order each time);
/// - n: against the device's n before, plus one;
/// - time: microseconds since boot, against the reading before (what one exchange brought has one stamp);
/// - kind: what the value is, and its quality, against the reading before;
/// - exponent: against the series' reading before, at first against the dictionary;
/// - mantissa: against the series' reading before, brought to the same exponent;
/// - texts, each with its length.
///
/// A stamp is kept to the microsecond: a bus is not timed to a thousandth of that.
enum ReadingCodec {
    static let format: Int64 = 1
    /// More than any batch holds; a damaged count must not reserve memory.
    static let mostReadings = 65_536

    private enum Kind: Int64 {
        case none = 0
        case number = 1
        case flag = 2
        case text = 3
    }

    /// What is predicted of the next reading of a series, or of its device.
    private struct Prediction {
        var exponents: [Int32]
        var mantissas: [Int64]
        var nextN: [UInt64]

        init(_ dictionary: SeriesDictionary) {
            exponents = dictionary.exponents
            mantissas = Array(repeating: 0, count: exponents.count)
            nextN = Array(repeating: 0, count: dictionary.devices.count)
        }

        /// The last mantissa of a series as it would read at another exponent; 0 when it does not fit.
        func mantissa(of series: Int, at exponent: Int32) -> Int64 {
            let steps = Int64(exponents[series]) - Int64(exponent)
            guard steps.magnitude <= 18 else { return 0 }
            var value = mantissas[series]
            for _ in 0..<steps.magnitude {
                if steps < 0 {
                    value /= 10
                } else {
                    let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                    if overflow { return 0 }
                    value = product
                }
            }
            return value
        }
    }

    /// - Parameter indices: each reading's series in `dictionary`.
    static func encode(_ readings: [Reading], indices: [Int], dictionary: SeriesDictionary) -> [UInt8] {
        precondition(readings.count == indices.count, "a series is needed for each reading")
        var prediction = Prediction(dictionary)
        var series = DeviationWriter()
        var counts = DeviationWriter()
        var times = DeviationWriter()
        var kinds = DeviationWriter()
        var exponents = DeviationWriter()
        var mantissas = DeviationWriter()
        var texts = ByteWriter()
        var expectedSeries: Int64 = 0
        var lastTime: Int64 = 0
        var lastKind = Kind.number.rawValue
        for (reading, index) in zip(readings, indices) {
            series.append(Int64(index) - expectedSeries)
            expectedSeries = Int64(index) + 1
            let device = dictionary.deviceOf[index]
            counts.append(Int64(bitPattern: reading.n &- prediction.nextN[device]))
            prediction.nextN[device] = reading.n &+ 1
            let time = reading.acquired.nanoseconds / 1_000
            times.append(time &- lastTime)
            lastTime = time
            let kind: Kind
            switch reading.value {
            case nil: kind = .none
            case .number(let number)?:
                kind = .number
                exponents.append(Int64(number.exponent) - Int64(prediction.exponents[index]))
                mantissas.append(number.mantissa &- prediction.mantissa(of: index, at: number.exponent))
                prediction.exponents[index] = number.exponent
                prediction.mantissas[index] = number.mantissa
            case .flag(let flag)?:
                kind = .flag
                let value: Int64 = flag ? 1 : 0
                mantissas.append(value &- prediction.mantissas[index])
                prediction.mantissas[index] = value
            case .text(let text)?:
                kind = .text
                texts.text(text)
            }
            let code = Int64(reading.quality.code) << 2 | kind.rawValue
            kinds.append(code - lastKind)
            lastKind = code
        }
        var writer = ByteWriter(reserving: readings.count * 6 + 16)
        writer.varint(UInt64(readings.count))
        for column in [
            series.finish(), counts.finish(), times.finish(), kinds.finish(), exponents.finish(), mantissas.finish(),
        ] {
            writer.raw(column)
        }
        writer.raw(texts.bytes)
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8], dictionary: SeriesDictionary) throws(DecodingFailure) -> [Reading] {
        var reader = ByteReader(bytes)
        let count = try reader.count(limit: mostReadings)
        let indices = try series(count, from: &reader, dictionary: dictionary)
        var prediction = Prediction(dictionary)
        var column = DeviationReader(count: count)
        var counts: [UInt64] = []
        for index in indices {
            let device = dictionary.deviceOf[index]
            let n = prediction.nextN[device] &+ UInt64(bitPattern: try column.next(from: &reader))
            prediction.nextN[device] = n &+ 1
            counts.append(n)
        }
        column = DeviationReader(count: count)
        var times: [Int64] = []
        var lastTime: Int64 = 0
        for _ in 0..<count {
            lastTime = lastTime &+ (try column.next(from: &reader))
            let (nanoseconds, overflow) = lastTime.multipliedReportingOverflow(by: 1_000)
            guard !overflow else { throw reader.fail("an impossible time") }
            times.append(nanoseconds)
        }
        let kinds = try kinds(count, from: &reader)
        let values = try values(of: indices, kinds: kinds.map(\.kind), from: &reader, prediction: &prediction)
        guard reader.isAtEnd else { throw reader.fail("more bytes than readings") }
        return (0..<count).map { row in
            let series = dictionary.series[indices[row]]
            return Reading(
                device: series.device, point: series.point, n: counts[row],
                acquired: BootInstant(nanoseconds: times[row]),
                value: values[row], unit: series.unit, quality: kinds[row].quality, keep: series.keep)
        }
    }

    private static func series(
        _ count: Int, from reader: inout ByteReader, dictionary: SeriesDictionary
    ) throws(DecodingFailure) -> [Int] {
        var column = DeviationReader(count: count)
        var indices: [Int] = []
        var expected: Int64 = 0
        for _ in 0..<count {
            let index = expected &+ (try column.next(from: &reader))
            guard index >= 0, index < Int64(dictionary.series.count) else {
                throw reader.fail("a series that is not in the dictionary")
            }
            expected = index + 1
            indices.append(Int(index))
        }
        return indices
    }

    private static func kinds(
        _ count: Int, from reader: inout ByteReader
    ) throws(DecodingFailure) -> [(kind: Kind, quality: Quality)] {
        var column = DeviationReader(count: count)
        var result: [(kind: Kind, quality: Quality)] = []
        var code = Kind.number.rawValue
        for _ in 0..<count {
            code = code &+ (try column.next(from: &reader))
            guard code >= 0, let quality = UInt16(exactly: code >> 2).flatMap(Quality.init(code:)),
                let kind = Kind(rawValue: code & 3)
            else { throw reader.fail("an unknown quality") }
            result.append((kind, quality))
        }
        return result
    }

    private static func values(
        of indices: [Int], kinds: [Kind], from reader: inout ByteReader, prediction: inout Prediction
    ) throws(DecodingFailure) -> [Value?] {
        var column = DeviationReader(count: kinds.count { $0 == .number })
        var exponents: [Int32] = []
        var running = prediction.exponents
        for (index, kind) in zip(indices, kinds) where kind == .number {
            guard let exponent = Int32(exactly: Int64(running[index]) &+ (try column.next(from: &reader))) else {
                throw reader.fail("an impossible exponent")
            }
            running[index] = exponent
            exponents.append(exponent)
        }
        column = DeviationReader(count: kinds.count { $0 == .number || $0 == .flag })
        var nextExponent = exponents.makeIterator()
        var values: [Value?] = []
        var textRows: [Int] = []
        for (row, (index, kind)) in zip(indices, kinds).enumerated() {
            switch kind {
            case .none: values.append(nil)
            case .number:
                guard let exponent = nextExponent.next() else { throw reader.fail("a number without exponent") }
                let mantissa = prediction.mantissa(of: index, at: exponent) &+ (try column.next(from: &reader))
                prediction.exponents[index] = exponent
                prediction.mantissas[index] = mantissa
                values.append(.number(ExactDecimal(mantissa: mantissa, exponent: exponent)))
            case .flag:
                let value = prediction.mantissas[index] &+ (try column.next(from: &reader))
                guard value == 0 || value == 1 else { throw reader.fail("a flag that is neither true nor false") }
                prediction.mantissas[index] = value
                values.append(.flag(value == 1))
            case .text:
                textRows.append(row)
                values.append(nil)
            }
        }
        for row in textRows { values[row] = .text(try reader.text()) }
        return values
    }
}
