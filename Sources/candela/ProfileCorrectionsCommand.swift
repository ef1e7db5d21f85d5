import ArgumentParser
import Telemetry

struct ProfileCorrectionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "corrections", abstract: "What the devices of a bus refused, as lines for their profiles.",
        discussion: """
            Needs the daemon: what was learned is kept with its state, over restarts. Nothing is asked of a device. Events \
            register_refused tell when there is something new. A profile with another version is tried from its beginning again.
            """)
    @OptionGroup var options: SharedOptions
    @Argument(help: "A bus of the configuration.") var bus: String
    @Option(help: "Only this device.") var device: String?

    func run() async throws {
        // A driver started here would know nothing of what was learned.
        _ = try Daemon.connect(options)
        let arguments = device.map { [JSONValue.Member("device", .string($0))] } ?? []
        let result = try await TaskRunner(options: options).run(TaskOrder("corrections", arguments), at: .bus(bus)) {
            _ in
        }
        if options.json { Output.print(result) } else { Output.print(Self.text(result)) }
    }

    static func text(_ result: JSONValue) -> String {
        let corrections = list(result["corrections"])
        guard !corrections.isEmpty else { return "nothing was refused: the profiles hold" }
        return corrections.map { correction in
            let title = "# \(correction["device"]?.text ?? "?"), profile \(correction["profile"]?.text ?? "?")"
            let lines = list(correction["lines"]).compactMap(\.text)
            return ([title] + lines).joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    private static func list(_ value: JSONValue?) -> [JSONValue] {
        if case .array(let items)? = value { items } else { [] }
    }
}
