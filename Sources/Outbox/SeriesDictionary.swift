internal import Synchronization
internal import Telemetry

/// The series that batches refer to by index. It only grows; what is stored under its hash grows with it, part by part.
struct SeriesDictionary: Sendable {
    private(set) var series: [PointIdentity] = []
    /// The power of ten that the series' numbers had when it was first seen: a steady register costs no exponent then.
    private(set) var exponents: [Int32] = []
    private(set) var devices: [String] = []
    /// Index in ``devices``, per series.
    private(set) var deviceOf: [Int32] = []
    private var places = SeriesPlaces()
    private var indexOfDevice: [String: Int] = [:]
    /// Under which identities note their index here; a copy that grows another way shares it, so a note is only a guess.
    private let book = SeriesDictionary.books.add(1, ordering: .relaxed).newValue

    private static let books = Atomic<UInt32>(0)

    /// Beyond this a new dictionary is begun, so that one that grew over years of renamed devices does not stay for ever; a thousand
    /// devices of sixty points fit in.
    static let mostSeries = 65_536

    init() {}

    // Inlined, so that what is asked of a reading in the middle of an array is read there and the reading not copied.
    @inline(__always)
    mutating func index(of reading: Reading) -> Int {
        let identity = reading.identity
        if let place = identity.place(in: book), place < series.count,
            series[place] === identity || series[place] == identity
        {
            return place
        }
        if let known = places.find(identity, in: series) {
            identity.note(place: known, in: book)
            return known
        }
        return add(identity, exponent: reading.value?.number?.exponent ?? 0)
    }

    @discardableResult
    private mutating func add(_ new: PointIdentity, exponent: Int32) -> Int {
        let device = indexOfDevice[new.device] ?? devices.count
        if device == devices.count {
            devices.append(new.device)
            indexOfDevice[new.device] = device
        }
        let index = series.count
        series.append(new)
        exponents.append(exponent)
        deviceOf.append(Int32(device))
        places.insertLast(of: series)
        new.note(place: index, in: book)
        return index
    }

    /// The series from `start` on.
    func encoded(from start: Int = 0) -> [UInt8] {
        var writer = ByteWriter(reserving: (series.count - start) * 24 + 4)
        writer.varint(UInt64(series.count - start))
        for index in start..<series.count {
            let one = series[index]
            writer.text(one.device)
            writer.text(one.point)
            writer.text(one.unit)
            writer.byte(one.keep.rawValue)
            writer.signed(Int64(exponents[index]))
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodingFailure) { try append(decoding: bytes) }

    /// Adds what ``encoded(from:)`` wrote. When it fails, some of it may have been added.
    mutating func append(decoding bytes: [UInt8]) throws(DecodingFailure) {
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
            // The names of a device's points share the storage of its name.
            let owner = indexOfDevice[device].map { devices[$0] } ?? device
            let one = PointIdentity(device: owner, point: point, unit: unit, keep: keep)
            guard places.find(one, in: series) == nil else { throw reader.fail("a series stands twice") }
            add(one, exponent: exponent)
        }
        guard reader.isAtEnd else { throw reader.fail("more bytes than series") }
    }
}

/// Where each series stands in the list, by its names: a hash table of indices alone. A dictionary that holds the series as keys and
/// their indices takes four times as much, a megabyte for forty thousand points, and is hardly ever asked: see ``PointIdentity/place(in:)``.
private struct SeriesPlaces: Sendable {
    private static let free: Int32 = -1
    /// A power of two; more than a quarter of it is free, so that a search is short.
    private var slots = [Int32](repeating: free, count: 64)

    func find(_ identity: PointIdentity, in series: [PointIdentity]) -> Int? {
        var slot = identity.hashValue & (slots.count - 1)
        while slots[slot] != Self.free {
            let place = Int(slots[slot])
            if series[place] == identity { return place }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Enters the last of `series`, all others being in already.
    mutating func insertLast(of series: [PointIdentity]) {
        guard 4 * series.count > 3 * slots.count else { return enter(series.count - 1, series) }
        slots = Array(repeating: Self.free, count: 2 * slots.count)
        for place in series.indices { enter(place, series) }
    }

    private mutating func enter(_ place: Int, _ series: [PointIdentity]) {
        var slot = series[place].hashValue & (slots.count - 1)
        while slots[slot] != Self.free { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = Int32(place)
    }
}
