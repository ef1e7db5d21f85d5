public import Telemetry

/// Decides what a bus does next: of all that is due, what must be done first (earliest deadline first).
///
/// Pure: time is handed in. An item is due once per interval and its deadline is the end of that interval. An item that
/// comes too late by whole intervals has missed them: they are counted for its device and skipped, never made
/// up for, so an overloaded bus reads everything less often instead of falling behind for ever.
///
/// Items belong to lanes, which work side by side: a serial line is one lane, each connection to a host is one. Intervals of
/// a minute or more keep to multiples of UTC once ``align(utcMinusBoot:at:)`` has said where UTC stands.
public struct DeadlineScheduler<Item: Hashable & Sendable>: Sendable {
    public enum Decision: Sendable, Hashable {
        case run(Item)
        /// Nothing is due before this moment; nil when there is nothing at all.
        case wait(until: BootInstant?)
    }

    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline let device: UInt32
        @usableFromInline let lane: Int
        @usableFromInline let interval: Int64
        /// Belongs to a moment of the clock (a quarter hour): goes before everything that does not.
        @usableFromInline let isBoundary: Bool
        @usableFromInline var predicted: Duration
        @usableFromInline var due: BootInstant
        @usableFromInline var isHeld = false
        /// Tells this entry's place in a heap from places it has left.
        @usableFromInline var generation: UInt64

        @inlinable
        init(
            device: UInt32, lane: Int, interval: Int64, isBoundary: Bool, predicted: Duration, due: BootInstant,
            generation: UInt64
        ) {
            self.device = device
            self.lane = lane
            self.interval = interval
            self.isBoundary = isBoundary
            self.predicted = predicted
            self.due = due
            self.generation = generation
        }

