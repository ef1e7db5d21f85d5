import ArgumentParser
import ControlProtocol
import Telemetry

struct LampFaultsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults", abstract: "What is wrong with lamps and feeders, with the evidence; 1 when anything is.",
        discussion: "Needs the daemon.")
    @OptionGroup var options: SharedOptions
    @Argument(help: "A lamp, a group or a feeder; without it all.") var target: String?

    func run() async throws {
        var request = ControlRequest()
        request.faults.target = target ?? ""
        let found = try Daemon.ask(request, options).faults
        options.json ? Output.print(LampFaultsView.json(found)) : Output.print(LampFaultsView.text(found))
        if !found.faults.isEmpty { throw ExitStatus.failed }
    }
}

/// Faults as a person reads them, the oldest first.
enum LampFaultsView {
    /// Lamps named at most of those that a fault takes along.
    private static let affectedShown = 8

    static func text(_ found: ControlFaults) -> String {
        var lines: [String] = []
        if found.faults.isEmpty {
            lines.append("no faults at \(found.lamps) lamps")
        } else {
            var table = Table([("FAULT", .left), ("WHERE", .left), ("SINCE", .left), ("EVIDENCE", .left)])
            for fault in found.faults {
                let mark = fault.maintenance ? " (maintenance)" : ""
                table.add(fault.kind + mark, fault.device, Formats.shortTime(fault.since), evidence(fault))
            }
            lines += table.lines
            for fault in found.faults where !fault.affected.isEmpty {
                let named = fault.affected.prefix(affectedShown).joined(separator: ", ")
                let more = fault.affected.count - affectedShown
                lines.append("  \(fault.device) takes along: \(named)\(more > 0 ? " and \(more) more" : "")")
            }
        }
        if !found.unpowered.isEmpty {
            lines.append("\(found.unpowered.count) lamps have no mains: their feeders are off")
        }
        return lines.joined(separator: "\n")
    }

    private static func evidence(_ fault: ControlFault) -> String {
        guard case .object(let members)? = try? JSONValue(parsing: fault.detail) else { return fault.detail }
        return members.filter { $0.key != "affected" && $0.value != .null }
            .map { "\($0.key) \(FindingView.plain($0.value))" }.joined(separator: ", ")
    }

    static func json(_ found: ControlFaults) -> JSONValue {
        [
            "lamps": .integer(found.lamps), "unpowered": .array(found.unpowered.map(JSONValue.string)),
            "faults": .array(
                found.faults.map { fault in
                    [
                        "id": .string(fault.id), "kind": .string(fault.kind), "device": .string(fault.device),
                        "severity": .string(fault.severity), "since": .string(fault.since),
                        "detail": (try? JSONValue(parsing: fault.detail)) ?? .string(fault.detail),
                        "affected": .array(fault.affected.map(JSONValue.string)),
                        "maintenance": .bool(fault.maintenance),
                    ]
                }),
        ]
    }
}
