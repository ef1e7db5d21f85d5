internal import Telemetry

/// Readings of one device that were removed before an uplink had them: what becomes the event `gap`.
struct Gap: Sendable, Hashable {
    enum Reason: String, Sendable, Hashable {
        /// The limit of the outbox was reached.
        case retention
        /// The stored batch was damaged.
        case damaged
        /// The disk failed for so long that memory was full.
        case bufferFull
    }

    /// Empty for events and results, which have no n: the numbers are sequences then (0 when none was given yet).
    var device: String
    var first: UInt64
    var last: UInt64
    var missing: UInt64
    var reason: String
    /// The uplinks that had not acknowledged them, joined with commas.
    var uplinks: String

    /// Joins a later gap of the same device and cause.
    mutating func merge(_ later: Gap) -> Bool {
        guard device == later.device, reason == later.reason, uplinks == later.uplinks else { return false }
        // Between neighbours of one retention lie readings of a higher class, which stay: `missing` says how many of the range went.
        // Without joining them a long outage would end in as many gaps as batches. Events lie far apart as well.
        let isNeighbour = later.first == last &+ 1 || (reason == Reason.retention.rawValue && later.first > last)
        guard device.isEmpty || isNeighbour else { return false }
        first = min(first, later.first)
        last = max(last, later.last)
        missing += later.missing
        return true
    }

    func event(occurred: BootInstant) -> Event {
        var detail: [JSONValue.Member] = []
        if device.isEmpty {
            detail = [
                .init("content", "events"), .init("from_sequence", .integer(first)),
                .init("to_sequence", .integer(last)),
            ]
        } else {
            detail = [
                .init("device", .string(device)), .init("from_n", .integer(first)), .init("to_n", .integer(last)),
            ]
        }
        detail.append(.init("missing", .integer(missing)))
        detail.append(.init("reason", .string(reason)))
        detail.append(.init("uplinks", .array(uplinks.split(separator: ",").map { .string(String($0)) })))
        return Event(
            kind: "gap", device: device.isEmpty ? nil : device, severity: .warning, detail: .object(detail),
            occurred: occurred)
    }
}

/// Gaps not declared yet, neighbours merged.
struct GapList: Sendable, Hashable {
    private(set) var gaps: [Gap] = []

    var isEmpty: Bool { gaps.isEmpty }

    mutating func add(_ gap: Gap) {
        // Only the latest of a device can be a neighbour: n rises.
        if let index = gaps.lastIndex(where: {
            $0.device == gap.device && $0.reason == gap.reason && $0.uplinks == gap.uplinks
        }),
            gaps[index].merge(gap)
        {
            return
        }
        gaps.append(gap)
    }

    mutating func removeAll() { gaps.removeAll() }
}

/// Which readings a batch holds, per device: enough to declare them missing without decoding it.
struct Span: Sendable, Hashable {
    /// Index among the dictionary's devices.
    var device: Int
    var first: UInt64
    var count: UInt64

    static func encode(_ spans: [Span]) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(UInt64(spans.count))
        for span in spans {
            writer.varint(UInt64(span.device))
            writer.varint(span.first)
            writer.varint(span.count)
        }
        let checksum = Checksum.of(writer.bytes)
        for shift in [0, 8, 16, 24] as [UInt32] { writer.byte(UInt8(truncatingIfNeeded: checksum >> shift)) }
        return writer.bytes
    }

    /// Nil when the bytes are damaged.
    static func decode(_ bytes: [UInt8]) -> [Span]? {
        guard bytes.count > 4 else { return nil }
        let content = Array(bytes.dropLast(4))
        let stored = bytes.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard Checksum.of(content) == stored else { return nil }
        var reader = ByteReader(content)
        do {
            var spans: [Span] = []
            for _ in 0..<(try reader.count(limit: reader.remaining / 3)) {
                let device = try reader.varint()
                guard device < UInt64(SeriesDictionary.mostSeries) else { return nil }
                spans.append(Span(device: Int(device), first: try reader.varint(), count: try reader.varint()))
            }
            return reader.isAtEnd ? spans : nil
        } catch {
            return nil
        }
    }
}
