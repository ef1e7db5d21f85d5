import Configuration
import Telemetry

/// What a person must know of how this gateway runs, from its start on.
extension Gateway {
    static func note(_ choice: ConfigurationKeeper.Choice) -> String {
        if let first = choice.refused.first {
            return "THE LAST GOOD CONFIGURATION RUNS: the file cannot be used, \(first)"
        }
        guard !choice.load.disabled.isEmpty else { return "" }
        let parts = choice.load.disabled.prefix(5).map { "\($0.part)" }.joined(separator: ", ")
        let more = choice.load.disabled.count > 5 ? " and \(choice.load.disabled.count - 5) more" : ""
        return "left out because of errors in the configuration: \(parts)\(more); candela config check names them"
    }

    static func warnings(_ configuration: GatewayConfiguration) -> [String] {
        guard let lighting = configuration.lighting, lighting.groups.contains(where: { $0.schedule != .none }) else {
            return []
        }
        if configuration.isReadOnly { return ["LAMPS NOT CONTROLLED: the gateway is read_only, calendars do nothing"] }
        return configuration.buses.filter { bus in
            bus.isReadOnly && configuration.devices(onBus: bus.name).contains { !$0.groups.isEmpty }
        }.map { "LAMPS NOT CONTROLLED: bus \($0.name) is read_only, calendars do nothing there" }
    }

    func raiseStandingAlarms() async {
        if choice.runsLastGood || !choice.load.disabled.isEmpty {
            let messages = (choice.refused + choice.load.errors).prefix(20).map { JSONValue.string($0.description) }
            await events.raise(
                "configuration", kind: EventKind.configuration,
                detail: [
                    "last_good": .bool(choice.runsLastGood), "messages": .array(Array(messages)),
                    "disabled": .array(choice.load.disabled.map { .string($0.part.description) }),
                ])
        }
        for (index, warning) in Self.warnings(configuration).enumerated() {
            await events.raise(
                "lamps_not_controlled" + (index == 0 ? "" : ":\(index + 1)"), kind: EventKind.lampsNotControlled,
                severity: .alarm, detail: ["detail": .string(warning)])
        }
        for warning in storage.warnings {
            await events.raise("storage:volatile", kind: EventKind.storage, detail: ["problem": .string(warning)])
        }
    }
}
