public import Telemetry

/// An item's place in a queue ordered by time.
///
/// Inlinable, as its heap and the scheduler: a driver's own item type is then compiled in, which halves the cost of a turn.
public struct Moment<Item: Sendable>: Sendable {
    public let moment: BootInstant
    public let item: Item
    /// Tells an entry that still counts from one that was left behind.
    public let generation: UInt64
    /// Goes before everything that is not, whatever the times.
    @usableFromInline let isUrgent: Bool

    @inlinable public init(moment: BootInstant, item: Item, generation: UInt64) {
        self.init(moment: moment, item: item, generation: generation, isUrgent: false)
    }

    @inlinable init(moment: BootInstant, item: Item, generation: UInt64, isUrgent: Bool) {
        self.moment = moment
        self.item = item
        self.generation = generation
        self.isUrgent = isUrgent
    }

    /// By time; equal times keep the order in which they were queued.
    @inlinable func isBefore(_ other: Moment) -> Bool {
        if isUrgent != other.isUrgent { return isUrgent }
        return moment == other.moment ? generation < other.generation : moment < other.moment
    }
}

/// A binary heap, the earliest moment first.
public struct MomentHeap<Item: Sendable>: Sendable {
    @usableFromInline var items: [Moment<Item>] = []

    @inlinable public init() {}

    @inlinable public var first: Moment<Item>? { items.first }
    @inlinable public var count: Int { items.count }

    /// Entries before `moment` in no order, at the cost of those only.
    @inlinable func forEach(before moment: BootInstant, _ body: (Moment<Item>) -> Void) {
        var stack = [0]
        while let place = stack.popLast() {
            guard place < items.count, items[place].moment < moment else { continue }
            body(items[place])
            stack.append(2 * place + 1)
            stack.append(2 * place + 2)
        }
    }

    @inlinable public mutating func insert(_ new: Moment<Item>) {
        items.append(new)
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard items[child].isBefore(items[parent]) else { return }
            items.swapAt(child, parent)
            child = parent
        }
    }

    @inlinable public mutating func removeFirst() {
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
