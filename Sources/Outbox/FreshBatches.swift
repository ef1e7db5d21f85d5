internal import Telemetry

/// Batches of readings as they were committed last, for the uplinks that ask for them a moment later: what is still in memory need
/// not be read back and decoded. Everything in it is on the medium; what is not in it any more is read from there.
///
/// Holds one commit, and only while an uplink keeps up: behind a broker that is away nothing is kept.
struct FreshBatches {
    private struct Item {
        let sequence: UInt64
        let readings: [Reading]
        /// Uplinks that have not asked for it yet.
        var wanted: Int
    }

    private var items: [Item] = []
    /// An uplink has come to the end of what there is since the last commit.
    private var isFollowed = false

    /// After a commit; the one before is forgotten.
    mutating func replace(with batches: [OutboxBuffer.Readings], uplinks: Int) {
        // A commit of counters and acknowledgements alone is no reason to forget.
        guard !batches.isEmpty else { return }
        items =
            isFollowed && uplinks > 0
            ? batches.compactMap { batch in
                batch.sequence.map { Item(sequence: $0, readings: batch.items, wanted: uplinks) }
            } : []
        isFollowed = false
    }

    /// An uplink has asked for more than there is.
    mutating func noteEnd() { isFollowed = true }

    /// The readings of a batch; forgotten when as many uplinks as there are have asked for it.
    mutating func take(_ sequence: UInt64) -> [Reading]? {
        guard let place = items.firstIndex(where: { $0.sequence == sequence }) else { return nil }
        items[place].wanted -= 1
        return items[place].wanted > 0 ? items[place].readings : items.remove(at: place).readings
    }
}
