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
        var client = try Daemon.connect(options)
        let status = try Daemon.ask(request, &client).status
        if options.json {
            Output.print(ControlJSON.status(status))
        } else {
            request.devices = ControlDevicesRequest()
            let devices = try Daemon.ask(request, &client).devices.devices
            Output.print(StatusView.text(status, devices))
        }
        if !status.healthy { throw ExitStatus.failed }
    }
}
