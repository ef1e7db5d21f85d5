internal import CLinux
internal import Telemetry

extension OutboxStore {
    /// Batches removed between two looks at how many pages are in use.
    private static let batchesPerStep = 8

    /// Which batches go first: telemetry, then events, then billing; what declares gaps goes with billing.
    private static let classes: [(lane: Lane, keep: KeepClass)] = [
        (.live, .telemetry), (.urgent, .event), (.live, .event), (.live, .billing), (.urgent, .billing),
    ]

    var reservePath: String { path + "-reserve" }

    func pagesInUse() throws(StorageError) -> Int64 {
        try database.integer("PRAGMA page_count") - database.integer("PRAGMA freelist_count")
    }

    /// Removes the oldest batches of the lowest class until the limit is kept. Inside a transaction.
    func makeRoom(_ next: inout OutboxLedger) throws(StorageError) {
        guard try pagesInUse() > space.highWater else { return }
        try dropOldest(untilPages: space.lowWater, &next)
    }

    /// - Returns: whether anything was removed.
    @discardableResult
    private func dropOldest(untilPages wanted: Int64, _ next: inout OutboxLedger) throws(StorageError) -> Bool {
        var removedAny = false
        for oneClass in OutboxStore.classes {
            while try pagesInUse() > wanted {
                let victims = try oldest(oneClass.lane, oneClass.keep)
                guard !victims.isEmpty else { break }
                for sequence in victims { try remove(sequence, reason: .retention, &next) }
                removedAny = true
            }
        }
        return removedAny
    }

    private func oldest(_ lane: Lane, _ keep: KeepClass) throws(StorageError) -> [UInt64] {
        var rows = try database.prepare(
            "SELECT sequence FROM batches WHERE lane = ? AND keep = ? ORDER BY sequence LIMIT \(OutboxStore.batchesPerStep)"
        )
        rows.bind(1, Int(lane.rawValue))
        rows.bind(2, Int(keep.rawValue))
        var sequences: [UInt64] = []
        while try rows.step() { sequences.append(rows.unsigned(0)) }
        return sequences
    }

    /// Removes one batch that some uplink may not have had, and declares what is missing.
    func remove(_ sequence: UInt64, reason: Gap.Reason, _ next: inout OutboxLedger) throws(StorageError) {
        var row = try database.prepare("SELECT lane, count, dictionary, spans FROM batches WHERE sequence = ?")
        row.bind(1, sequence)
        guard try row.step() else { return }
        let lacking = next.uplinksWithout(sequence)
        if !lacking.isEmpty || next.uplinks.isEmpty {
            let names = lacking.joined(separator: ",")
            let isUrgent = row.integer(0) == Int64(Lane.urgent.rawValue)
            let spans = Span.decode(row.blob(3)) ?? []
            let devices = isUrgent ? [] : try dictionary(row.integer(2))?.devices ?? []
            if isUrgent || spans.isEmpty || devices.isEmpty {
                next.add(
                    Gap(
                        device: "", first: sequence, last: sequence, missing: UInt64(max(0, row.integer(1))),
                        reason: reason.rawValue, uplinks: names))
            } else {
                for span in spans where span.device < devices.count && span.count > 0 {
                    next.add(
                        Gap(
                            device: devices[span.device], first: span.first, last: span.first &+ span.count &- 1,
                            missing: span.count, reason: reason.rawValue, uplinks: names))
                }
            }
            if !isUrgent { next.droppedReadings += UInt64(max(0, row.integer(1))) }
        }
        row.reset()
        try delete([sequence])
        next.settle(sequence)
        next.removable.remove(sequence)
    }

    func delete(_ sequences: some Sequence<UInt64>) throws(StorageError) {
        var batch = try database.prepare("DELETE FROM batches WHERE sequence = ?")
        var cuts = try database.prepare("DELETE FROM cuts WHERE sequence = ?")
        for sequence in sequences {
            batch.bind(1, sequence)
            try batch.run()
            cuts.bind(1, sequence)
            try cuts.run()
        }
    }

    /// Called when there is no space: writes acknowledgements with the help of the reserve, drops batches when it is our own
    /// limit that is reached, and gives the log's space back.
    ///
    /// - Throws: `error`, when the disk stays full; the reserve is then kept for acknowledgements.
    func relieve(_ error: StorageError) throws(StorageError) {
        unlink(reservePath)
        let atOwnLimit = try pagesInUse() >= space.lowWater || freeBytes() > space.log
        try change { (next) throws(StorageError) in
            if atOwnLimit {
                let inUse = try pagesInUse()
                try dropOldest(untilPages: min(space.lowWater, inUse - max(4, inUse / 20)), &next)
            }
        }
        try database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        guard restoreReserve() else { throw error }
    }

    private func freeBytes() -> Int64 {
        var information = statvfs()
        guard statvfs(path, &information) == 0 else { return 0 }
        return Int64(information.f_bavail) * Int64(information.f_frsize)
    }

    /// Creates the file whose space is given up when acknowledgements could not be written otherwise.
    func restoreReserve() -> Bool { DatabaseFile.allocate(reservePath, bytes: space.reserve) }

    /// Gives pages back to the file system when the limit was lowered.
    func shrink() throws(StorageError) {
        let pages = try database.integer("PRAGMA page_count")
        guard pages > space.pages else { return }
        try change { (next) throws(StorageError) in try makeRoom(&next) }
        try database.execute("PRAGMA incremental_vacuum(\(pages - space.pages))")
    }

    /// Turns the gaps into events, in the urgent lane; they are dropped last.
    ///
    /// - Returns: whether there were any.
    func declareGaps(now: BootInstant) throws(StorageError) -> Bool {
        guard !ledger.gaps.isEmpty else { return false }
        try change { (next) throws(StorageError) in
            let events = next.gaps.gaps.map { $0.event(occurred: now) }
            next.gaps.removeAll()
            next.gapsChanged = true
            try insert(events: events, keep: .billing, &next)
        }
        return true
    }
}
