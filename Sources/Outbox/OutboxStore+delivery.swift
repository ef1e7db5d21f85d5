internal import Telemetry

extension OutboxStore {
    static let columns =
        "sequence, lane, keep, boot, first_ns, last_ns, count, dictionary, format, checksum, spans, content"

    /// What one call of ``next(for:after:policy:limit:)`` found.
    struct Delivery {
        var batches: [Batch] = []
        var damaged: [Damage] = []
    }

    /// A batch that cannot be read.
    struct Damage: Sendable, Hashable {
        let sequence: UInt64
        let problem: String
    }

    /// Rows looked at in one statement; between two of them the ranges already acknowledged are jumped over.
    private static let rowsPerLook = 64

    /// Unacknowledged batches of one uplink in the order of `policy`.
    func next(
        for uplink: String, after position: DeliveryPosition, policy: LanePolicy, limit: Int
    ) throws(StorageError) -> Delivery {
        guard let ranges = ledger.uplinks[uplink]?.ranges else {
            throw StorageError(.refused, path: path, detail: "the uplink \(uplink) is not registered")
        }
        var delivery = Delivery()
        // Urgent rows are few and their sequences far apart: they are found by the index.
        try collect(
            "lane = 0 AND keep IN (1, 2)", after: position.urgent, through: .max, as: .urgent, without: ranges, limit,
            &delivery)
        switch policy {
        case .inOrder:
            try collect(
                "lane = 1 AND keep IN (0, 1, 2)", after: position.live, through: .max, as: .live, without: ranges,
                limit,
                &delivery)
        case .liveFirst(let boundary):
            try collect(
                "lane = 1 AND keep IN (0, 1, 2)", after: max(position.live, boundary), through: .max, as: .live,
                without: ranges, limit, &delivery)
            try collect(
                "lane = 1 AND keep IN (0, 1, 2)", after: position.backlog, through: boundary, as: .backlog,
                without: ranges,
                limit, &delivery)
        }
        if delivery.batches.count < limit { fresh.noteEnd() }
        return delivery
    }

    private func collect(
        _ condition: String, after: UInt64, through last: UInt64, as lane: Lane, without ranges: SequenceRanges,
        _ limit: Int,
        _ delivery: inout Delivery
    ) throws(StorageError) {
        guard delivery.batches.count < limit, after < UInt64(Int64.max) else { return }
        // The sequences come from the index alone; rows with their content are only fetched when they are wanted.
        var sequences = try database.prepare(
            """
            SELECT sequence FROM batches INDEXED BY batches_by_class
            WHERE \(condition) AND sequence BETWEEN ? AND ? ORDER BY sequence LIMIT \(OutboxStore.rowsPerLook)
            """)
        var start = ranges.firstMissing(from: after + 1)
        let end = min(last, UInt64(Int64.max))
        while start <= end, delivery.batches.count < limit {
            sequences.reset()
            sequences.bind(1, start)
            sequences.bind(2, end)
            var found = 0
            while delivery.batches.count < limit, try sequences.step() {
                found += 1
                let sequence = sequences.unsigned(0)
                start = ranges.firstMissing(from: sequence)
                guard start == sequence else { break }
                start = sequence + 1
                try fetch(sequence, as: lane, &delivery)
            }
            guard found > 0 else { return }
        }
    }

    private func fetch(_ sequence: UInt64, as lane: Lane, _ delivery: inout Delivery) throws(StorageError) {
        if let readings = fresh.take(sequence) {
            delivery.batches.append(
                Batch(stream: ledger.stream, sequence: sequence, lane: lane, boot: boot, content: .readings(readings)))
            return
        }
        var row = try database.prepare("SELECT \(OutboxStore.columns) FROM batches WHERE sequence = ?")
        row.bind(1, sequence)
        guard try row.step() else { return }
        do {
            let stored = try StoredBatch(row, boot: bootText)
            delivery.batches.append(try decode(stored, lane: lane))
        } catch let problem as DecodingFailure {
            delivery.damaged.append(Damage(sequence: sequence, problem: problem.description))
        } catch let failure as StorageError {
            throw failure
        } catch {
            delivery.damaged.append(Damage(sequence: sequence, problem: "\(error)"))
        }
    }

    private func decode(_ stored: StoredBatch, lane: Lane) throws -> Batch {
        let content: Batch.Content
        if stored.lane == .urgent {
            guard stored.format == ContentCodec.format else {
                throw DecodingFailure(offset: 0, problem: "a batch of format \(stored.format)")
            }
            content = try ContentCodec.decode(stored.content)
        } else {
            guard let dictionary = try dictionary(stored.dictionary) else {
                throw DecodingFailure(offset: 0, problem: "the batch's dictionary is missing or damaged")
            }
            content = .readings(
                try ReadingCodec.decode(
                    stored.content, format: stored.format, dictionary: dictionary, prediction: &prediction))
        }
        return Batch(stream: ledger.stream, sequence: stored.sequence, lane: lane, boot: stored.boot, content: content)
    }

    // MARK: Acknowledgement

