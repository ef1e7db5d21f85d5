/// A set of sequences as ranges: what an uplink has acknowledged.
struct SequenceRanges: Sendable, Hashable {
    /// Ascending, not touching.
    private(set) var ranges: [ClosedRange<UInt64>] = []

    /// What an insertion did to the ranges, for the table that mirrors them.
    struct Change: Sendable, Hashable {
        /// First sequences of the ranges that went up in another.
        var removed: [UInt64]
        var added: ClosedRange<UInt64>?
    }

    init() {}

    func contains(_ sequence: UInt64) -> Bool {
        let index = firstIndex(endingAtOrAfter: sequence)
        return index < ranges.count && ranges[index].contains(sequence)
    }

    /// The first sequence from `start` on that is not in the set.
    func firstMissing(from start: UInt64) -> UInt64 {
        let index = firstIndex(endingAtOrAfter: start)
        guard index < ranges.count, ranges[index].contains(start) else { return start }
        return ranges[index].upperBound + 1
    }

    @discardableResult
    mutating func insert(_ new: ClosedRange<UInt64>) -> Change {
        var lower = new.lowerBound
        var upper = new.upperBound
        // A range that ends just before also melts in.
        let start = firstIndex(endingAtOrAfter: lower == 0 ? 0 : lower - 1)
        var end = start
        while end < ranges.count, upper == .max || ranges[end].lowerBound <= upper + 1 {
            lower = min(lower, ranges[end].lowerBound)
            upper = max(upper, ranges[end].upperBound)
            end += 1
        }
        if end == start + 1, ranges[start] == lower...upper { return Change(removed: [], added: nil) }
        let removed = ranges[start..<end].map(\.lowerBound)
        ranges.replaceSubrange(start..<end, with: CollectionOfOne(lower...upper))
        return Change(removed: removed, added: lower...upper)
    }

    private func firstIndex(endingAtOrAfter sequence: UInt64) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
