internal import Telemetry

/// What was appended and is not on the disk yet, in its order. Bounded.
struct OutboxBuffer: Sendable {
    enum Segment: Sendable {
        case readings([Reading])
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
        counterStates.merge(states) { $1 }
        guard !new.isEmpty else { return }
        readings += new.count
        for reading in new { bytes += OutboxBuffer.size(reading) }
        if let index = segments.indices.last, case .readings(var last) = segments[index] {
            // Taken out while it grows, so that the array is not copied.
            segments[index] = .readings([])
            last.append(contentsOf: new)
            segments[index] = .readings(last)
        } else {
            segments.append(.readings(new))
        }
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
        for index in segments.indices {
            guard removed.count < wanted, case .readings(let present) = segments[index] else { continue }
            var left: [Reading] = []
            for reading in present {
                if removed.count < wanted, reading.keep == keep {
                    removed.append(reading)
                } else {
                    left.append(reading)
                }
            }
            segments[index] = .readings(left)
        }
        readings -= removed.count
        for reading in removed { bytes -= OutboxBuffer.size(reading) }
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
            case .readings(let readings): readings.isEmpty
            case .events(let events): events.isEmpty
            case .results(let results): results.isEmpty
            }
        }
    }

    /// What a reading takes as JSON at most: a batch cut by this is one message.
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
