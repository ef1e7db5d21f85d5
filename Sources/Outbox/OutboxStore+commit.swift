internal import Telemetry

extension OutboxStore {
    /// A batch carries at most this many readings…
    static let mostReadingsInBatch = 1_000
    /// …or this many bytes as a message, whichever comes first (the limit of the upstream format).
    static let mostBytesInBatch = 128 * 1_024

    /// Writes a buffer, and every change of the ledger, in one transaction; returns after fsync.
    ///
    /// The readings have their numbers then; the buffer is emptied, and what an uplink is about to ask for is kept at hand.
    ///
    /// - Returns: the last sequence given.
    /// - Throws: ``StorageError``; nothing has changed then.
    func commit(_ buffer: inout OutboxBuffer, now: BootInstant) throws(StorageError) -> UInt64 {
        do {
            try write(&buffer)
        } catch {
            guard error.code == .full else { throw error }
            try relieve(error)
            try write(&buffer)
        }
        _ = restoreReserve()
        fresh.replace(with: buffer.takeStored(), uplinks: ledger.uplinks.count)
        return ledger.lastSequence
    }

    private func write(_ buffer: inout OutboxBuffer) throws(StorageError) {
        try change { (next) throws(StorageError) in
            if !buffer.isEmpty { try makeRoom(&next) }
            for place in buffer.storingOrder {
                switch buffer.segments[place] {
                case .readings:
                    try buffer.change(place) { (batch) throws(StorageError) in try insert(&batch, &next) }
                case .events(let events): try insert(events: events, keep: .event, &next)
                case .results(let results): try insert(results: results, &next)
                }
            }
            var states = try database.prepare("INSERT OR REPLACE INTO counter_states(key, value) VALUES(?, ?)")
            for (key, value) in buffer.counterStates {
                states.bind(1, key)
                states.bind(2, value)
                try states.run()
            }
        }
    }

    /// One transaction on a copy of the ledger, which becomes the truth when the transaction is on the medium.
    func change(_ body: (inout OutboxLedger) throws(StorageError) -> Void) throws(StorageError) {
        var next = ledger
        try database.transaction { () throws(StorageError) in
            try persistCursors(&next)
            try body(&next)
            // Again: retention settles sequences for uplinks that did not have them.
            try persistCursors(&next)
            try persist(&next)
        }
        ledger = next
    }

    private func persist(_ next: inout OutboxLedger) throws(StorageError) {
        var meta: [(key: String, value: String)] = []
        if next.lastSequence != ledger.lastSequence {
            meta.append(("sequence", String(next.lastSequence)))
            meta.append(("boot", boot))
        }
        if next.droppedReadings != ledger.droppedReadings || next.gapsChanged {
            meta.append(("dropped", String(next.droppedReadings)))
        }
        if next.damagedBatches != ledger.damagedBatches { meta.append(("damaged", String(next.damagedBatches))) }
        if !meta.isEmpty { try writeMeta(meta) }
        if !next.changedCounters.isEmpty {
            var statement = try database.prepare("INSERT OR REPLACE INTO counters(device, n) VALUES(?, ?)")
            for device in next.changedCounters.sorted() {
                statement.bind(1, device)
                statement.bind(2, next.counters[device, default: 0])
                try statement.run()
            }
            next.changedCounters = []
        }
        if next.gapsChanged {
            try database.execute("DELETE FROM gaps")
            var statement = try database.prepare(
                "INSERT INTO gaps(device, from_n, to_n, missing, reason, uplinks) VALUES(?, ?, ?, ?, ?, ?)")
            for gap in next.gaps.gaps {
                statement.bind(1, gap.device)
                statement.bind(2, gap.first)
                statement.bind(3, gap.last)
                statement.bind(4, gap.missing)
                statement.bind(5, gap.reason)
                statement.bind(6, gap.uplinks)
                try statement.run()
            }
            next.gapsChanged = false
        }
    }

