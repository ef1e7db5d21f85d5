internal import Telemetry

/// What was appended and is not on the disk yet, in its order. Bounded.
///
/// Readings are gathered as the batches they will be: while each is still at hand its size is added up once, and a commit
/// neither sorts nor copies them.
struct OutboxBuffer: Sendable {
    /// Readings of one class that become one batch.
    struct Readings: Sendable {
        let keep: KeepClass
        var items: [Reading] = []
        /// Roughly what they would take as a message, in bytes.
        var bytes = 0
        /// Under which they were stored; nil before.
        var sequence: UInt64?
    }

    enum Segment: Sendable {
        case readings(Readings)
        case events([Event])
        case results([CommandResult])
    }

    private(set) var segments: [Segment] = []
    private(set) var readings = 0
    /// Events and results.
    private(set) var urgent = 0
    /// Roughly what the readings would take as a message, in bytes.
    private(set) var bytes = 0
    private(set) var counterStates: [String: [UInt8]] = [:]

    /// Events and results that wait while the disk fails; a gateway has a few a minute.
    static let mostUrgent = 5_000

    var count: Int { readings + urgent }
    var isEmpty: Bool { segments.isEmpty && counterStates.isEmpty }

    mutating func append(readings new: [Reading], counterStates states: [String: [UInt8]]) {
        if !states.isEmpty { counterStates.merge(states) { $1 } }
        readings += new.count
        new.withUnsafeBufferPointer { add($0) }
    }

    private mutating func add(_ new: UnsafeBufferPointer<Reading>) {
        var start = 0
        while start < new.count {
            let keep = new[start].keep
            let place = openBatch(of: keep)
            guard case .readings(var batch) = segments[place] else { return }
            // Taken out while it grows, so that the array is not copied.
            segments[place] = .events([])
            let before = batch.bytes
            var end = start
            let most = min(new.count, start + OutboxStore.mostReadingsInBatch - batch.items.count)
            while end < most, new[end].keep == keep {
                let size = OutboxBuffer.size(new[end])
                if end > start || !batch.items.isEmpty, batch.bytes + size > OutboxStore.mostBytesInBatch { break }
                batch.bytes += size
                end += 1
            }
            bytes += batch.bytes - before
            let isFull = end < new.count && new[end].keep == keep
            batch.items.append(contentsOf: new[start..<end])
            segments[place] = .readings(batch)
            if isFull { segments.append(.readings(Readings(keep: keep))) }
            start = end
        }
    }

    /// The batch that takes readings of this class: the last of its class since the last event or result.
    private mutating func openBatch(of keep: KeepClass) -> Int {
        for place in segments.indices.reversed() {
            guard case .readings(let batch) = segments[place] else { break }
            if batch.keep == keep { return place }
        }
        segments.append(.readings(Readings(keep: keep)))
        return segments.count - 1
    }

    mutating func append(events: [Event]) {
        guard !events.isEmpty else { return }
        urgent += events.count
        segments.append(.events(events))
    }

    mutating func append(results: [CommandResult]) {
        guard !results.isEmpty else { return }
        urgent += results.count
        segments.append(.results(results))
    }

    mutating func prepend(events: [Event]) {
        urgent += events.count
        segments.insert(.events(events), at: 0)
    }

    mutating func removeAll() { self = OutboxBuffer() }

    /// The order in which segments are stored: as they came, but of readings between two events telemetry first, billing last.
    var storingOrder: [Int] {
        var order: [Int] = []
        var run: [(keep: KeepClass, place: Int)] = []
        func end() {
            for keep in [KeepClass.telemetry, .event, .billing] {
                order += run.filter { $0.keep == keep }.map(\.place)
            }
            run.removeAll()
        }
        for place in segments.indices {
            if case .readings(let batch) = segments[place] {
                run.append((batch.keep, place))
            } else {
                end()
                order.append(place)
            }
        }
        end()
        return order
    }

    /// Lets `body` work on a batch in place; nothing happens where the segment is none.
    mutating func change(
        _ place: Int, _ body: (inout Readings) throws(StorageError) -> Void
    ) throws(StorageError) {
        guard case .readings(var batch) = segments[place] else { return }
        segments[place] = .events([])
        defer { segments[place] = .readings(batch) }
        try body(&batch)
    }

    /// The batches of readings that were stored, in no order; the buffer is empty then.
    mutating func takeStored() -> [Readings] {
        let all = segments
        removeAll()
        return all.compactMap { segment in
            guard case .readings(let batch) = segment, batch.sequence != nil else { return nil }
            return batch
        }
    }

    /// Brings the buffer back to its bounds: oldest telemetry first, then billing; events by age.
    ///
    /// - Returns: what was removed, oldest first.
    mutating func trim(toReadings most: Int) -> (readings: [Reading], urgent: Int) {
        var removed: [Reading] = []
        if readings > most {
            // A twentieth more than needed, so that not every reading that comes moves all the others.
            let target = most - most / 20
            for keep in [KeepClass.telemetry, .event, .billing] where readings > target {
                removed += removeOldest(readings - target, of: keep)
            }
        }
        var lost = 0
        if urgent > OutboxBuffer.mostUrgent { lost = removeOldestUrgent(urgent - OutboxBuffer.mostUrgent) }
        return (removed, lost)
    }

    private mutating func removeOldest(_ wanted: Int, of keep: KeepClass) -> [Reading] {
        var removed: [Reading] = []
        for place in segments.indices {
            guard removed.count < wanted, case .readings(var batch) = segments[place], batch.keep == keep else {
                continue
            }
            let gone = batch.items.prefix(wanted - removed.count)
            let size = gone.reduce(0) { $0 + OutboxBuffer.size($1) }
            removed += gone
            batch.items.removeFirst(gone.count)
            batch.bytes -= size
            bytes -= size
            segments[place] = .readings(batch)
        }
        readings -= removed.count
        dropEmptySegments()
        return removed
    }

    private mutating func removeOldestUrgent(_ wanted: Int) -> Int {
        var left = wanted
        for index in segments.indices where left > 0 {
            switch segments[index] {
            case .readings: continue
            case .events(let events):
                segments[index] = .events(Array(events.dropFirst(left)))
                left -= min(left, events.count)
            case .results(let results):
                segments[index] = .results(Array(results.dropFirst(left)))
                left -= min(left, results.count)
            }
        }
        urgent -= wanted - left
        dropEmptySegments()
        return wanted - left
    }

    private mutating func dropEmptySegments() {
        segments.removeAll { segment in
            switch segment {
            case .readings(let batch): batch.items.isEmpty
            case .events(let events): events.isEmpty
            case .results(let results): results.isEmpty
            }
        }
    }

    /// What a reading takes as JSON at most: a batch cut by this is one message.
    @inline(__always)
    static func size(_ reading: Reading) -> Int {
        var size = plainSize + reading.identity.nameBytes
        if !reading.identity.isPlainText { size += 5 * reading.identity.nameBytes }
        if reading.quality.reason != .none { size += reasonSize }
        if case .text(let text)? = reading.value { size += text.utf8.count }
        guard !reading.isPlain || reading.epoch > 0 else { return size }
        return size + (reading.epoch > 0 ? epochSize : 0) + (reading.period == nil ? 0 : periodSize) + 2
            * reading.raw.count
    }

    /// Keys, punctuation, n, time, a number of twelve digits and the word good.
    private static let plainSize = 140
    /// `,"reason":"communication"`.
    private static let reasonSize = 28
    private static let epochSize = 20
    /// `,"period":{"start":"…","end":"…"},"window":"minimum","raw":""`.
    private static let periodSize = 120
}
