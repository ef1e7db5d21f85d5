internal import Telemetry

extension OutboxStore {
    /// Everything of a status that the tables know.
    func status(bufferedItems: Int, disk: OutboxStatus.Disk, timing: CommitTiming) throws(StorageError) -> OutboxStatus
    {
        var unsent = ledger.uplinks.mapValues { _ in OutboxStatus.Stored() }
        var oldest: [String: UInt64] = [:]
        var stored: [Lane: OutboxStatus.Stored] = [:]
        // One pass over the index, which holds all that is counted.
        var rows = try database.prepare("SELECT lane, sequence, count FROM batches INDEXED BY batches_by_class")
        while try rows.step() {
            let sequence = rows.unsigned(1)
            let count = Int(max(0, rows.integer(2)))
            guard let lane = UInt8(exactly: rows.integer(0)).flatMap(Lane.init(rawValue:)) else { continue }
            stored[lane, default: .init()].batches += 1
            stored[lane, default: .init()].items += count
            for (name, cursor) in ledger.uplinks where !cursor.ranges.contains(sequence) {
                unsent[name]?.batches += 1
                unsent[name]?.items += count
                oldest[name] = min(oldest[name] ?? .max, sequence)
            }
        }
        var uplinks: [OutboxStatus.Uplink] = []
        for (name, count) in unsent.sorted(by: { $0.key < $1.key }) {
            uplinks.append(
                OutboxStatus.Uplink(
                    name: name, unsent: count, oldestUnsent: try oldest[name].flatMap(stamp),
                    oldestUnsentSequence: oldest[name]))
        }
        return OutboxStatus(
            stream: ledger.stream, lastSequence: ledger.lastSequence, stored: stored,
            bytesOnDisk: ["", "-wal", "-reserve"].reduce(0) { $0 + DatabaseFile.size(path + $1) },
            bytesUsed: try pagesInUse() * OutboxSpace.pageSize, bytesLimit: space.limit,
            oldestUnsent: try oldest.values.min().flatMap(stamp), uplinks: uplinks, lastN: ledger.counters,
            droppedReadings: ledger.droppedReadings, damagedBatches: ledger.damagedBatches, buffered: bufferedItems,
            disk: disk,
            lastCommit: timing.last, slowestCommit: timing.slowest, commits: timing.count)
    }

    private func stamp(_ sequence: UInt64) throws(StorageError) -> OutboxStatus.Stamp? {
        var row = try database.prepare("SELECT boot, first_ns FROM batches WHERE sequence = ?")
        row.bind(1, sequence)
        guard try row.step(), let boot = bootText(row.integer(0)) else { return nil }
        return OutboxStatus.Stamp(boot: boot, time: BootInstant(nanoseconds: row.integer(1)))
    }

    func counterStates() throws(StorageError) -> [String: [UInt8]] {
        var states: [String: [UInt8]] = [:]
        var rows = try database.prepare("SELECT key, value FROM counter_states")
        while try rows.step() { states[rows.text(0)] = rows.blob(1) }
        return states
    }

    /// Takes the count of a renamed device along. The old name's count goes.
    func rename(_ old: String, to new: String) throws(StorageError) {
        guard let n = ledger.counters[old] else { return }
        guard ledger.counters[new] == nil else {
            throw StorageError(
                .refused, path: path, detail: "\(old) cannot become \(new): that device has readings of its own")
        }
        try change { (next) throws(StorageError) in
            next.counters[old] = nil
            next.changedCounters.remove(old)
            next.counters[new] = n
            next.changedCounters.insert(new)
            var row = try database.prepare("DELETE FROM counters WHERE device = ?")
            row.bind(1, old)
            try row.run()
        }
    }
}

/// How long commits take, fsync included.
struct CommitTiming: Sendable, Hashable {
    var last = Duration.zero
    var slowest = Duration.zero
    var count: UInt64 = 0

    mutating func add(_ duration: Duration) {
        last = duration
        slowest = max(slowest, duration)
        count += 1
    }
}