        @inlinable var deadline: BootInstant { due.advanced(by: .nanoseconds(interval)) }
    }

    /// Intervals from here on are aligned to UTC: people compare readings of a minute or a quarter hour across devices, those
    /// of seconds they do not.
    @inlinable public static var alignedFrom: Duration { .seconds(60) }

    @usableFromInline var entries: [Item: Entry] = [:]
    @usableFromInline var waiting = MomentHeap<Item>()
    @usableFromInline var ready: [MomentHeap<Item>] = [MomentHeap()]
    @usableFromInline var itemsOfLane = [0]
    @usableFromInline var woken: [Int] = []
    @usableFromInline var generation: UInt64 = 0
    @usableFromInline var missed: [UInt32: UInt64] = [:]
    @usableFromInline var utcMinusBoot: Int64?

    @inlinable public init() {}

    /// - Parameters:
    ///   - device: whose missed intervals these are.
    ///   - lane: does one item at a time; lanes are numbered from 0.
    ///   - interval: between two readings, more than zero.
    ///   - predicted: bus time that it takes.
    ///   - due: of the first reading.
    ///   - isBoundary: belongs to a moment of the clock and goes before everything that does not.
    @inlinable public mutating func add(
        _ item: Item, device: UInt32, lane: Int = 0, interval: Duration, predicted: Duration, due: BootInstant,
        isBoundary: Bool = false
    ) {
        precondition(interval > .zero, "an interval is more than zero")
        while ready.count <= lane {
            ready.append(MomentHeap())
            itemsOfLane.append(0)
        }
        remove(item)
        itemsOfLane[lane] += 1
        entries[item] = Entry(
            device: device, lane: lane, interval: interval.wholeNanoseconds, isBoundary: isBoundary,
            predicted: predicted, due: due, generation: nextGeneration())
        queue(item)
    }

    @inlinable public mutating func remove(_ item: Item) {
        if let entry = entries.removeValue(forKey: item) { itemsOfLane[entry.lane] -= 1 }
    }

    @inlinable public var items: some Collection<Item> { entries.keys }
    @inlinable public func contains(_ item: Item) -> Bool { entries[item] != nil }
    @inlinable public func isHeld(_ item: Item) -> Bool { entries[item]?.isHeld ?? false }

    /// Leaves the item out until ``release(_:due:)``; intervals that pass meanwhile are not counted as missed.
    @inlinable public mutating func hold(_ item: Item) {
        let generation = nextGeneration()
        entries[item]?.isHeld = true
        entries[item]?.generation = generation
    }

    /// Takes a held item in again, or moves the next reading of one that is not held.
    @inlinable public mutating func release(_ item: Item, due: BootInstant) {
        let generation = nextGeneration()
        entries[item]?.isHeld = false
        entries[item]?.due = due
        entries[item]?.generation = generation
        queue(item)
    }

    /// Where UTC stands against boot time; nil: nobody knows, and intervals run from wherever they are.
    @inlinable public mutating func align(utcMinusBoot: Int64?, at now: BootInstant) {
        self.utcMinusBoot = utcMinusBoot
        guard utcMinusBoot != nil else { return }
        for (item, entry) in entries where isAligned(entry) && !entry.isHeld && entry.due > now {
            // What is due already stays due; all others wait for their next multiple.
            var moved = entry
            moved.due = next(entry, after: now)
            moved.generation = nextGeneration()
            entries[item] = moved
            queue(item)
        }
    }

    /// What to do at `now` on a lane. Asking changes nothing that is seen from outside.
    ///
    /// An item that is not due yet, with a nearer deadline that it could not meet after this one, is waited for: what may take longer has
    /// time to spare.
    @inlinable public mutating func next(at now: BootInstant, lane: Int = 0) -> Decision {
        promote(to: now)
        guard lane < ready.count else { return .wait(until: waiting.first?.moment) }
        while let top = ready[lane].first {
            guard isCurrent(top), let entry = entries[top.item] else {
                ready[lane].removeFirst()
                continue
            }
            if !entry.isBoundary, let better = endangered(by: entry, at: now, lane: lane) {
                return .wait(until: better)
            }
            return .run(top.item)
        }
        return .wait(until: nextDue)
    }

    /// When something becomes due that is not due yet.
    @inlinable public var nextDue: BootInstant? {
        mutating get {
            while let top = waiting.first, !isCurrent(top) { waiting.removeFirst() }
            return waiting.first?.moment
        }
    }

    /// Lanes on which something has become due since the last call; a lane may stand in it twice.
    @inlinable public mutating func takeWoken(at now: BootInstant) -> [Int] {
        promote(to: now)
        defer { woken.removeAll(keepingCapacity: true) }
        return woken
    }

    @inlinable mutating func promote(to now: BootInstant) {
        while let top = waiting.first {
            guard isCurrent(top), let entry = entries[top.item] else {
                waiting.removeFirst()
                continue
            }
            guard top.moment <= now else { break }
            waiting.removeFirst()
            ready[entry.lane].insert(
                Moment(
                    moment: entry.deadline, item: top.item, generation: entry.generation, isUrgent: entry.isBoundary))
            woken.append(entry.lane)
        }
    }

    /// When an item becomes due that would miss its deadline if `entry` went first, and whose deadline is the nearer one.
    @inlinable func endangered(by entry: Entry, at now: BootInstant, lane: Int) -> BootInstant? {
        // Most lanes of a bus of hosts have one item, which endangers nobody.
        guard itemsOfLane[lane] > 1 else { return nil }
        let end = now.advanced(by: entry.predicted)
        var earliest: BootInstant?
        waiting.forEach(before: end) { moment in
            guard isCurrent(moment), let other = entries[moment.item], other.lane == lane,
                other.deadline < entry.deadline, end.advanced(by: other.predicted) > other.deadline,
                // It must be able to meet it at all.
                other.due.advanced(by: other.predicted) <= other.deadline
            else { return }
            earliest = min(earliest ?? moment.moment, moment.moment)
        }
        return earliest
    }

    /// The item has been read (or tried); it becomes due again one interval after it was due.
    @inlinable public mutating func done(_ item: Item, at now: BootInstant, took: Duration) {
        guard var entry = entries[item] else { return }
        if isAligned(entry), let offset = utcMinusBoot {
            let passed = period(now, entry, offset) - period(entry.due, entry, offset)
            if passed > 0 { missed[entry.device, default: 0] += UInt64(passed) }
            entry.due = next(entry, after: now)
        } else {
            let skipped = max(0, now.nanoseconds - entry.due.nanoseconds) / entry.interval
            if skipped > 0 { missed[entry.device, default: 0] += UInt64(skipped) }
            entry.due = BootInstant(nanoseconds: entry.due.nanoseconds + (skipped + 1) * entry.interval)
        }
        entry.predicted = Self.blend(entry.predicted, took)
        entry.generation = nextGeneration()
        entries[item] = entry
        if !entry.isHeld { waiting.insert(Moment(moment: entry.due, item: item, generation: entry.generation)) }
    }

    /// Tries `item` again at `due` in the same interval; the deadline stays where it was as far as possible.
    @inlinable public mutating func postpone(_ item: Item, to due: BootInstant) {
        guard let entry = entries[item], !entry.isHeld else { return }
        let generation = nextGeneration()
        entries[item]?.generation = generation
        waiting.insert(Moment(moment: max(due, entry.due), item: item, generation: generation))
    }

    /// Intervals that passed without a reading.
    @inlinable public func missedIntervals(device: UInt32) -> UInt64 { missed[device] ?? 0 }

    /// Adds intervals that nobody even tried, as those of a device that is offline.
    @inlinable public mutating func addMissed(_ count: UInt64, device: UInt32) { missed[device, default: 0] += count }

    /// Share of bus time that all items together need as predicted; above 1 some intervals cannot be met.
    @inlinable public var predictedLoad: Double {
        entries.values.reduce(0) { sum, entry in
            entry.isHeld ? sum : sum + Double(entry.predicted.wholeNanoseconds) / Double(entry.interval)
        }
    }

    @inlinable public func predicted(_ item: Item) -> Duration? { entries[item]?.predicted }
    @inlinable public func due(_ item: Item) -> BootInstant? { entries[item]?.due }

    @inlinable mutating func nextGeneration() -> UInt64 {
        generation += 1
        return generation
    }

    @inlinable mutating func queue(_ item: Item) {
        guard let entry = entries[item], !entry.isHeld else { return }
        waiting.insert(Moment(moment: entry.due, item: item, generation: entry.generation))
    }

    @inlinable func isCurrent(_ moment: Moment<Item>) -> Bool {
        guard let entry = entries[moment.item] else { return false }
        return entry.generation == moment.generation && !entry.isHeld
    }

    @inlinable func isAligned(_ entry: Entry) -> Bool {
        entry.isBoundary || entry.interval >= Self.alignedFrom.wholeNanoseconds
    }

    /// Which multiple of its interval a moment lies in.
    @inlinable func period(_ moment: BootInstant, _ entry: Entry, _ offset: Int64) -> Int64 {
        let utc = moment.nanoseconds + offset
        return utc / entry.interval - (utc % entry.interval < 0 ? 1 : 0)
    }

    @inlinable func next(_ entry: Entry, after now: BootInstant) -> BootInstant {
        let offset = utcMinusBoot ?? 0
        return BootInstant(nanoseconds: (period(now, entry, offset) + 1) * entry.interval - offset)
    }

    /// A quarter of what is new: one slow answer does not change the plan, a slow device does.
    @inlinable static func blend(_ old: Duration, _ new: Duration) -> Duration {
        .nanoseconds((old.wholeNanoseconds * 3 + new.wholeNanoseconds) / 4)
    }
}
