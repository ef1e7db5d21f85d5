import ArgumentParser
import ControlProtocol

struct ReadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read", abstract: "Reads a device now, ahead of polling; exit status 4 when it does not answer.",
        discussion: """
            Without the daemon the driver of its bus is started for the question, from --config.

              candela read feeder-a
              candela read feeder-a active_power voltage.L1
            """)
    @OptionGroup var options: SharedOptions
    @Argument(help: "The device, as the configuration names it.") var device: String
    @Argument(help: "Only these points; without any, all.") var points: [String] = []
    @Flag(help: "Also when it is a household's: its values show how people live.") var household = false

    func run() async throws {
        let readings = try await ask()
        Output.show(readings, options, ControlJSON.readings) { DeviceView.values($0.values).text }
        if !readings.values.isEmpty, readings.values.allSatisfy({ $0.quality == "bad" && $0.reason == "communication" })
        {
            throw CommandFailure(ExitStatus.noAnswer, "\(device) did not answer", hint: "candela status shows its bus")
        }
    }

    private func ask() async throws -> ControlReadings {
        if var client = try Daemon.connectIfThere(options) {
            var request = ControlRequest()
            request.read.device = device
            request.read.points = points
            request.read.household = household
            return try Daemon.ask(request, &client).readings
        }
        return try await DirectAccess(options).read(device, points: points, household: household)
    }
}
