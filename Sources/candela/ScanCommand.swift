import ArgumentParser
import Configuration
import Glibc
import Runtime
import Telemetry

struct ScanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Finds devices, identifies their model, and proposes entries for the configuration.",
        discussion: """
            Only reads. On a bus that runs, other baud rates or parities interrupt polling: it says for how long, and asks. \
            A model is named only when the device's own words or the vendor's identification say so.

              candela scan meters
              candela scan --port /dev/ttyUSB0 --addresses 1-32 --bauds 9600,19200 --parities none,even
              candela scan --hosts 192.0.2.0/24 --write devices/found.yaml
            """)
    @OptionGroup var options: SharedOptions
    @OptionGroup var place: PlaceOptions
    @Argument(help: "A bus of the configuration, or a port.") var bus: String?
    @Option(help: "Addresses to try: 1-247.") var addresses: RangeArgument?
    @Option(help: "Baud rates to try, such as 9600,19200; without it the bus's own.") var bauds: ListArgument?
    @Option(help: "Parities to try, such as none,even; without it the bus's own.") var parities: ListArgument?
    @Option(help: "Hosts to try: 192.0.2.17, 192.0.2.0/24, 192.0.2.1:1502; several between commas.")
    var hosts: ListArgument?
    @Option(help: "Write the proposed entries into this new file.") var write: String?
    @Flag(help: "Do not ask.") var yes = false
    @Flag(help: "Also where a household's values may be seen.") var household = false

    func validate() throws {
        if let addresses, !(0...255).contains(addresses.first) || !(0...255).contains(addresses.last) {
            throw ValidationError("--addresses go from 0 to 255")
        }
        if let bauds, bauds.items.contains(where: { Int($0) == nil }) {
            throw ValidationError("--bauds are numbers between commas: 9600,19200")
        }
        if let parities, let wrong = parities.items.first(where: { !PlaceOptions.parities.contains($0) }) {
            throw ValidationError("--parities are none, even and odd, not \"\(wrong)\"")
        }
    }

    func run() async throws {
        if let write, access(write, F_OK) == 0 {
            throw CommandFailure(
                ExitStatus.wrongUsage, "\(write) is there already; scan makes a new file only and changes none",
                hint: "name another one")
        }
        var target = place
        if bus == nil, place.port == nil, hosts != nil { target.port = "tcp" }
        let place = try target.place(bus)
        try await confirm(place)
        let printer = FindingPrinter(options)
        let result = try await runner.run(
            TaskOrder("scan", arguments, household: household), at: place, onStep: printer.step)
        if options.json { printer.result(result) } else { Output.print(ScanView.text(result)) }
        if let write { try keep(result, in: write) }
        // Half a scan is no answer to what is on the bus.
        if Interruption.came { throw ExitStatus.failed }
    }

    /// Devices of the configuration are known by their names.
    private var runner: TaskRunner { TaskRunner(options: options, devices: .all) }

    /// A scan with the bus's own settings goes on between polls; one with others stops them, and says for how long.
    private func confirm(_ place: TaskPlace) async throws {
        guard bauds != nil || parities != nil, !yes, case .bus(let name) = place else { return }
        let estimate = try await runner.run(
            TaskOrder("scan", arguments + [.init("estimate", .bool(true))], household: household), at: place,
            onStep: { _ in })
        guard case .array(let interrupted)? = estimate["interrupts"], !interrupted.isEmpty else { return }
        let seconds = UInt64(max(0, estimate["interrupted_seconds"]?.number?.approximation ?? 0))
        Output.complain(
            "Scanning bus \(name) with other settings stops its polling: \(Formats.count(interrupted.count, "device")) "
                + "give no readings for about \(Formats.span(seconds: seconds)): "
                + Formats.clip(interrupted.map(FindingView.plain).joined(separator: ", "), 200))
        guard Output.canAsk else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "scan asks before it interrupts a bus, and here is no terminal to ask on",
                hint: "add --yes when that is meant")
        }
        guard Output.confirm("Go on?") else { throw CommandFailure(ExitStatus.failed, "nothing was changed") }
    }

    private var arguments: [JSONValue.Member] {
        var members: [JSONValue.Member] = [.init(TaskArguments.profiles, "library")]
        if let addresses {
            members.append(.init("addresses", [.integer(addresses.first), .integer(addresses.last)]))
        }
        if let bauds {
            members.append(.init("bauds", .array(bauds.items.compactMap { Int($0) }.map(JSONValue.integer))))
        }
        if let parities { members.append(.init("parities", .array(parities.items.map(JSONValue.string)))) }
        if let hosts { members.append(.init("hosts", .array(hosts.items.map(JSONValue.string)))) }
        return members
    }

    private func keep(_ result: JSONValue, in path: String) throws {
        let entries = ScanView.entries(result)
        guard !entries.isEmpty else {
            throw CommandFailure(ExitStatus.failed, "nothing was found that could be written to \(path)")
        }
        let text = "devices:\n" + entries.map { "  \($0)\n" }.joined()
        let header = "# Found by candela scan; check each entry before it is used.\n"
        guard NewFile.write(path, header + text) else {
            throw CommandFailure(
                ExitStatus.failed, "\(path) cannot be written: \(String(cString: strerror(errno)))",
                hint: "is there a folder of that name, and may you write to it?")
        }
        Output.complain("written to \(path); include it with `include: [\(path)]`")
    }
}

/// Files that people ask for.
enum NewFile {
    /// Never over an existing one.
    static func write(_ path: String, _ text: String) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
