public import Telemetry

/// Decides what a bus does next: of all that is due, what must be done first (earliest deadline first).
///
/// Pure: time is handed in. An item is due once per interval and its deadline is the end of that interval. An item that
/// comes too late by whole intervals has missed them: they are counted for its device and skipped, never made
/// up for, so an overloaded bus reads everything less often instead of falling behind for ever.
public struct DeadlineScheduler<Item: Hashable & Sendable>: Sendable {
    public enum Decision: Sendable, Hashable {
        case run(Item)
        /// Nothing is due before this moment; nil when there is nothing at all.
        case wait(until: BootInstant?)
    }

    private struct Entry: Sendable {
        let device: UInt32
        var interval: Duration
        var predicted: Duration
        var due: BootInstant
        var isHeld = false
        /// Tells this entry's place in a heap from places it has left.
        var generation: UInt64

        var deadline: BootInstant { due.advanced(by: interval) }
    }

    private var entries: [Item: Entry] = [:]
    private var waiting = MomentHeap<Item>()
    private var ready = MomentHeap<Item>()
    private var generation: UInt64 = 0
    private var missed: [UInt32: UInt64] = [:]

    public init() {}

    /// - Parameters:
    ///   - device: whose missed intervals these are.
    ///   - interval: between two readings, more than zero.
    ///   - predicted: bus time that it takes.
    ///   - due: of the first reading.
    public mutating func add(
        _ item: Item, device: UInt32, interval: Duration, predicted: Duration, due: BootInstant
    ) {
        precondition(interval > .zero, "an interval is more than zero")
        entries[item] = Entry(
            device: device, interval: interval, predicted: predicted, due: due, generation: nextGeneration())
        queue(item)
    }

    public mutating func remove(_ item: Item) { entries[item] = nil }

    public var items: some Collection<Item> { entries.keys }
    public func contains(_ item: Item) -> Bool { entries[item] != nil }

    /// Leaves the item out until ``release(_:due:)``; intervals that pass meanwhile are not counted as missed.
    public mutating func hold(_ item: Item) {
        let generation = nextGeneration()
        entries[item]?.isHeld = true
        entries[item]?.generation = generation
    }

    /// Takes a held item in again, or moves the next reading of one that is not held.
    public mutating func release(_ item: Item, due: BootInstant) {
        let generation = nextGeneration()
        entries[item]?.isHeld = false
        entries[item]?.due = due
        entries[item]?.generation = generation
        queue(item)
    }

    /// What to do at `now`. Asking changes nothing that is seen from outside.
    public mutating func next(at now: BootInstant) -> Decision {
        while let top = waiting.first {
            guard isCurrent(top) else {
                waiting.removeFirst()
                continue
            }
            guard top.moment <= now, let entry = entries[top.item] else { break }
            waiting.removeFirst()
            ready.insert(Moment(moment: entry.deadline, item: top.item, generation: entry.generation))
        }
        while let top = ready.first {
            if isCurrent(top) { return .run(top.item) }
            ready.removeFirst()
        }
        return .wait(until: waiting.first?.moment)
    }

    /// The item has been read (or tried); it becomes due again one interval after it was due.
    public mutating func done(_ item: Item, at now: BootInstant, took: Duration) {
        guard var entry = entries[item] else { return }
        let late = max(0, now.nanoseconds - entry.due.nanoseconds)
        let skipped = late / entry.interval.wholeNanoseconds
        if skipped > 0 { missed[entry.device, default: 0] += UInt64(skipped) }
        entry.due = BootInstant(
            nanoseconds: entry.due.nanoseconds + (skipped + 1) * entry.interval.wholeNanoseconds)
        entry.predicted = Self.blend(entry.predicted, took)
        entry.generation = nextGeneration()
        entries[item] = entry
        queue(item)
    }

    /// Tries `item` again at `due` in the same interval; the deadline stays where it was as far as possible.
    public mutating func postpone(_ item: Item, to due: BootInstant) {
        guard let entry = entries[item], !entry.isHeld else { return }
        let generation = nextGeneration()
        entries[item]?.generation = generation
        waiting.insert(Moment(moment: max(due, entry.due), item: item, generation: generation))
    }

    /// Intervals that passed without a reading.
    public func missedIntervals(device: UInt32) -> UInt64 { missed[device] ?? 0 }

    /// Adds intervals that nobody even tried, as those of a device that is offline.
    public mutating func addMissed(_ count: UInt64, device: UInt32) { missed[device, default: 0] += count }

    /// Share of bus time that all items together need as predicted; above 1 some intervals cannot be met.
    public var predictedLoad: Double {
        entries.values.reduce(0) { sum, entry in
            entry.isHeld
                ? sum : sum + Double(entry.predicted.wholeNanoseconds) / Double(entry.interval.wholeNanoseconds)
        }
    }

    public func predicted(_ item: Item) -> Duration? { entries[item]?.predicted }
    public func due(_ item: Item) -> BootInstant? { entries[item]?.due }

    private mutating func nextGeneration() -> UInt64 {
        generation += 1
        return generation
    }

    private mutating func queue(_ item: Item) {
        guard let entry = entries[item], !entry.isHeld else { return }
        waiting.insert(Moment(moment: entry.due, item: item, generation: entry.generation))
    }

    private func isCurrent(_ moment: Moment<Item>) -> Bool {
        guard let entry = entries[moment.item] else { return false }
        return entry.generation == moment.generation && !entry.isHeld
    }

    /// A quarter of what is new: one slow answer does not change the plan, a slow device does.
    private static func blend(_ old: Duration, _ new: Duration) -> Duration { (old * 3 + new) / 4 }
}
