internal import Telemetry

extension OutboxStore {
    /// Damaged batches kept for a person to look at; a dying card must not fill the limit with them.
    static let mostQuarantined = 100

    /// Takes damaged batches out of the way and declares them: one event each, and the gaps where their spans are readable.
    func quarantine(_ damages: [Damage], now: BootInstant) throws(StorageError) {
        try change { (next) throws(StorageError) in
            for damage in damages {
                var row = try database.prepare(
                    """
                    INSERT OR REPLACE INTO quarantine(sequence, lane, keep, boot, first_ns, last_ns, count, dictionary, format,
                        checksum, spans, content, problem)
                    SELECT sequence, lane, keep, boot, first_ns, last_ns, count, dictionary, format, checksum, spans, content, ?
                    FROM batches WHERE sequence = ?
                    """)
                row.bind(1, damage.problem)
                row.bind(2, damage.sequence)
                try row.run()
                try remove(damage.sequence, reason: .damaged, &next)
                next.damagedBatches += 1
            }
            try database.execute(
                """
                DELETE FROM quarantine WHERE sequence NOT IN
                    (SELECT sequence FROM quarantine ORDER BY sequence DESC LIMIT \(OutboxStore.mostQuarantined))
                """)
            let events = damages.map { damage in
                Event(
                    kind: "batch_damaged", severity: .warning,
                    detail: .object([
                        .init("sequence", .integer(damage.sequence)), .init("problem", .string(damage.problem)),
                        .init("file", .string(path)),
                        .init(
                            "advice",
                            "The stored batch was set aside in table quarantine. If it happens again, replace the storage card."
                        ),
                    ]), occurred: now)
            }
            try insert(events: events, keep: .billing, &next)
        }
    }

    /// Checks the newest batches: those that a torn write would hit.
    func checkNewest(now: BootInstant) throws(StorageError) {
        let damages = try verify(
            "SELECT \(OutboxStore.columns) FROM batches ORDER BY sequence DESC LIMIT \(OutboxStore.batchesCheckedAtOpening)"
        )
        if !damages.isEmpty { try quarantine(damages, now: now) }
    }

    private func verify(_ query: String) throws(StorageError) -> [Damage] {
        var damages: [Damage] = []
        var rows = try database.prepare(query)
        while try rows.step() {
            do {
                _ = try StoredBatch(rows, boot: bootText)
            } catch {
                damages.append(Damage(sequence: rows.unsigned(0), problem: error.description))
            }
        }
        return damages
    }
}
