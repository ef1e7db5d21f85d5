internal import Telemetry

/// The newest frames of a bus, ours and those of others, for people who ask afterwards or listen now. Used from the bus thread only.
final class FrameLog {
    /// Some twelve seconds of a busy bus, two records an exchange: a fault and what led to it.
    static let capacity = 512

    struct Entry {
        /// Rises by one with each.
        let number: Int
        let at: BootInstant
        let record: DALIConnection.Record
        /// As it stands in a trace.
        let words: String
    }

    private var entries: [Entry] = []
    private(set) var count = 0
    private var naming = FrameNaming()

    /// - Returns: the record in words.
    @discardableResult
    func append(_ record: DALIConnection.Record, at now: BootInstant) -> String {
        // Let go in portions, so that not every record moves all the others.
        if entries.count == Self.capacity + Self.capacity / 4 { entries.removeFirst(Self.capacity / 4) }
        let words = record.words(&naming)
        entries.append(Entry(number: count, at: now, record: record, words: words))
        count += 1
        return words
    }

    /// Oldest first.
    var all: ArraySlice<Entry> { entries.suffix(Self.capacity) }

    func since(_ number: Int) -> ArraySlice<Entry> {
        entries[(entries.firstIndex { $0.number >= number } ?? entries.count)...]
    }
}

extension DALIConnection.Record {
    /// Words and bytes as they stand in a trace.
    func words(_ naming: inout FrameNaming) -> String {
        switch self {
        case .sent(let frame): naming.name(frame)
        case .outcome(let request, let outcome): outcome.text(request)
        case .event(.foreignFrame(let frame)): "another controller: \(naming.name(frame))"
        case .event(let event): event.text
        }
    }

    var bytes: [UInt8] {
        switch self {
        case .sent(let frame): frame.bytes
        case .outcome(_, let outcome): outcome.byte.map { [$0] } ?? []
        case .event(.foreignFrame(let frame)): frame.bytes
        case .event(.backward(let value)): [value]
        case .event: []
        }
    }
}
