import ArgumentParser
import ControlProtocol
import Telemetry

/// What became of an order, for people, and the exit status that follows from it.
enum ResultView {
    static func text(_ results: ControlResults) -> String {
        var table = Table([("DEVICE", .left), ("RESULT", .left), ("VALUE", .right), ("UNIT", .left), ("WHY", .left)])
        for result in results.results {
            table.add(
                result.device, result.status, result.value.isEmpty ? "-" : Formats.plain(result.value),
                result.unit.isEmpty ? "-" : result.unit, result.reason.isEmpty ? "-" : result.reason)
        }
        return table.text
    }

    /// Shows the results and ends with 1 or 4 unless all went well.
    static func finish(_ results: ControlResults, _ options: SharedOptions) throws {
        Output.show(results, options, ControlJSON.results, text)
        if let status = exitStatus(results) { throw status }
    }

    /// nil: every device took it.
    static func exitStatus(_ results: ControlResults) -> ExitCode? {
        let failed = results.results.filter { !["verified", "applied"].contains($0.status) }
        if failed.isEmpty { return nil }
        // A refusal beside a silent device still counts as silence of the field only when nothing else went wrong.
        return failed.allSatisfy { $0.reason.hasPrefix("noAnswer") } ? ExitStatus.noAnswer : ExitStatus.failed
    }
}

extension Output {
    /// JSON when it is asked for, or else what `view` makes of it.
    static func show<Message>(
        _ message: Message, _ options: SharedOptions, _ json: (Message) -> JSONValue, _ view: (Message) -> String
    ) {
        if options.json {
            print(json(message))
        } else {
            print(view(message))
        }
    }
}
