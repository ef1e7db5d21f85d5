internal import Telemetry

extension ReadingCodec {
    static func decode(
        _ bytes: [UInt8], format: Int64 = ReadingCodec.format, dictionary: SeriesDictionary
    ) throws(DecodingFailure) -> [Reading] {
        var prediction = ReadingPrediction()
        return try decode(bytes, format: format, dictionary: dictionary, prediction: &prediction)
    }

    /// - Parameter prediction: the memory to work in; what it holds from earlier is of no meaning.
    static func decode(
        _ bytes: [UInt8], format: Int64, dictionary: SeriesDictionary, prediction: inout ReadingPrediction
    ) throws(DecodingFailure) -> [Reading] {
        prediction.begin(dictionary)
        var reader = ByteReader(bytes)
        guard formats.contains(format) else { throw reader.fail("a batch of format \(format)") }
        let count = try reader.count(limit: mostReadings)
        let indices = try series(count, from: &reader, dictionary: dictionary)
        var column = DeviationReader(count: count)
        var counts: [UInt64] = []
        counts.reserveCapacity(count)
        for index in indices {
            let device = dictionary.deviceOf[index]
            let n = prediction.expectedN(device) &+ UInt64(bitPattern: try column.next(from: &reader))
            prediction.note(n: n, of: device)
            counts.append(n)
        }
        column = DeviationReader(count: count)
        var times: [Int64] = []
        times.reserveCapacity(count)
        var lastTime: Int64 = 0
        for _ in 0..<count {
            lastTime = lastTime &+ (try column.next(from: &reader))
            let (nanoseconds, overflow) = lastTime.multipliedReportingOverflow(by: 1_000)
            guard !overflow else { throw reader.fail("an impossible time") }
            times.append(nanoseconds)
        }
        let kinds = try kinds(count, from: &reader)
        let values = try values(of: indices, kinds: kinds, from: &reader, dictionary, &prediction)
        let epochs = format > 1 ? try epochs(count, from: &reader) : []
        let extras = format > 1 ? try extras(count, from: &reader) : [:]
        guard reader.isAtEnd else { throw reader.fail("more bytes than readings") }
        var readings: [Reading] = []
        readings.reserveCapacity(count)
        for row in 0..<count {
            let extra = extras.isEmpty ? nil : extras[row]
            readings.append(
                Reading(
                    identity: dictionary.series[indices[row]], n: counts[row],
                    acquired: BootInstant(nanoseconds: times[row]), value: values[row], quality: kinds[row].quality,
                    epoch: epochs.isEmpty ? 0 : epochs[row], period: extra?.period, raw: extra?.raw ?? []))
        }
        return readings
    }

    private static func series(
        _ count: Int, from reader: inout ByteReader, dictionary: SeriesDictionary
    ) throws(DecodingFailure) -> [Int] {
        var column = DeviationReader(count: count)
        var indices: [Int] = []
        indices.reserveCapacity(count)
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
        result.reserveCapacity(count)
        var code = Kind.number.rawValue
        var known: (kind: Kind, quality: Quality) = (.number, .good)
        for _ in 0..<count {
            let deviation = try column.next(from: &reader)
            if deviation != 0 {
                code = code &+ deviation
                guard code >= 0, let quality = UInt16(exactly: code >> 2).flatMap(Quality.init(code:)),
                    let kind = Kind(rawValue: code & 3)
                else { throw reader.fail("an unknown quality") }
                known = (kind, quality)
            }
            result.append(known)
        }
        return result
    }

    private static func values(
        of indices: [Int], kinds: [(kind: Kind, quality: Quality)], from reader: inout ByteReader,
        _ dictionary: SeriesDictionary, _ prediction: inout ReadingPrediction
    ) throws(DecodingFailure) -> [Value?] {
        let numbers = kinds.count { $0.kind == .number }
        var column = DeviationReader(count: numbers)
        var exponents: [Int32] = []
        exponents.reserveCapacity(numbers)
        // Mantissas come after all exponents: until then only the exponents are noted.
        for row in indices.indices where kinds[row].kind == .number {
            let expected = prediction.exponent(indices[row], dictionary)
            guard let exponent = Int32(exactly: Int64(expected) &+ (try column.next(from: &reader))) else {
                throw reader.fail("an impossible exponent")
            }
            prediction.note(mantissa: 0, exponent: exponent, of: indices[row])
            exponents.append(exponent)
        }
        prediction.begin(dictionary)
        column = DeviationReader(count: kinds.count { $0.kind == .number || $0.kind == .flag })
        var nextExponent = 0
        var values: [Value?] = []
        values.reserveCapacity(indices.count)
        var textRows: [Int] = []
        for row in indices.indices {
            let index = indices[row]
            switch kinds[row].kind {
            case .none: values.append(nil)
            case .number:
                let exponent = exponents[nextExponent]
                nextExponent += 1
                let mantissa = prediction.mantissa(index, at: exponent) &+ (try column.next(from: &reader))
                prediction.note(mantissa: mantissa, exponent: exponent, of: index)
                values.append(.number(ExactDecimal(mantissa: mantissa, exponent: exponent)))
            case .flag:
                let exponent = prediction.exponent(index, dictionary)
                let value = prediction.mantissa(index, at: exponent) &+ (try column.next(from: &reader))
                guard value == 0 || value == 1 else { throw reader.fail("a flag that is neither true nor false") }
                prediction.note(mantissa: value, exponent: exponent, of: index)
                values.append(.flag(value == 1))
            case .text:
                textRows.append(row)
                values.append(nil)
            }
        }
        for row in textRows { values[row] = .text(try reader.text()) }
        return values
    }

    private static func epochs(_ count: Int, from reader: inout ByteReader) throws(DecodingFailure) -> [UInt32] {
        var column = DeviationReader(count: count)
        var epochs: [UInt32] = []
        epochs.reserveCapacity(count)
        var epoch: Int64 = 0
        for _ in 0..<count {
            epoch = epoch &+ (try column.next(from: &reader))
            guard let known = UInt32(exactly: epoch) else { throw reader.fail("an impossible epoch") }
            epochs.append(known)
        }
        return epochs
    }

    private static func extras(
        _ count: Int, from reader: inout ByteReader
    ) throws(DecodingFailure) -> [Int: (period: ReadingPeriod?, raw: [UInt8])] {
        var extras: [Int: (period: ReadingPeriod?, raw: [UInt8])] = [:]
        var row = 0
        for _ in 0..<(try reader.count(limit: count)) {
            row += try reader.count(limit: count)
            guard row < count, extras[row] == nil else { throw reader.fail("a period of no reading") }
            let parts = try reader.byte()
            guard parts & ~(Extra.period | Extra.raw) == 0, parts != 0 else {
                throw reader.fail("neither period nor registers")
            }
            var period: ReadingPeriod?
            if parts & Extra.period != 0 {
                let start = try reader.signed()
                let length = try reader.signed()
                guard let kind = ReadingPeriod.Kind(rawValue: try reader.byte()) else {
                    throw reader.fail("an unknown kind of window")
                }
                period = ReadingPeriod(start: start, end: start &+ length, kind: kind)
            }
            extras[row] = (period, parts & Extra.raw != 0 ? try reader.blob() : [])
        }
        return extras
    }
}
