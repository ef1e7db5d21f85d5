import ArgumentParser
import ControlProtocol
import Runtime

/// The night: what is planned, and why a lamp is as it is.
struct LightingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lighting", abstract: "What the calendars plan for a night, and why a lamp is at its level.",
        discussion: """
              candela lighting show
              candela lighting show --on 2026-12-24 --group north-side
              candela lighting explain lamp-001
            """,
        subcommands: [LightingShowCommand.self, LightingExplainCommand.self])
}

struct LightingShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "A night's levels per group, as a table and a picture.",
        discussion: """
            The night of now, or the one that begins in the evening of --on. Without the daemon the configuration is read, \
            from --config.
            """)
    @OptionGroup var options: SharedOptions
    @Option(name: .customLong("on"), help: "The date of its evening, such as 2026-12-24.") var date: String?
    @Option(help: "Only this group.") var group: String?

    func run() async throws {
        let night = try await Self.ask(date: date ?? "", group: group ?? "", options)
        guard !options.json else { return Output.print(LightingView.json(night)) }
        Output.print(LightingView.text(night, width: min(Output.size.width, LightingView.widest)))
    }

    private static func ask(date: String, group: String, _ options: SharedOptions) async throws -> ControlLighting {
        if var client = try Daemon.connectIfThere(options) {
            var request = ControlRequest()
            request.lighting.date = date
            request.lighting.group = group
            return try Daemon.ask(request, &client).lighting
        }
        let configuration = try DirectBus.configuration(options)
        let night: ControlLighting?
        do {
            night = try LightingReport.night(of: configuration, date: date, group: group) {
                Output.complain("lighting: \($0)")
            }
        } catch {
            throw CommandFailure(ExitStatus.wrongUsage, error.message, hint: error.hint)
        }
        guard let night else {
            throw CommandFailure(
                ExitStatus.failed, "no lamp of this configuration is under a calendar",
                hint: "give a group under `lighting.groups` a `calendar`")
        }
        return night
    }
}

struct LightingExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Why a lamp is at its level now; needs the daemon.")
    @OptionGroup var options: SharedOptions
    @Argument(help: "A lamp.") var lamp: String

    func run() async throws {
        var request = ControlRequest()
        request.explain.lamp = lamp
        let told = try Daemon.ask(request, options).explanation
        options.json ? Output.print(LightingView.json(told)) : Output.print(LightingView.text(told))
    }
}
