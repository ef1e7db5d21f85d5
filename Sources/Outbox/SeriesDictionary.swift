internal import Telemetry

/// What readings of one point have in common, written once instead of with every reading.
struct Series: Sendable, Hashable {
    let device: String
    let point: String
    let unit: String
    let keep: KeepClass

    init(_ reading: Reading) {
        device = reading.device
        point = reading.point
        unit = reading.unit
        keep = reading.keep
    }

    init(device: String, point: String, unit: String, keep: KeepClass) {
        self.device = device
        self.point = point
        self.unit = unit
        self.keep = keep
    }
}

/// The series that batches refer to by index. It only grows; every state of it that a stored batch refers to is stored under the
/// hash of its content.
struct SeriesDictionary: Sendable {
    private(set) var series: [Series] = []
    /// The power of ten that the series' numbers had when it was first seen: a steady register costs no exponent then.
    private(set) var exponents: [Int32] = []
    private(set) var devices: [String] = []
    /// Index in ``devices``, per series.
    private(set) var deviceOf: [Int] = []
    private var indexOfSeries: [Series: Int] = [:]
    private var indexOfDevice: [String: Int] = [:]

    /// Beyond this a new dictionary is begun, so that one that grew over years of renamed devices does not stay for ever.
    static let mostSeries = 16_384

    init() {}

    func index(of wanted: Series) -> Int? { indexOfSeries[wanted] }

    mutating func index(of reading: Reading) -> Int {
        let wanted = Series(reading)
        return indexOfSeries[wanted] ?? add(wanted, exponent: reading.value?.number?.exponent ?? 0)
    }

    @discardableResult
    private mutating func add(_ new: Series, exponent: Int32) -> Int {
        let device = indexOfDevice[new.device] ?? devices.count
        if device == devices.count {
            devices.append(new.device)
            indexOfDevice[new.device] = device
        }
        let index = series.count
        series.append(new)
        exponents.append(exponent)
        deviceOf.append(device)
        indexOfSeries[new] = index
        return index
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: series.count * 24)
        writer.varint(UInt64(series.count))
        for (index, one) in series.enumerated() {
            writer.text(one.device)
            writer.text(one.point)
            writer.text(one.unit)
            writer.byte(one.keep.rawValue)
            writer.signed(Int64(exponents[index]))
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        // A series takes at least five bytes.
        let count = try reader.count(limit: reader.remaining / 5)
        for _ in 0..<count {
            let device = try reader.text()
            let point = try reader.text()
            let unit = try reader.text()
            guard let keep = KeepClass(rawValue: try reader.byte()) else { throw reader.fail("an unknown keep class") }
            guard let exponent = Int32(exactly: try reader.signed()) else {
                throw reader.fail("an impossible exponent")
            }
            let one = Series(device: device, point: point, unit: unit, keep: keep)
            guard indexOfSeries[one] == nil else { throw reader.fail("a series stands twice") }
            add(one, exponent: exponent)
        }
        guard reader.isAtEnd else { throw reader.fail("more bytes than series") }
    }
}
