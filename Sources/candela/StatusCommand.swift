import ArgumentParser
import ControlProtocol
import Telemetry

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Health in one screen; exit status 1 when something is wrong.")
    @OptionGroup var options: SharedOptions

    func run() async throws {
        var request = ControlRequest()
        request.status = ControlStatusRequest()
        let status = try Daemon.ask(request, options).status
        if options.json {
            Output.print(ControlJSON.status(status))
        } else {
            Output.print(StatusView.text(status))
        }
        if !status.healthy { throw ExitStatus.failed }
    }
}
