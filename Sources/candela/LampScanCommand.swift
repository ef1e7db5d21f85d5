import ArgumentParser
import Configuration
import ControlProtocol
import Glibc
import Runtime
import Telemetry

struct LampScanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan", abstract: "Who is on a DALI bus: gear, sensors, addresses taken twice.",
        discussion: """
            Only asks, between the polls of a bus that runs. --unaddressed also searches for gear without an address.

              candela lamp scan lamps
              candela lamp scan --driver dali --port /dev/ttyUSB0 --unaddressed
            """)
    @OptionGroup var options: SharedOptions
    @OptionGroup var place: PlaceOptions
    @Argument(help: "A bus of the configuration, or a port.") var bus: String?
    @Option(help: "Addresses to ask: 0-63.") var addresses: RangeArgument?
    @Flag(help: "Also count gear without an address; needs INITIALISE, changes nothing.") var unaddressed = false
    @Option(help: "Write the proposed entries into this new file.") var write: String?

    func validate() throws {
        if let addresses, addresses.first < 0 || addresses.last > 63 {
            throw ValidationError("--addresses go from 0 to 63")
        }
    }

    func run() async throws {
        try EntryFile.check(write)
        var members: [JSONValue.Member] = []
        if let addresses {
            members.append(.init("addresses", [.integer(addresses.first), .integer(addresses.last)]))
        }
        if unaddressed { members.append(.init("random", .bool(true))) }
        let printer = FindingPrinter(options)
        let result = try await LampTask(options).run(
            TaskOrder("scan", members), at: LampTask.place(place, bus), onStep: printer.step)
        if options.json { printer.result(result) } else { Output.print(LampView.scan(result)) }
        if let write { try EntryFile.keep(LampView.strings(result["entries"]), in: write, by: "lamp scan") }
        if Interruption.came { throw ExitStatus.failed }
    }
}

struct LampCommissionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commission", abstract: "Gives every gear of a DALI bus an address of its own.",
        discussion: """
            Addresses in use are kept; gear that the file or an earlier run knows gets the address that stands in the \
            file. It can be cut off at any step and begun again. Polling rests meanwhile: it says for how long, and asks.

              candela lamp commission lamps
              candela lamp commission lamps --write devices/lamps.yaml
              candela lamp commission lamps --new --first 10
            """)
    @OptionGroup var options: SharedOptions
    @OptionGroup var place: PlaceOptions
    @Argument(help: "A bus of the configuration, or a port.") var bus: String?
    @Flag(help: "Every gear gets a new address; nothing is kept but what the file says.") var new = false
    @Option(help: "Lowest address for new gear: 0 to 63.") var first: UInt8?
    @Option(help: "Write the proposed entries into this new file.") var write: String?
    @Flag(help: "Do not ask.") var yes = false

    func validate() throws {
        if let first, first > 63 { throw ValidationError("--first goes from 0 to 63") }
    }

    func run() async throws {
        try EntryFile.check(write)
        let place = try LampTask.place(place, bus)
        let task = LampTask(options)
        try await confirm(task, place)
        let printer = FindingPrinter(options)
        let result = try await task.run(TaskOrder("commission", arguments), at: place, onStep: printer.step)
        if options.json { printer.result(result) } else { Output.print(LampView.commissioning(result)) }
        if let write { try EntryFile.keep(LampView.strings(result["entries"]), in: write, by: "lamp commission") }
        if Interruption.came || !LampView.strings(result["problems"]).isEmpty { throw ExitStatus.failed }
    }

    private var arguments: [JSONValue.Member] {
        var members: [JSONValue.Member] = [.init("mode", .string(new ? "new" : "extend"))]
        if let first { members.append(.init("first", .integer(first))) }
        return members
    }

    private func confirm(_ task: LampTask, _ place: TaskPlace) async throws {
        if yes { return }
        let estimate = try await task.run(
            TaskOrder("commission", arguments + [.init("estimate", .bool(true))]), at: place, onStep: { _ in })
        let seconds = UInt64(max(0, estimate["interrupted_seconds"]?.number?.approximation ?? 0))
        let full = UInt64(max(0, estimate["full_bus_seconds"]?.number?.approximation ?? 0))
        let lamps = LampView.strings(estimate["interrupts"]).count
        Output.complain(
            "Commissioning takes about \(Formats.span(seconds: seconds))"
                + (full > seconds ? ", up to \(Formats.span(seconds: full)) where 64 gear have no address yet; " : "; ")
                + "\(Formats.count(lamps, "lamp")) of the configuration "
                + "\(lamps == 1 ? "is" : "are") not polled meanwhile. Lamps keep their levels; commands still reach them."
                + (new ? " With --new EVERY gear on the bus loses its address." : ""))
        guard Output.canAsk else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "commission asks before it interrupts a bus, and here is no terminal to ask on",
                hint: "add --yes when that is meant")
        }
        guard Output.confirm("Go on?") else { throw CommandFailure(ExitStatus.failed, "nothing was changed") }
    }
}

/// Tasks of a DALI bus.
struct LampTask {
    let options: SharedOptions

    init(_ options: SharedOptions) { self.options = options }

    func run(_ order: TaskOrder, at place: TaskPlace, onStep: @escaping @Sendable (JSONValue) -> Void) async throws
        -> JSONValue
    {
        try await TaskRunner(options: options, devices: .all).run(order, at: place, onStep: onStep)
    }

    /// A bare port of `lamp` has lamps behind it, unless another driver is named.
    static func place(_ options: PlaceOptions, _ bus: String?) throws -> TaskPlace {
        var options = options
        if options.namedDriver == nil { options.namedDriver = "dali" }
        return try options.place(bus)
    }

    /// The bus of a lamp: the daemon knows it, or the configuration.
    func bus(of lamp: String) throws -> TaskPlace {
        if var client = try Daemon.connectIfThere(options) {
            var request = ControlRequest.devices(of: lamp)
            request.devices.device = lamp
            guard let info = try Daemon.ask(request, &client).devices.devices.first else {
                throw CommandFailure(ExitStatus.wrongUsage, "there is no lamp \(lamp)")
            }
            return .bus(info.bus)
        }
        let configuration = try DirectBus.configuration(options)
        guard let device = configuration.device(lamp) else {
            let nearest = NearestName.of(lamp, among: configuration.devices.map(\.name))
            throw CommandFailure(
                ExitStatus.wrongUsage, "there is no lamp \(lamp)",
                hint: nearest.map { "did you mean \($0)?" } ?? "candela config show lists them")
        }
        return .bus(device.bus)
    }
}

/// Entries of a configuration in a file of their own.
enum EntryFile {
    /// Before anything is done in the field.
    static func check(_ path: String?) throws {
        guard let path, access(path, F_OK) == 0 else { return }
        throw CommandFailure(
            ExitStatus.wrongUsage, "\(path) is there already; a new file is made only, and none is changed",
            hint: "name another one")
    }

    static func keep(_ entries: [String], in path: String, by command: String) throws {
        guard !entries.isEmpty else {
            throw CommandFailure(ExitStatus.failed, "nothing was found that could be written to \(path)")
        }
        let text =
            "# Found by candela \(command); check each entry before it is used.\ndevices:\n"
            + entries.map { "  \($0)\n" }.joined()
        guard NewFile.write(path, text) else {
            throw CommandFailure(
                ExitStatus.failed, "\(path) cannot be written: \(String(cString: strerror(errno)))",
                hint: "is there a folder of that name, and may you write to it?")
        }
        Output.complain("written to \(path); include it with `include: [\(path)]`")
    }
}
