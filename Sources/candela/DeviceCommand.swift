import ArgumentParser
import ControlProtocol
import Telemetry

/// The group of commands around one device's life.
struct DeviceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "What is done to a device by hand.", subcommands: [DeviceExchangeCommand.self])
}

struct DeviceExchangeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exchange", abstract: "A meter was exchanged: notes both displays and begins a new epoch.",
        discussion: """
            Needs the daemon. The event carries both displays and who said so; from then on the counter's epoch is \
            a new one, so that no consumption is made of the difference. Displays are typed with the unit of the point, \
            or without.

              candela device exchange feeder-a --final 48151.6 --initial 0.3 --serial 20117
            """)
    @OptionGroup var options: SharedOptions
    @Argument(help: "The device.") var device: String
    @Option(help: "Its counter; without it the only one, or active_energy_import.") var point: String?
    @Option(help: "The old meter's last display.") var final: String
    @Option(help: "The new meter's first display.") var initial: String
    @Option(help: "The new meter's serial number.") var serial: String?
    @Flag(help: "Do not ask.") var yes = false

    func run() async throws {
        for (name, text) in [("--final", final), ("--initial", initial)] {
            guard let number = text.split(separator: " ").first.flatMap({ ExactDecimal($0) }), number.mantissa >= 0
            else {
                throw CommandFailure(
                    ExitStatus.wrongUsage, "\(name) \"\(text)\" is no display of a meter", hint: "write 48151.6")
            }
        }
        guard yes || Output.canAsk else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "an exchange cannot be taken back, and here is no terminal to ask on",
                hint: "add --yes when you are sure")
        }
        if !yes {
            let number = serial.map { ", serial \($0)" } ?? ""
            guard Output.confirm("\(device): old meter ended at \(final), new meter began at \(initial)\(number)?")
            else {
                throw CommandFailure(ExitStatus.failed, "nothing was noted")
            }
        }
        var request = ControlRequest()
        request.exchange.device = device
        request.exchange.point = point ?? ""
        request.exchange.final = final
        request.exchange.initial = initial
        request.exchange.serial = serial ?? ""
        try ResultView.finish(try Daemon.ask(request, options).results, options)
    }
}