    /// `n` is given in the order in which the batches leave.
    private func insert(_ batch: inout OutboxBuffer.Readings, _ next: inout OutboxLedger) throws(StorageError) {
        guard !batch.items.isEmpty else { return }
        if next.dictionary.series.count >= SeriesDictionary.mostSeries {
            next.dictionary = SeriesDictionary()
            next.dictionaryHash = nil
            next.storedSeries = 0
        }
        let numbered = number(&batch.items, &next)
        let sequence = next.lastSequence + 1
        if next.dictionary.series.count != next.storedSeries || next.dictionaryHash == nil {
            try storeDictionary(from: sequence, &next)
        }
        try insertRow(
            StoredBatch(
                sequence: sequence, lane: .live, keep: batch.keep, boot: boot, first: numbered.first,
                last: numbered.last, count: batch.items.count, dictionary: next.dictionaryHash ?? 0,
                format: ReadingCodec.format, spans: Span.encode(numbered.spans),
                content: ReadingCodec.encode(
                    batch.items, indices: numbered.indices, dictionary: next.dictionary, prediction: &prediction)),
            &next)
        batch.sequence = sequence
    }

    /// What a batch's header says of its readings, and each one's series.
    private struct Numbered {
        var indices: [Int] = []
        var spans: [Span] = []
        var first: BootInstant
        var last: BootInstant
    }

    /// Gives each reading its `n`.
    private func number(_ readings: inout [Reading], _ next: inout OutboxLedger) -> Numbered {
        var numbered = Numbered(first: readings[0].acquired, last: readings[0].acquired)
        numbered.indices.reserveCapacity(readings.count)
        var spanOfDevice: [Int32: Int] = [:]
        // Readings of one device mostly follow each other.
        var (device, span): (Int32, Int) = (-1, 0)
        readings.withUnsafeMutableBufferPointer { readings in
            for row in readings.indices {
                let index = next.dictionary.index(of: readings[row])
                numbered.indices.append(index)
                let owner = next.dictionary.deviceOf[index]
                if owner != device {
                    device = owner
                    if let known = spanOfDevice[owner] {
                        span = known
                    } else {
                        span = numbered.spans.count
                        spanOfDevice[owner] = span
                        let name = next.dictionary.devices[Int(owner)]
                        numbered.spans.append(
                            Span(device: Int(owner), first: next.counters[name, default: 0] + 1, count: 0))
                    }
                }
                readings[row].settle(n: numbered.spans[span].first + numbered.spans[span].count)
                numbered.spans[span].count += 1
                let acquired = readings[row].acquired
                if acquired < numbered.first { numbered.first = acquired }
                if acquired > numbered.last { numbered.last = acquired }
            }
        }
        for span in numbered.spans { next.advance(next.dictionary.devices[span.device], by: span.count) }
        return numbered
    }

    /// Stores what the dictionary has gained: a new one as a whole, one that grew by a part.
    private func storeDictionary(from sequence: UInt64, _ next: inout OutboxLedger) throws(StorageError) {
        let content = next.dictionary.encoded(from: next.storedSeries)
        if let hash = next.dictionaryHash {
            var statement = try database.prepare(
                "INSERT OR REPLACE INTO dictionary_parts(dictionary, start, checksum, content) VALUES(?, ?, ?, ?)")
            statement.bind(1, hash)
            statement.bind(2, next.storedSeries)
            statement.bind(3, Int64(Checksum.of(content)))
            statement.bind(4, content)
            try statement.run()
            remember(next.dictionary, hash: hash)
        } else {
            let hash = OutboxStore.dictionaryName(content, first: sequence)
            var statement = try database.prepare(
                "INSERT OR REPLACE INTO dictionaries(hash, first, content) VALUES(?, ?, ?)")
            statement.bind(1, hash)
            statement.bind(2, sequence)
            statement.bind(3, content)
            try statement.run()
            // A dictionary serves from its first sequence to the next one's: when no older batch is left, it is not needed any more.
            try database.execute(
                """
                DELETE FROM dictionaries WHERE EXISTS (
                    SELECT 1 FROM dictionaries AS later WHERE later.first > dictionaries.first AND later.first <=
                        (SELECT min(sequence) FROM batches));
                DELETE FROM dictionary_parts WHERE dictionary NOT IN (SELECT hash FROM dictionaries)
                """)
            next.dictionaryHash = hash
            remember(next.dictionary, hash: hash)
        }
        next.storedSeries = next.dictionary.series.count
    }

