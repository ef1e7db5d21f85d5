import ArgumentParser
import Configuration
import Glibc
import Runtime
import Telemetry

/// The group of commands around device profiles.
struct ProfileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "The library of device profiles: list, show, check, try, corrections.",
        subcommands: [
            ProfileListCommand.self, ProfileShowCommand.self, ProfileCheckCommand.self, ProfileTryCommand.self,
            ProfileCorrectionsCommand.self,
        ])
}

/// Where profiles are found.
struct ShelfOptions: ParsableArguments {
    @Option(help: "Profiles of this driver.") var driver = "modbus"

    /// The folders of the configuration, where there is one, before the driver's own.
    func shelf(_ options: SharedOptions) throws -> ProfileShelf {
        let keeper = options.keeper
        var folders: [String] = []
        if options.config != nil || access(options.configurationPath, R_OK) == 0 {
            folders = keeper.load().configuration?.profileFolders ?? []
        }
        let catalog = keeper.catalog().catalog
        guard catalog[driver] != nil else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "there is no driver \(driver)",
                hint: "name the folder of driver packages with --drivers")
        }
        return ProfileShelf(driver: driver, folders: folders, catalog: catalog)
    }

    func entry(_ name: String, on shelf: ProfileShelf) throws -> ProfileShelf.Entry {
        let entries = shelf.entries
        if let entry = entries.first(where: { $0.name == name }) { return entry }
        let nearest = NearestName.of(name, among: entries.map(\.name))
        throw CommandFailure(
            ExitStatus.wrongUsage, "there is no profile \(name) in \(shelf.folders.joined(separator: ", "))",
            hint: nearest.map { "did you mean \($0)?" } ?? "candela profile list shows them")
    }

    /// A driver that is only configured: nothing of it reaches a port.
    var nowhere: TaskPlace { .port("tcp", [], driver: driver) }
}

struct ProfileListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Every profile with what it is for and how well it is known.")
    @OptionGroup var options: SharedOptions
    @OptionGroup var shelf: ShelfOptions
    @Argument(help: "Only those whose name or models contain this.") var text: String?

    func run() async throws {
        let shelf = try shelf.shelf(options)
        var rows: [JSONValue] = []
        var table = Table([
            ("PROFILE", .left), ("STATUS", .left), ("VALUES", .right), ("MEDIUM", .left), ("MODELS", .left),
        ])
        let wanted = text?.lowercased()
        for entry in shelf.entries {
            guard let content = shelf.read(entry).document?.content else {
                table.add(entry.name, "unreadable", "-", "-", "candela profile check \(entry.path)")
                continue
            }
            let facts = ProfileFacts(entry, content)
            if let wanted, !facts.searched.contains(wanted) { continue }
            rows.append(facts.json)
            table.add(
                facts.name, facts.status, facts.values > 0 ? "\(facts.values)" : "-", facts.medium,
                facts.models(width: 24))
        }
        if options.json { Output.print(.array(rows)) } else { Output.print(table.text) }
    }
}

struct ProfileShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One profile: what it is for, where it comes from, and each value with its register.")
    @OptionGroup var options: SharedOptions
    @OptionGroup var shelf: ShelfOptions
    @Argument(help: "Its name.") var name: String

    func run() async throws {
        let folders = try shelf.shelf(options)
        let entry = try shelf.entry(name, on: folders)
        let (document, problems) = folders.read(entry)
        guard let content = document?.content else {
            for problem in problems { Output.complain(problem.description) }
            throw CommandFailure(ExitStatus.wrongUsage, "\(entry.path) cannot be read")
        }
        let facts = ProfileFacts(entry, content)
        let explained = try await explain(folders, entry, content)
        if options.json {
            var members: [JSONValue.Member] = []
            if case .object(let own) = facts.json { members = own }
            members.append(.init("explained", explained ?? .null))
            return Output.print(.object(members))
        }
        var lines = facts.lines
        lines.append("")
        lines += explained.map { FindingView.lines($0) } ?? facts.valueLines
        Output.print(lines.joined(separator: "\n"))
    }

    /// The driver's own reading of it; nil where it has no such task, or the profile has errors.
    private func explain(_ folders: ProfileShelf, _ entry: ProfileShelf.Entry, _ content: YAMLNode) async throws
        -> JSONValue?
    {
        let arguments: [JSONValue.Member] = [
            .init("profile", .string(name)), .init("source", .string(entry.path)),
            .init("content", TaskArguments.content(content)),
        ]
        do {
            return try await TaskRunner(options: options).run(
                TaskOrder("profile_explain", arguments, needsPort: false), at: shelf.nowhere, onStep: { _ in })
        } catch let failure as CommandFailure {
            Output.complain("(its values as they stand in the file: \(failure.message))")
            return nil
        }
    }
}