    func register(_ uplink: String, from start: UplinkStart) throws(StorageError) {
        guard ledger.uplinks[uplink] == nil else { return }
        guard !uplink.isEmpty, !uplink.utf8.contains(UInt8(ascii: ",")) else {
            throw StorageError(.refused, path: path, detail: "\"\(uplink)\" cannot name an uplink")
        }
        try change { (next) throws(StorageError) in
            var row = try database.prepare("INSERT INTO uplinks(name) VALUES(?)")
            row.bind(1, uplink)
            try row.run()
            var cursor = Cursor()
            let oldest = UInt64(try database.integer("SELECT coalesce(min(sequence), 0) FROM batches"))
            let last: UInt64 =
                switch start {
                case .now: next.lastSequence
                case .oldest: oldest == 0 ? next.lastSequence : oldest - 1
                }
            if last > 0 { cursor.insert(1...last) }
            next.uplinks[uplink] = cursor
        }
    }

    /// Drops the cursors of all others, and what only they had not acknowledged.
    func keepOnly(_ names: Set<String>) throws(StorageError) {
        let gone = ledger.uplinks.keys.filter { !names.contains($0) }
        guard !gone.isEmpty else { return }
        try change { (next) throws(StorageError) in
            for table in ["uplinks WHERE name", "cursors WHERE uplink", "cuts WHERE uplink"] {
                var row = try database.prepare("DELETE FROM \(table) = ?")
                for name in gone {
                    row.bind(1, name)
                    try row.run()
                }
            }
            for name in gone { next.uplinks[name] = nil }
            // Without any uplink nothing was sent anywhere: the data stay for the next one.
            guard !next.uplinks.isEmpty else { return }
            var rows = try database.prepare("SELECT sequence FROM batches INDEXED BY batches_by_class")
            while try rows.step() {
                let sequence = rows.unsigned(0)
                if next.uplinks.values.allSatisfy({ $0.ranges.contains(sequence) }) { next.removable.insert(sequence) }
            }
        }
    }

    /// In memory; written with the next commit.
    func acknowledge(_ uplink: String, _ sequences: [UInt64]) throws(StorageError) {
        guard ledger.uplinks[uplink] != nil else {
            throw StorageError(.refused, path: path, detail: "the uplink \(uplink) is not registered")
        }
        for sequence in sequences where sequence > 0 && sequence <= ledger.lastSequence {
            ledger.uplinks[uplink]?.insert(sequence...sequence)
            if ledger.uplinks.values.allSatisfy({ $0.ranges.contains(sequence) }) { ledger.removable.insert(sequence) }
        }
    }

    var hasUnwrittenAcknowledgements: Bool {
        !ledger.removable.isEmpty || ledger.uplinks.values.contains { !$0.isPersistent }
    }

    /// Writes the cursors and removes what all uplinks have. Inside a transaction.
    func persistCursors(_ next: inout OutboxLedger) throws(StorageError) {
        for (name, cursor) in next.uplinks where !cursor.isPersistent {
            var stale = try database.prepare("DELETE FROM cursors WHERE uplink = ? AND first = ?")
            for first in cursor.staleRows {
                stale.bind(1, name)
                stale.bind(2, first)
                try stale.run()
            }
            var new = try database.prepare("INSERT OR REPLACE INTO cursors(uplink, first, last) VALUES(?, ?, ?)")
            for (first, last) in cursor.newRows {
                new.bind(1, name)
                new.bind(2, first)
                new.bind(3, last)
                try new.run()
            }
            next.uplinks[name]?.markPersistent()
        }
        if !next.removable.isEmpty {
            try delete(next.removable.sorted())
            next.removable = []
        }
    }

    // MARK: Cuts

    func recordCut(_ uplink: String, _ sequence: UInt64, parts: [Int]) throws(StorageError) {
        guard !parts.isEmpty, parts.allSatisfy({ $0 > 0 }) else {
            throw StorageError(.refused, path: path, detail: "a batch cannot be cut into \(parts)")
        }
        try change { (_) throws(StorageError) in
            var writer = ByteWriter()
            writer.varint(UInt64(parts.count))
            for part in parts { writer.varint(UInt64(part)) }
            // The first cut stands: parts of it may be on their way already.
            var row = try database.prepare("INSERT OR IGNORE INTO cuts(uplink, sequence, parts) VALUES(?, ?, ?)")
            row.bind(1, uplink)
            row.bind(2, sequence)
            row.bind(3, writer.bytes)
            try row.run()
        }
    }

    func cut(_ uplink: String, _ sequence: UInt64) throws(StorageError) -> [Int]? {
        var row = try database.prepare("SELECT parts FROM cuts WHERE uplink = ? AND sequence = ?")
        row.bind(1, uplink)
        row.bind(2, sequence)
        guard try row.step() else { return nil }
        var reader = ByteReader(row.blob(0))
        do {
            var parts: [Int] = []
            for _ in 0..<(try reader.count(limit: reader.remaining)) {
                parts.append(try reader.count(limit: ReadingCodec.mostReadings))
            }
            return parts
        } catch {
            throw damaged("the cuts of batch \(sequence) for \(uplink) are damaged")
        }
    }
}
