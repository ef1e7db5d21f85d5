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
            if found.lamps > 0 || found.unwatched.isEmpty {
                lines.append("no faults at \(Formats.count(Int(clamping: found.lamps), "lamp"))")
            }
        } else {
            var table = Table([("FAULT", .left), ("WHERE", .left), ("SINCE", .left), ("EVIDENCE", .left)])
            for fault in found.faults {
                let mark = fault.maintenance ? " (maintenance)" : ""
                table.add(fault.kind + mark, fault.device, Formats.shortTime(fault.since), evidence(fault))
            }
            lines += table.lines
            for fault in found.faults where !fault.affected.isEmpty {
                lines.append("  \(fault.device) takes along: \(list(fault.affected))")
            }
        }
        if !found.unpowered.isEmpty {
            lines.append("\(found.unpowered.count) lamps have no mains: their feeders are off")
        }
        if !found.unwatched.isEmpty {
            lines.append(
                "\(Formats.count(found.unwatched.count, "lamp")) NOT WATCHED: \(list(found.unwatched)); name a lamp's group "
                    + "under lighting.groups, or give it a rated_power")
        }
        return lines.joined(separator: "\n")
    }

    private static func list(_ lamps: [String]) -> String {
        let more = lamps.count - affectedShown
        return lamps.prefix(affectedShown).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }

    static func evidence(_ fault: ControlFault) -> String {
        guard case .object(let members)? = try? JSONValue(parsing: fault.detail) else { return fault.detail }
        return members.filter { $0.key != "affected" && $0.value != .null }
            .map { "\($0.key) \(FindingView.plain($0.value))" }.joined(separator: ", ")
    }

    static func json(_ found: ControlFaults) -> JSONValue {
        [
            "lamps": .integer(found.lamps), "unpowered": .array(found.unpowered.map(JSONValue.string)),
            "unwatched": .array(found.unwatched.map(JSONValue.string)),
            "faults": json(found.faults),
        ]
    }

    static func json(_ faults: [ControlFault]) -> JSONValue {
        .array(
            faults.map { fault in
                [
                    "id": .string(fault.id), "kind": .string(fault.kind), "device": .string(fault.device),
                    "severity": .string(fault.severity), "since": .string(fault.since),
                    "detail": (try? JSONValue(parsing: fault.detail)) ?? .string(fault.detail),
                    "affected": .array(fault.affected.map(JSONValue.string)),
                    "maintenance": .bool(fault.maintenance),
                ]
            })
    }
}
