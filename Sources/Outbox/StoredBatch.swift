internal import Telemetry

/// A row of the table of batches.
struct StoredBatch: Sendable, Hashable {
    var sequence: UInt64
    var lane: Lane
    var keep: KeepClass
    var boot: String
    /// Earliest and latest stamp in it.
    var first: BootInstant
    var last: BootInstant
    /// Readings, events or results.
    var count: Int
    /// Hash of the dictionary that the content refers to; 0 for events and results.
    var dictionary: Int64
    var format: Int64
    var spans: [UInt8]
    var content: [UInt8]

    /// Over the header and the content, so that a row whose header is damaged is not taken for another.
    var checksum: UInt32 {
        var sum = Checksum()
        sum.add(sequence)
        sum.add(UInt64(lane.rawValue) << 8 | UInt64(keep.rawValue))
        sum.add(boot.utf8)
        sum.add(UInt64(bitPattern: first.nanoseconds))
        sum.add(UInt64(bitPattern: last.nanoseconds))
        sum.add(UInt64(count))
        sum.add(UInt64(bitPattern: dictionary))
        sum.add(UInt64(bitPattern: format))
        sum.add(content)
        return sum.value
    }

    /// Reads the columns of ``OutboxStore/columns``.
    ///
    /// - Throws: what is wrong with the row; its sequence is still good.
    init(_ row: borrowing SQLiteStatement, boot: (Int64) -> String?) throws(DecodingFailure) {
        guard let lane = UInt8(exactly: row.integer(1)).flatMap(Lane.init(rawValue:)),
            let keep = UInt8(exactly: row.integer(2)).flatMap(KeepClass.init(rawValue:)),
            let boot = boot(row.integer(3)),
            let count = Int(exactly: row.integer(6)), count >= 0
        else { throw DecodingFailure(offset: 0, problem: "the batch's header is damaged") }
        self.init(
            sequence: row.unsigned(0), lane: lane, keep: keep, boot: boot,
            first: BootInstant(nanoseconds: row.integer(4)),
            last: BootInstant(nanoseconds: row.integer(5)), count: count, dictionary: row.integer(7),
            format: row.integer(8),
            spans: row.blob(10), content: row.blob(11))
        guard row.integer(9) == Int64(checksum) else {
            throw DecodingFailure(offset: 0, problem: "the batch's checksum does not match")
        }
    }

    init(
        sequence: UInt64, lane: Lane, keep: KeepClass, boot: String, first: BootInstant, last: BootInstant, count: Int,
        dictionary: Int64, format: Int64, spans: [UInt8], content: [UInt8]
    ) {
        self.sequence = sequence
        self.lane = lane
        self.keep = keep
        self.boot = boot
        self.first = first
        self.last = last
        self.count = count
        self.dictionary = dictionary
        self.format = format
        self.spans = spans
        self.content = content
    }
}
