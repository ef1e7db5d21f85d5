/// A device with everything that was said of it, merged: bus defaults, then its range, then its own entry.
struct DeviceSource {
    let name: String
    /// As it stands in the file: the name, or the range it comes from.
    let written: String
    let position: SourcePosition
    let merged: YAMLNode
    /// Keys under `devices` that made it.
    let keys: [String]
}

/// Turns the entries under `devices` into devices.
struct DeviceExpansion {
    /// A gateway serves two RS-485 lines and a few DALI buses: hundreds. Beyond this a range has a digit too many.
    static let mostDevices = 4096

    let collector: DiagnosticCollector
    /// `defaults` of each bus.
    let defaults: [String: YAMLNode]

    private struct Entry {
        var range: (key: String, position: SourcePosition, node: YAMLNode)?
        var own: (position: SourcePosition, node: YAMLNode)?
    }

    func expand(_ entries: [YAMLEntry]) -> [DeviceSource] {
        var order: [String] = []
        var found: [String: Entry] = [:]
        for entry in entries {
            guard let range = NameRange(entry.key) else {
                if found[entry.key] == nil { order.append(entry.key) }
                found[entry.key, default: Entry()].own = (entry.keyPosition, entry.value)
                rejectRanges(in: entry.value, name: entry.key)
                continue
            }
            let subject = ConfigurationPart.device(entry.key)
            guard range.count + order.count <= Self.mostDevices else {
                collector.report(
                    .error, at: entry.keyPosition, title: "device \(entry.key)",
                    "the range has \(range.count) members; expected at most \(Self.mostDevices) devices in all",
                    subject: subject)
                continue
            }
            guard NameRange(range.after) == nil else {
                collector.report(
                    .error, at: entry.keyPosition, title: "device \(entry.key)",
                    "two ranges in one name; expected one such as lamp-{001..064}", subject: subject)
                continue
            }
            for index in 0..<range.count {
                let name = range.member(index)
                let node = entry.value.member(index, of: range.count) { position, other in
                    collector.report(
                        .error, at: position, title: "device \(entry.key)",
                        "a range of \(other.count) members for \(range.count) names; expected as many values as names",
                        subject: subject)
                }
                if let earlier = found[name]?.range {
                    collector.report(
                        .error, at: entry.keyPosition, title: "device \(entry.key)",
                        "\"\(name)\" is also in the range \(earlier.key); expected each name in one range, the other is at \(earlier.position)",
                        subject: .device(name))
                    continue
                }
                if found[name] == nil { order.append(name) }
                found[name, default: Entry()].range = (entry.key, entry.keyPosition, node)
            }
        }
        return order.compactMap { name in found[name].map { source(name, $0) } }
    }

    private func source(_ name: String, _ entry: Entry) -> DeviceSource {
        let position = entry.own?.position ?? entry.range?.position ?? .builtIn
        let empty = YAMLNode(.map([]), at: position)
        // A device that is a list or a text is told so by its decoder; it replaces what lies below.
        var merged = entry.range.map { $0.node.isNull ? empty : $0.node } ?? empty
        if let own = entry.own, !own.node.isNull { merged = merged.overlaid(with: own.node) }
        if let bus = merged["bus"]?.scalar, let defaults = defaults[bus] { merged = defaults.overlaid(with: merged) }
        return DeviceSource(
            name: name, written: entry.own == nil ? entry.range?.key ?? name : name, position: position, merged: merged,
            keys: [name] + (entry.range.map { [$0.key] } ?? []))
    }

    private func rejectRanges(in node: YAMLNode, name: String) {
        switch node.content {
        case .text(let text):
            if NameRange(text) != nil {
                collector.report(
                    .error, at: node.position, title: "device \(name)",
                    "a range in the value of one device; expected a range in its name too, such as lamp-{001..064}",
                    subject: .device(name))
            }
        case .list(let items): for item in items { rejectRanges(in: item, name: name) }
        case .map(let entries): for entry in entries { rejectRanges(in: entry.value, name: name) }
        case .null, .flag, .number: break
        }
    }
}
