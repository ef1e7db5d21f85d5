import Telemetry

/// The texts by which a device is known, and when each was last read.
struct SerialBook: Sendable, Hashable {
    private struct Entry: Sendable, Hashable {
        let point: Int
        let name: String
        var text: String?
        /// In this run; nil after a restart until it is read again.
        var seen: BootInstant?
    }

    private var entries: [Entry] = []
    /// When the device last became another one, in this run.
    private var changed: BootInstant?
    /// Of identity points that the device does not have at present, or that were restored before it was described.
    private var kept: [String: String] = [:]

    var isEmpty: Bool { entries.isEmpty }
    var names: [String] { entries.map(\.name) }

    /// All texts known; nil before any is.
    var text: String? {
        let known = entries.compactMap(\.text)
        return known.isEmpty ? nil : known.joined(separator: ", ")
    }

    /// By point name, for ``DeviceNormalizer/state``.
    var texts: [(name: String, text: String)] {
        var all = kept
        for entry in entries { if let text = entry.text { all[entry.name] = text } }
        return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    mutating func configure(points: [PointDescriptor]) {
        kept = Dictionary(uniqueKeysWithValues: texts.map { ($0.name, $0.text) })
        entries = []
        for (index, point) in points.enumerated() where point.isIdentity {
            guard !entries.contains(where: { $0.name == point.name }) else { continue }
            entries.append(Entry(point: index, name: point.name, text: kept.removeValue(forKey: point.name)))
        }
    }

    mutating func restore(name: String, text: String) {
        if let index = entries.firstIndex(where: { $0.name == name }) {
            entries[index].text = text
        } else {
            kept[name] = text
        }
    }

    /// Notes a reading of an identity point.
    ///
    /// - Returns: the text before and now, when another device answers.
    mutating func read(_ sample: Sample) -> (before: String, after: String)? {
        guard let index = entries.firstIndex(where: { $0.point == sample.point }), sample.quality == .good,
            let text = sample.value.map(Self.spelling), Self.isSerial(text),
            entries[index].seen.map({ sample.acquired >= $0 }) ?? true
        else { return nil }
        let before = entries[index].text
        entries[index].text = text
        entries[index].seen = sample.acquired
        guard let before, before != text else { return nil }
        changed = sample.acquired
        return (before, text)
    }

    /// A person named the serial number, or exchanged the meter without naming it.
    mutating func exchanged(serial: String?) {
        for index in entries.indices {
            entries[index].text = nil
            entries[index].seen = nil
        }
        if let serial, !entries.isEmpty { entries[0].text = serial }
    }

    /// What is known for judging a counter. Of several texts the one that was read longest ago says when.
    var serial: CounterJudge.Serial {
        guard let text else { return CounterJudge.Serial() }
        let known = entries.filter { $0.text != nil }
        let seen = known.compactMap(\.seen)
        return CounterJudge.Serial(text: text, seen: seen.count == known.count ? seen.min() : nil, changed: changed)
    }

    private static func spelling(_ value: Value) -> String {
        let text = value.description
        guard let first = text.firstIndex(where: { !$0.isWhitespace }),
            let last = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[first...last])
    }

    /// A device that is starting answers zeros for its whole map; that is no other device.
    private static func isSerial(_ text: String) -> Bool { text.contains { $0 != "0" && $0 != "\0" } }
}
