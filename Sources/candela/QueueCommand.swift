import ArgumentParser
import ControlProtocol
import Telemetry

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "The outbox: what is stored and what waits.", subcommands: [QueueStatusCommand.self],
        defaultSubcommand: QueueStatusCommand.self)
}

struct QueueStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "Depth, age, lanes, bytes, disk.")
    @OptionGroup var options: SharedOptions

    func run() async throws {
        var request = ControlRequest()
        request.queue = ControlQueueRequest()
        let queue = try Daemon.ask(request, options).queue
        if options.json {
            Output.print(ControlJSON.queue(queue))
        } else {
            Output.print(QueueView.text(queue))
        }
        if queue.state != "ok" { throw ExitStatus.failed }
    }
}

/// The outbox as a person reads it.
enum QueueView {
    static func line(_ queue: ControlQueue) -> String {
        var text = "outbox \(queue.state): \(queue.unsentReadings) unsent in \(queue.unsentBatches) batches"
        if !queue.oldestUnsent.isEmpty { text += " since \(queue.oldestUnsent)" }
        text += ", \(Formats.bytes(queue.bytesUsed)) of \(Formats.bytes(queue.bytesLimit)), last sequence \(queue.lastSequence)"
        if queue.droppedReadings > 0 { text += ", \(queue.droppedReadings) DROPPED" }
        return text
    }

    static func text(_ queue: ControlQueue) -> String {
        var lines = [
            "stream         \(queue.stream)",
            "file           \(queue.path)",
            "disk           \(queue.state)",
            "used           \(Formats.bytes(queue.bytesUsed)) of \(Formats.bytes(queue.bytesLimit))",
            "last sequence  \(queue.lastSequence)",
            "unsent         \(queue.unsentReadings) in \(queue.unsentBatches) batches"
                + (queue.oldestUnsent.isEmpty ? "" : ", oldest \(queue.oldestUnsent)"),
            "in memory      \(queue.bufferedReadings), committed within \(Formats.oneDecimal(queue.flushS)) s",
            "dropped        \(queue.droppedReadings)",
            "",
        ]
        var lanes = Table([("LANE", .left), ("BATCHES", .right), ("READINGS", .right)])
        for lane in queue.lanes { lanes.add(lane.name, "\(lane.batches)", "\(lane.readings)") }
        lines += lanes.lines
        return lines.joined(separator: "\n")
    }
}
