/// What is predicted of the next reading of a series, or of its device, while one batch is written or read.
///
/// The tables are as large as the dictionary and are kept from batch to batch: what stands in them from an earlier batch is told by
/// its number and does not count.
struct ReadingPrediction: Sendable {
    /// Of a series: where in ``noted`` its newest number stands. As small as can be: a gateway has tens of thousands of series and
    /// a batch brings a thousand numbers.
    private struct Entry: Sendable {
        var place: UInt16 = 0
        var batch: UInt16 = 0
    }

    private struct Noted: Sendable {
        var mantissa: Int64
        var exponent: Int32
    }

    private struct Next: Sendable {
        var n: UInt64 = 0
        var batch: UInt16 = 0
    }

    private var entries: [Entry] = []
    /// No more than a batch can have readings, 65,536.
    private var noted: [Noted] = []
    private var devices: [Next] = []
    private var batch: UInt16 = 0

    /// Nothing is known any more but what the dictionary says.
    mutating func begin(_ dictionary: SeriesDictionary) {
        batch &+= 1
        noted.removeAll(keepingCapacity: true)
        if batch == 0 {
            // After 65,535 batches the numbers begin again.
            entries = []
            devices = []
            batch = 1
        }
        // Shrinks when an old dictionary gives way to a new, small one.
        let (series, owners) = (dictionary.series.count, dictionary.devices.count)
        if entries.count < series || entries.count > 4 * series + 1_024 {
            entries = Array(repeating: Entry(), count: series + series / 4)
        }
        if devices.count < owners || devices.count > 4 * owners + 1_024 {
            devices = Array(repeating: Next(), count: owners + owners / 4)
        }
    }

    /// The next n of a device; `n` is then taken to be one higher.
    mutating func expectedN(_ device: Int32) -> UInt64 {
        let entry = devices[Int(device)]
        return entry.batch == batch ? entry.n : 0
    }

    mutating func note(n: UInt64, of device: Int32) { devices[Int(device)] = Next(n: n &+ 1, batch: batch) }

    private func newest(_ series: Int) -> Noted? {
        let entry = entries[series]
        return entry.batch == batch ? noted[Int(entry.place)] : nil
    }

    func exponent(_ series: Int, _ dictionary: SeriesDictionary) -> Int32 {
        newest(series)?.exponent ?? dictionary.exponents[series]
    }

    /// The last mantissa of a series as it would read at another exponent; 0 when it does not fit.
    func mantissa(_ series: Int, at exponent: Int32) -> Int64 {
        guard let newest = newest(series) else { return 0 }
        if newest.exponent == exponent { return newest.mantissa }
        let steps = Int64(newest.exponent) - Int64(exponent)
        guard steps.magnitude <= 18 else { return 0 }
        var value = newest.mantissa
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

    mutating func note(mantissa: Int64, exponent: Int32, of series: Int) {
        entries[series] = Entry(place: UInt16(truncatingIfNeeded: noted.count), batch: batch)
        noted.append(Noted(mantissa: mantissa, exponent: exponent))
    }
}