    /// Two dictionaries may begin alike and grow apart: the first sequence is part of the name.
    static func dictionaryName(_ content: [UInt8], first: UInt64) -> Int64 {
        var writer = ByteWriter(reserving: content.count + 10)
        writer.raw(content)
        writer.varint(first)
        return Checksum.contentHash(writer.bytes)
    }

    func insert(events: [Event], keep: KeepClass, _ next: inout OutboxLedger) throws(StorageError) {
        try insertUrgent(events, keep: keep, time: \.occurred, encode: ContentCodec.encode(events:), &next)
    }

    private func insert(results: [CommandResult], _ next: inout OutboxLedger) throws(StorageError) {
        try insertUrgent(results, keep: .event, time: \.finished, encode: ContentCodec.encode(results:), &next)
    }

    private func insertUrgent<Item>(
        _ items: [Item], keep: KeepClass, time: KeyPath<Item, BootInstant>, encode: ([Item]) -> [UInt8],
        _ next: inout OutboxLedger
    ) throws(StorageError) {
        var waiting = [items]
        while let part = waiting.popLast() {
            guard !part.isEmpty else { continue }
            let content = encode(part)
            // The stored form is about half of the message's size.
            if part.count > 1,
                part.count > OutboxStore.mostReadingsInBatch || content.count > OutboxStore.mostBytesInBatch / 2
            {
                let middle = part.count / 2
                waiting.append(Array(part[middle...]))
                waiting.append(Array(part[..<middle]))
                continue
            }
            let times = part.map { $0[keyPath: time] }
            try insertRow(
                StoredBatch(
                    sequence: next.lastSequence + 1, lane: .urgent, keep: keep, boot: boot,
                    first: times.min() ?? times[0],
                    last: times.max() ?? times[0], count: part.count, dictionary: 0, format: ContentCodec.format,
                    spans: [], content: content), &next)
        }
    }

    private func insertRow(_ batch: StoredBatch, _ next: inout OutboxLedger) throws(StorageError) {
        var statement = try database.prepare(
            """
            INSERT INTO batches(sequence, lane, keep, boot, first_ns, last_ns, count, dictionary, format, checksum, spans, content)
            VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        statement.bind(1, batch.sequence)
        statement.bind(2, Int(batch.lane.rawValue))
        statement.bind(3, Int(batch.keep.rawValue))
        statement.bind(4, try bootNumber(batch.boot, &next))
        statement.bind(5, batch.first.nanoseconds)
        statement.bind(6, batch.last.nanoseconds)
        statement.bind(7, batch.count)
        statement.bind(8, batch.dictionary)
        statement.bind(9, batch.format)
        statement.bind(10, Int64(batch.checksum))
        statement.bind(11, batch.spans)
        statement.bind(12, batch.content)
        try statement.run()
        next.lastSequence = batch.sequence
    }

    private func bootNumber(_ boot: String, _ next: inout OutboxLedger) throws(StorageError) -> Int64 {
        if let known = next.boots[boot] { return known }
        let number = (next.boots.values.max() ?? 0) + 1
        var statement = try database.prepare("INSERT INTO boots(id, boot) VALUES(?, ?)")
        statement.bind(1, number)
        statement.bind(2, boot)
        try statement.run()
        next.boots[boot] = number
        return number
    }
}
