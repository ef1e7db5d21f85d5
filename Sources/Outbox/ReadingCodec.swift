internal import Telemetry

/// Readings as columns of deviations from what is expected: formats 1 and 2 of stored readings.
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
/// Format 2 adds:
/// - epoch: against the reading before;
/// - what few readings have: how many, then of each its distance from the one before, a byte that tells what follows (1 period,
///   2 registers), start, length and kind of the period, the registers.
///
/// A stamp is kept to the microsecond: a bus is not timed to a thousandth of that.
enum ReadingCodec {
    static let format: Int64 = 2
    /// The formats that ``decode(_:format:dictionary:)`` knows.
    static let formats: ClosedRange<Int64> = 1...2
    /// More than any batch holds; a damaged count must not reserve memory.
    static let mostReadings = 65_536

    enum Kind: Int64 {
        case none = 0
        case number = 1
        case flag = 2
        case text = 3
    }

    /// What of a reading stands in the last column.
    enum Extra {
        static let period: UInt8 = 1
        static let raw: UInt8 = 2
    }

    static func encode(_ readings: [Reading], indices: [Int], dictionary: SeriesDictionary) -> [UInt8] {
        var prediction = ReadingPrediction()
        return encode(readings, indices: indices, dictionary: dictionary, prediction: &prediction)
    }

    /// - Parameters:
    ///   - indices: each reading's series in `dictionary`.
    ///   - prediction: the memory to work in; what it holds from earlier is of no meaning.
    static func encode(
        _ readings: [Reading], indices: [Int], dictionary: SeriesDictionary, prediction: inout ReadingPrediction
    ) -> [UInt8] {
        precondition(readings.count == indices.count, "a series is needed for each reading")
        // Field by field where they stand: a copy of each reading would cost more than all else here.
        return readings.withUnsafeBufferPointer { encode($0, indices, dictionary, &prediction) }
    }

    private static func encode(
        _ readings: UnsafeBufferPointer<Reading>, _ indices: [Int], _ dictionary: SeriesDictionary,
        _ prediction: inout ReadingPrediction
    ) -> [UInt8] {
        prediction.begin(dictionary)
        var series = DeviationWriter()
        var counts = DeviationWriter()
        var times = DeviationWriter()
        var kinds = DeviationWriter()
        var exponents = DeviationWriter()
        var mantissas = DeviationWriter(reserving: readings.count * 5)
        var epochs = DeviationWriter()
        var texts = ByteWriter()
        var extras = ByteWriter()
        var (extraCount, lastExtra): (UInt64, Int) = (0, 0)
        var expectedSeries: Int64 = 0
        var lastTime: Int64 = 0
        var lastKind = Kind.number.rawValue
        var lastEpoch: Int64 = 0
        for row in indices.indices {
            let index = indices[row]
            series.append(Int64(index) - expectedSeries)
            expectedSeries = Int64(index) + 1
            let device = dictionary.deviceOf[index]
            counts.append(Int64(bitPattern: readings[row].n &- prediction.expectedN(device)))
            prediction.note(n: readings[row].n, of: device)
            let time = readings[row].acquired.nanoseconds / 1_000
            times.append(time &- lastTime)
            lastTime = time
            let kind: Kind
            switch readings[row].value {
            case nil: kind = .none
            case .number(let number)?:
                kind = .number
                exponents.append(Int64(number.exponent) - Int64(prediction.exponent(index, dictionary)))
                mantissas.append(number.mantissa &- prediction.mantissa(index, at: number.exponent))
                prediction.note(mantissa: number.mantissa, exponent: number.exponent, of: index)
            case .flag(let flag)?:
                kind = .flag
                let value: Int64 = flag ? 1 : 0
                let exponent = prediction.exponent(index, dictionary)
                mantissas.append(value &- prediction.mantissa(index, at: exponent))
                prediction.note(mantissa: value, exponent: exponent, of: index)
            case .text(let text)?:
                kind = .text
                texts.text(text)
            }
            let code = Int64(readings[row].quality.code) << 2 | kind.rawValue
            kinds.append(code - lastKind)
            lastKind = code
            epochs.append(Int64(readings[row].epoch) - lastEpoch)
            lastEpoch = Int64(readings[row].epoch)
            if !readings[row].isPlain {
                extras.varint(UInt64(row - lastExtra))
                write(extra: readings[row], to: &extras)
                (extraCount, lastExtra) = (extraCount + 1, row)
            }
        }
        var writer = ByteWriter(reserving: readings.count * 8 + 64)
        writer.varint(UInt64(readings.count))
        writer.raw(series.finish())
        writer.raw(counts.finish())
        writer.raw(times.finish())
        writer.raw(kinds.finish())
        writer.raw(exponents.finish())
        writer.raw(mantissas.finish())
        writer.raw(texts.bytes)
        writer.raw(epochs.finish())
        writer.varint(extraCount)
        writer.raw(extras.bytes)
        return writer.bytes
    }

    private static func write(extra reading: Reading, to writer: inout ByteWriter) {
        let raw = reading.raw
        writer.byte((reading.period == nil ? 0 : Extra.period) | (raw.isEmpty ? 0 : Extra.raw))
        if let period = reading.period {
            writer.signed(period.start)
            writer.signed(period.end &- period.start)
            writer.byte(period.kind.rawValue)
        }
        if !raw.isEmpty { writer.blob(raw) }
    }
}
