internal import Telemetry

/// What one uplink has acknowledged, and what of that is not in the tables yet.
struct Cursor: Sendable {
    private(set) var ranges = SequenceRanges()
    /// First sequences of rows to delete, and rows to write, so that the table equals `ranges`.
    private(set) var staleRows: Set<UInt64> = []
    private(set) var newRows: [UInt64: UInt64] = [:]

    var isPersistent: Bool { staleRows.isEmpty && newRows.isEmpty }

    mutating func insert(_ range: ClosedRange<UInt64>) {
        let change = ranges.insert(range)
        guard let added = change.added else { return }
        for first in change.removed {
            newRows[first] = nil
            staleRows.insert(first)
        }
        staleRows.remove(added.lowerBound)
        newRows[added.lowerBound] = added.upperBound
    }

    /// As read from the table.
    mutating func load(_ range: ClosedRange<UInt64>) { ranges.insert(range) }

    mutating func markPersistent() {
        staleRows = []
        newRows = [:]
    }
}

/// Everything the outbox knows beside the batches themselves. A value: a transaction works on a copy, which becomes
/// the truth when it is committed.
struct OutboxLedger: Sendable {
    var stream = ""
    /// The last sequence given.
    var lastSequence: UInt64 = 0
    /// The last n given, per device.
    var counters: [String: UInt64] = [:]
    var changedCounters: Set<String> = []
    var dictionary = SeriesDictionary()
    /// Under which the dictionary is stored; nil before it is.
    var dictionaryHash: Int64?
    /// How many of its series are.
    var storedSeries = 0
    var gaps = GapList()
    var gapsChanged = false
    var droppedReadings: UInt64 = 0
    var damagedBatches = 0
    var uplinks: [String: Cursor] = [:]
    /// Acknowledged by all, still in the table.
    var removable: Set<UInt64> = []
    /// Numbers of the boots in the table.
    var boots: [String: Int64] = [:]

    /// Gives `count` readings of a device their numbers, which end with the device's counter.
    mutating func advance(_ device: String, by count: UInt64) {
        counters[device, default: 0] += count
        changedCounters.insert(device)
    }

    /// The uplinks that have not acknowledged a sequence, joined with commas, in alphabetical order.
    func uplinksWithout(_ sequence: UInt64) -> [String] {
        uplinks.filter { !$0.value.ranges.contains(sequence) }.map(\.key).sorted()
    }

    mutating func add(_ gap: Gap) {
        gaps.add(gap)
        gapsChanged = true
    }

    /// A sequence that will never be sent: it counts as acknowledged, so that the ranges grow together.
    mutating func settle(_ sequence: UInt64) {
        for name in Array(uplinks.keys) { uplinks[name]?.insert(sequence...sequence) }
    }

    /// Declares readings that never got to the disk. They get their n, so that the head-end can be told which are missing.
    ///
    /// - Parameters:
    ///   - readings: how many, per device.
    ///   - urgent: how many events and results.
    mutating func drop(unstored readings: [String: UInt64], urgent: UInt64) {
        for (device, count) in readings.sorted(by: { $0.key < $1.key }) where count > 0 {
            let last = counters[device, default: 0] + count
            add(
                Gap(
                    device: device, first: last - count + 1, last: last, missing: count,
                    reason: Gap.Reason.bufferFull.rawValue, uplinks: ""))
            counters[device] = last
            changedCounters.insert(device)
            droppedReadings += count
        }
        if urgent > 0 {
            add(
                Gap(
                    device: "", first: lastSequence, last: lastSequence, missing: urgent,
                    reason: Gap.Reason.bufferFull.rawValue, uplinks: ""))
        }
    }
}

/// How the bytes of `outbox.limit` are divided.
struct OutboxSpace: Sendable, Hashable {
    /// SQLite's default; one batch of 1,000 readings takes one or two.
    static let pageSize: Int64 = 4_096

    let limit: Int64
    /// The write-ahead log may grow to this: two checkpoints' worth.
    let log: Int64
    /// Kept as a file, given up when the disk is full so that acknowledgements can still be written.
    let reserve: Int64

    init(limit: Int64) {
        self.limit = limit
        log = min(max(limit / 8, 1 << 19), 8 << 20)
        reserve = min(max(limit / 64, 1 << 16), 1 << 20)
    }

    /// The most pages the database may have.
    var pages: Int64 { (limit - log - reserve) / OutboxSpace.pageSize }
    /// Above this many pages in use the oldest batches go.
    var highWater: Int64 { pages - max(16, pages / 50) }
    /// Down to this, so that not every commit has to make room.
    var lowWater: Int64 { highWater - max(8, pages / 50) }
    var checkpointPages: Int64 { log / 2 / OutboxSpace.pageSize }
}
