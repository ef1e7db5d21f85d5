import Telemetry

/// What a lamp's own gear said when it was asked for a report.
struct LampReadBack: Sendable {
    let name: String
    /// By the names of the task "query".
    let facts: [String: String]

    private static let columns = [
        "identity", "firmware", "power-on level", "system failure level", "fade time", "status",
    ]

    static func table(_ lamps: [LampReadBack]) -> [String] {
        var table = Table([("LAMP", .left)] + columns.map { ($0.uppercased(), .left) })
        for lamp in lamps { table.add(cells: [lamp.name] + columns.map { lamp.facts[$0] ?? "-" }) }
        return table.lines
    }

    var json: JSONValue {
        .object(
            [.init("device", .string(name))]
                + Self.columns.map { column in
                    .init(
                        String(column.map { "- ".contains($0) ? "_" : $0 }),
                        facts[column].map(JSONValue.string) ?? .null)
                })
    }
}

extension LampView {
    static func factValues(_ result: JSONValue) -> [String: String] {
        items(result["facts"]).reduce(into: [:]) { facts, fact in
            if let name = fact["name"]?.text, let value = fact["value"]?.text { facts[name] = value }
        }
    }
}

extension TaskRunner {
    /// Everything that a lamp's gear tells.
    static func query(_ lamp: String, bus: String, _ options: SharedOptions) async throws(CommandFailure) -> JSONValue {
        do {
            return try await TaskRunner(options: options, devices: .all).run(
                TaskOrder("query", [.init("device", .string(lamp))]), at: .bus(bus), onStep: { _ in })
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(ExitStatus.failed, "\(error)")
        }
    }
}
