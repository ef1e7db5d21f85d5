internal import Telemetry

/// An item's place in a queue ordered by time.
struct Moment<Item: Sendable>: Sendable {
    let moment: BootInstant
    let item: Item
    let generation: UInt64

    /// By time; equal times keep the order in which they were queued.
    func isBefore(_ other: Moment) -> Bool {
        moment == other.moment ? generation < other.generation : moment < other.moment
    }
}

/// A binary heap, the earliest moment first.
struct MomentHeap<Item: Sendable>: Sendable {
    private var items: [Moment<Item>] = []

    var first: Moment<Item>? { items.first }

    mutating func insert(_ new: Moment<Item>) {
        items.append(new)
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard items[child].isBefore(items[parent]) else { return }
            items.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeFirst() {
        guard let last = items.popLast() else { return }
        guard !items.isEmpty else { return }
        items[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < items.count {
                if items[child].isBefore(items[smallest]) { smallest = child }
            }
            guard smallest != parent else { return }
            items.swapAt(smallest, parent)
            parent = smallest
        }
    }
}
