import ArgumentParser
import ControlProtocol
import Telemetry

/// The group of commands around the outbox.
struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "The outbox: what is stored and what waits.",
        subcommands: [QueueStatusCommand.self],
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
