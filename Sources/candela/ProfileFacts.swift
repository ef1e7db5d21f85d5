import Configuration
import Telemetry

/// What a profile's file says of itself, read without its driver.
struct ProfileFacts {
    let name: String
    let path: String
    private let content: YAMLNode

    init(_ entry: ProfileShelf.Entry, _ content: YAMLNode) {
        name = entry.name
        path = entry.path
        self.content = content
    }

    var status: String { content["status"]?.scalar ?? "-" }
    var medium: String { content["medium"]?.scalar ?? "-" }
    var version: String { content["version"]?.scalar ?? "-" }
    var values: Int { content["values"]?.items?.count ?? 0 }
    var modelNames: [String] { texts("models") }
    var evidence: [String] { texts("evidence") }

    private func texts(_ key: String) -> [String] {
        guard let node = content[key] else { return [] }
        return (node.items ?? [node]).compactMap(\.scalar)
    }

    /// In small letters, for a search.
    var searched: String { ([name, medium] + modelNames).joined(separator: " ").lowercased() }

    /// As many as fit; then how many more.
    func models(width: Int) -> String {
        var shown = ""
        for (index, model) in modelNames.enumerated() {
            let more = shown.isEmpty ? model : shown + ", " + model
            guard more.count <= width || index == 0 else { return shown + " +\(modelNames.count - index)" }
            shown = more
        }
        return Formats.clip(shown, width)
    }

    var json: JSONValue {
        [
            "profile": .string(name), "file": .string(path), "version": .string(version), "status": .string(status),
            "medium": .string(medium), "models": .array(modelNames.map(JSONValue.string)),
            "values": .integer(values), "evidence": .array(evidence.map(JSONValue.string)),
        ]
    }

    var lines: [String] {
        var lines = [
            "profile   \(name), version \(version)", "file      \(path)", "status    \(status)", "medium    \(medium)",
            "models    \(modelNames.joined(separator: ", "))",
        ]
        for (index, source) in evidence.enumerated() {
            lines.append((index == 0 ? "evidence  " : "          ") + source)
        }
        return lines
    }

    /// The values as they stand in the file: point, register, type, unit.
    var valueLines: [String] {
        var table = Table([("POINT", .left), ("AT", .left), ("AS", .left), ("SCALE", .left), ("UNIT", .left)])
        for value in content["values"]?.items ?? [] {
            let parts = [
                value["quantity"]?.scalar, value["channel"]?.scalar.map { "ch" + $0 }, value["phase"]?.scalar,
                value["tariff"]?.scalar.map { "T" + $0 },
            ]
            table.add(
                parts.compactMap { $0 }.joined(separator: "."),
                [value["table"]?.scalar, value["at"]?.scalar].compactMap { $0 }.joined(separator: " "),
                value["as"]?.scalar ?? "-", value["scale"]?.scalar ?? "-", value["unit"]?.scalar ?? "-")
        }
        return table.lines
    }
}
