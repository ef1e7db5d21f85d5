import ArgumentParser
import ControlProtocol
import Runtime
import Telemetry

/// The group of commands around lamps.
struct LampCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lamp", abstract: "Lamps: levels, and what a technician does with their gear.",
        discussion: """
            A lamp that a calendar rules keeps the level until --for is over, or until the next noon; `release` gives it back \
            to its calendar at once. Without the daemon the driver of the bus is started, from --config; calendars do not \
            apply then.

              candela lamp set north-side 60% --for 2h
              candela lamp off all --for 10min
              candela lamp identify lamp-001
              candela lamp commission lamps --write devices/lamps.yaml
            """,
        subcommands: [
            LampSetCommand.self, LampOffCommand.self, LampMaximumCommand.self, LampIdentifyCommand.self,
            LampReleaseCommand.self, LampScanCommand.self, LampCommissionCommand.self, LampQueryCommand.self,
            LampMemoryCommand.self, LampReplaceCommand.self, LampFaultsCommand.self,
        ])
}

/// What is wanted of a lamp or a group.
struct LampOrder {
    /// As the control protocol names it: set, off, max, identify, release.
    let action: String
    let target: String
    var level = ""
    var span: Duration?

    func carryOut(_ options: SharedOptions) async throws {
        try ResultView.finish(try await results(options), options)
    }

    private func results(_ options: SharedOptions) async throws -> ControlResults {
        if var client = try Daemon.connectIfThere(options) {
            var request = ControlRequest()
            request.lamp.target = target
            request.lamp.action = action
            request.lamp.level = level
            // Part of a second would become "until the next noon".
            request.lamp.forS = span.map { UInt64(max(1, $0.wholeMilliseconds / 1000)) } ?? 0
            return try Daemon.ask(request, &client).results
        }
        return try await DirectAccess(options).lamp(self)
    }
}

struct LampSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "set", abstract: "To a level in percent of light.")
    @OptionGroup var options: SharedOptions
    @Argument(help: "A lamp, a group, or all.") var target: String
    @Argument(help: "0 to 100: 60 or 60%.") var level: String
    @Option(name: .customLong("for"), help: "How long, such as 2h; without it until the next noon.") var span:
        SpanArgument?

    func run() async throws {
        try await LampOrder(action: "set", target: target, level: level, span: span?.duration).carryOut(options)
    }
}

struct LampOffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "off", abstract: "No light.")
    @OptionGroup var options: SharedOptions
    @Argument(help: "A lamp, a group, or all.") var target: String
    @Option(name: .customLong("for"), help: "How long, such as 2h; without it until the next noon.") var span:
        SpanArgument?

    func run() async throws {
        try await LampOrder(action: "off", target: target, span: span?.duration).carryOut(options)
    }
}

struct LampMaximumCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "max", abstract: "Full light.")
    @OptionGroup var options: SharedOptions
    @Argument(help: "A lamp, a group, or all.") var target: String
    @Option(name: .customLong("for"), help: "How long, such as 2h; without it until the next noon.") var span:
        SpanArgument?

    func run() async throws {
        try await LampOrder(action: "max", target: target, span: span?.duration).carryOut(options)
    }
}

struct LampIdentifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "identify", abstract: "Lets it blink for some seconds, to be found in the street.",
        discussion: """
            --walk goes through a bus lamp by lamp: each blinks, and you type its name; Enter keeps it, r blinks again, q \
            ends. In the end it shows entries for the configuration.

              candela lamp identify lamp-001
              candela lamp identify --walk lamps --write devices/lamps.yaml
            """)
    @OptionGroup var options: SharedOptions
    @Argument(help: "A lamp or a group.") var target: String?
    @Option(help: "A bus of the configuration, or a port, to walk through.") var walk: String?
    @Option(help: "After a walk: write its entries into this new file.") var write: String?

    func validate() throws {
        if (target == nil) == (walk == nil) { throw ValidationError("either a lamp or a group, or --walk BUS") }
        if write != nil, walk == nil { throw ValidationError("--write goes with --walk") }
    }

    func run() async throws {
        if let target { return try await LampOrder(action: "identify", target: target).carryOut(options) }
        guard let walk else { return }
        try EntryFile.check(write)
        let place: TaskPlace = walk.contains("/") ? .port(walk, [], driver: "dali") : .bus(walk)
        let entries = try await LampWalk(options: options, place: place).run()
        if let write { return try EntryFile.keep(entries, in: write, by: "lamp identify --walk") }
        Output.print((["devices:"] + entries.map { "  " + $0 }).joined(separator: "\n"))
    }
}

struct LampReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Back to its calendar now; needs the daemon.")
    @OptionGroup var options: SharedOptions
    @Argument(help: "A lamp, a group, or all.") var target: String

    func run() async throws { try await LampOrder(action: "release", target: target).carryOut(options) }
}
