import ArgumentParser
import Configuration
import Runtime
import Telemetry

/// The group of commands around the configuration.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Checks and explains a configuration; needs no daemon.",
        subcommands: [ConfigCheckCommand.self, ConfigShowCommand.self])
}

struct ConfigCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Names every mistake at its place; exit status 2 when there is an error.",
        discussion: """
            Each driver is asked what it thinks of its bus and devices; nothing in the field is touched. One line per mistake:

              gateway.yaml:12:5: error: what is wrong; what was expected (what to do)
            """)
    @OptionGroup var options: SharedOptions
    @Argument(help: "The configuration file, instead of --config.") var file: String?

    func run() async throws {
        let check = await ConfigurationCheck(options.keeper(for: file)).run()
        if options.json {
            Output.print(.array(check.diagnostics.map(DiagnosticJSON.of)))
        } else {
            for diagnostic in check.diagnostics { Output.print(diagnostic.description) }
            Output.print(check.summary)
        }
        if check.hasErrors { throw ExitStatus.wrongUsage }
    }
}

struct ConfigShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "The configuration in force: defaults, ranges and ports written out, secrets as their references.")
    @OptionGroup var options: SharedOptions
    @Flag(help: "Say of each value in which file and line it stands.") var origin = false
    @Argument(help: "The configuration file, instead of --config.") var file: String?

    func run() async throws {
        let keeper = options.keeper(for: file)
        let load = keeper.load()
        for error in load.errors { Output.complain(error.description) }
        guard let configuration = load.configuration else {
            throw CommandFailure(ExitStatus.wrongUsage, "\(keeper.path) cannot be used: there is nothing to show")
        }
        if options.json {
            Output.print(configuration.explainedJSON(origin: origin))
        } else {
            Output.print(String(configuration.explained(origin: origin).dropLast()))
        }
        guard load.hasErrors else { return }
        throw CommandFailure(
            ExitStatus.wrongUsage,
            "parts with errors are left out: \(load.disabled.map(\.part.description).joined(separator: ", "))",
            hint: "candela config check \(keeper.path) lists everything")
    }
}

/// A mistake in a configuration, for programs.
enum DiagnosticJSON {
    static func of(_ diagnostic: Diagnostic) -> JSONValue {
        [
            "file": .string(diagnostic.file), "line": .integer(diagnostic.line), "column": .integer(diagnostic.column),
            "severity": .string(diagnostic.severity.name), "message": .string(diagnostic.message),
            "hint": diagnostic.hint.map(JSONValue.string) ?? .null,
            "subject": diagnostic.subject.map { .string($0.description) } ?? .null,
        ]
    }
}
