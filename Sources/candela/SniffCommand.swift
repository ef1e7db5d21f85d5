import ArgumentParser
import Telemetry

struct SniffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sniff",
        abstract: "Listens on a Modbus RTU line or a DALI bus without ever sending.",
        discussion: """
            Requests and answers of others are paired and decoded until Ctrl-C. On a bus of the configuration our own \
            polling stops meanwhile. On a Modbus port without --baud the settings are guessed.

              candela sniff /dev/ttyUSB0
              candela sniff /dev/ttyUSB0 --baud 9600 --parity even --seconds 60
              candela sniff lamps
            """)
    @OptionGroup var options: SharedOptions
    @OptionGroup var place: PlaceOptions
    @Argument(help: "A port, or a bus of the configuration.") var bus: String?
    @Option(help: "End after so many seconds.") var seconds: UInt32?
    @Flag(help: "Do not ask.") var yes = false
    @Flag(help: "Also where a household's values may be seen.") var household = false

    func run() async throws {
        // Given here they say what to listen with, on a bus of the configuration too.
        var settings = place
        (settings.baud, settings.parity, settings.stopBits) = (nil, nil, nil)
        let target = try settings.place(bus)
        var place = target
        if case .port(let path, _, let driver) = target { place = .port(path, self.place.busOptions, driver: driver) }
        if case .bus(let name) = place, !yes, Output.canAsk {
            guard Output.confirm("Polling on bus \(name) stops while you listen. Go on?") else {
                throw CommandFailure(ExitStatus.failed, "nothing was changed")
            }
        }
        let printer = FindingPrinter(options)
        let result = try await TaskRunner(options: options).run(
            TaskOrder("sniff", arguments, household: household), at: place, onStep: printer.step)
        printer.result(result)
    }

    private var arguments: [JSONValue.Member] {
        var members = place.busOptions
        if let seconds { members.append(.init("seconds", .integer(seconds))) }
        return members
    }
}