struct ProfileCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Names every mistake in profile files at its place; exit status 2 when there is an error.",
        discussion: """
            The driver reads each file as it would for a device, and compares it with the profiles it has. One line per mistake:

              acme-m1.yaml:12:5: error: what is wrong; what was expected
            """)
    @OptionGroup var options: SharedOptions
    @OptionGroup var shelf: ShelfOptions
    @Argument(help: "Profile files.") var files: [String]

    func run() async throws {
        let folders = try shelf.shelf(options)
        let found = try await Self.check(files.map(ProfileShelf.entry(ofFile:)), folders, shelf, options)
        let (errors, warnings) = (found.count { $0.severity == .error }, found.count { $0.severity == .warning })
        if options.json {
            Output.print(.array(found.map(DiagnosticJSON.of)))
        } else {
            for diagnostic in found { Output.print(diagnostic.description) }
            Output.print(
                "\(Formats.count(files.count, "profile")): \(errors == 0 && warnings == 0 ? "ok" : "\(Formats.count(errors, "error")), \(Formats.count(warnings, "warning"))")"
            )
        }
        if errors > 0 { throw ExitStatus.wrongUsage }
    }

    static func check(
        _ entries: [ProfileShelf.Entry], _ folders: ProfileShelf, _ shelf: ShelfOptions, _ options: SharedOptions
    ) async throws -> [Diagnostic] {
        var found: [Diagnostic] = []
        for entry in entries {
            let (document, problems) = folders.read(entry)
            found += problems
            guard let document else { continue }
            let arguments: [JSONValue.Member] = [
                .init("profile", .string(entry.name)), .init("source", .string(entry.path)),
                .init("content", TaskArguments.content(document.content)), .init(TaskArguments.profiles, "library"),
            ]
            let result = try await TaskRunner(options: options).run(
                TaskOrder("profile_check", arguments, needsPort: false), at: shelf.nowhere, onStep: { _ in })
            found += diagnostics(result, of: document)
        }
        return found.sorted()
    }

    /// The driver names keys and positions; the tree knows where they were written.
    static func diagnostics(_ result: JSONValue, of document: ProfileDocument) -> [Diagnostic] {
        guard case .array(let items)? = result["diagnostics"] else { return [] }
        return items.map { item in
            var path: [String] = []
            if case .array(let steps)? = item["path"] { path = steps.map(FindingView.plain) }
            return Diagnostic(
                item["severity"]?.text == "warning" ? .warning : .error,
                at: document.content.position(path: path, atKey: item["at_key"] == .bool(true)),
                item["message"]?.text ?? "it cannot be used",
                subject: .profile(driver: document.driver, name: document.name))
        }
    }
}

struct ProfileTryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "try", abstract: "Reads everything of a profile once from a device, beside what is plausible.",
        discussion: """
              candela profile try eastron-sdm630 --bus meters --address 1
              candela profile try eastron-sdm630 --port /dev/ttyUSB0 --baud 9600 --parity even --address 1
              candela profile try abb-b23 --port tcp://192.0.2.17:502 --address 1
            """)
    @OptionGroup var options: SharedOptions
    @OptionGroup var place: PlaceOptions
    @Argument(help: "The profile's name, or a file.") var name: String
    @Option(help: "A bus of the configuration.") var bus: String?
    @Option(help: "The unit (slave address).") var address: NumberArgument
    @Option(help: "HOST:PORT, on a bus with `port: tcp`.") var host: String?
    @Flag(help: "Also where a household's values may be seen.") var household = false

    func run() async throws {
        var shelf = ShelfOptions()
        shelf.driver = place.driver
        let folders = try shelf.shelf(options)
        let entry =
            name.contains("/") || name.hasSuffix(".yaml")
            ? ProfileShelf.entry(ofFile: name) : try shelf.entry(name, on: folders)
        let (document, problems) = folders.read(entry)
        guard let document else {
            for problem in problems { Output.complain(problem.description) }
            throw CommandFailure(ExitStatus.wrongUsage, "\(entry.path) cannot be read")
        }
        var arguments: [JSONValue.Member] = [
            .init("profile", .string(entry.name)), .init("source", .string(entry.path)),
            .init("content", TaskArguments.content(document.content)), .init("unit", .integer(address.value)),
        ]
        if let host { arguments.append(.init("host", .string(host))) }
        let printer = FindingPrinter(options)
        let result = try await TaskRunner(options: options).run(
            TaskOrder("profile_try", arguments, household: household), at: try place.place(bus), onStep: printer.step)
        printer.result(result)
    }
}
