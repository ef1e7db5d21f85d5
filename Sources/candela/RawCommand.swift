import ArgumentParser
import Telemetry

struct RawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "raw", abstract: "One Modbus request, as it is, and its answer decoded and in hex.",
        discussion: """
            A function that writes needs --write, and asks first. Exit status 4 when nothing answered. --at counts from \
            zero, as on the wire.

              candela raw meters --unit 1 --function 3 --at 0x0000 --count 2
              candela raw /dev/ttyUSB0 --baud 9600 --unit 1 --function 4 --at 0 --count 2
              candela raw meters --unit 1 --function 6 --at 0x10 --values 5 --write
            """)
    @OptionGroup var options: SharedOptions
    @OptionGroup var place: PlaceOptions
    @Argument(help: "A bus of the configuration, or a port.") var bus: String?
    @Option(help: "The unit (slave address): 1 to 247, on TCP 0 to 255.") var unit: NumberArgument
    @Option(help: "The function code: 1, 2, 3, 4, 5, 6, 15, 16, 17, 22, 23, 43, or a maker's own.")
    var function: NumberArgument
    @Option(help: "The first register or coil, from zero: 12 or 0x000C.") var at: NumberArgument?
    @Option(help: "How many.") var count: NumberArgument?
    @Option(help: "Values to write: 5 or 1,2,0xFFFF.") var values: ListArgument?
    @Option(help: "All bytes after the function code, in hex: \"00 10 00 02\".") var bytes: String?
    @Option(help: "HOST:PORT, on a bus with `port: tcp`.") var host: String?
    @Flag(help: "The request changes something.") var write = false
    @Flag(help: "Do not ask.") var yes = false
    @Flag(help: "Also where a household's values may be seen.") var household = false

    /// Write coil, register, coils, registers, file record, mask register, read and write registers (Modbus application protocol 1.1b3, 6).
    private static let writing: Set<Int> = [5, 6, 15, 16, 21, 22, 23]
    /// Functions of the standard that only read. What is in neither list may do anything.
    private static let reading: Set<Int> = [1, 2, 3, 4, 7, 8, 11, 12, 17, 20, 24, 43]

    func validate() throws {
        guard (0...255).contains(unit.value) else { throw ValidationError("--unit goes from 0 to 255") }
        guard (1...127).contains(function.value) else { throw ValidationError("--function goes from 1 to 127") }
        if let at, !(0...65_535).contains(at.value) { throw ValidationError("--at goes from 0 to 65535") }
        if let values, values.items.contains(where: { NumberArgument(argument: $0) == nil }) {
            throw ValidationError("--values are numbers between commas: 1,2,0xFFFF")
        }
    }

    func run() async throws {
        let place = try place.place(bus)
        let mayWrite = !Self.reading.contains(function.value)
        if Self.writing.contains(function.value) || mayWrite, !write {
            throw CommandFailure(
                ExitStatus.wrongUsage,
                Self.writing.contains(function.value)
                    ? "function \(function.value) writes to the device"
                    : "nobody knows what function \(function.value) of this maker does: it may write",
                hint: "add --write when that is meant")
        }
        if write { try confirm() }
        let result = try await TaskRunner(options: options).run(
            TaskOrder("raw", arguments, household: household), at: place, onStep: FindingPrinter(options).step)
        FindingPrinter(options).result(result)
        switch result["outcome"]?.text {
        case "silence": throw ExitStatus.noAnswer
        case "exception", "broken", "gone": throw ExitStatus.failed
        default: break
        }
    }

    private func confirm() throws {
        if yes { return }
        guard Output.canAsk else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "raw asks before it changes anything, and here is no terminal to ask on",
                hint: "add --yes when you are sure")
        }
        let target = "unit \(unit.value)" + (host.map { " of \($0)" } ?? "")
        guard Output.confirm("Send function \(function.value) to \(target), which no profile checks?") else {
            throw CommandFailure(ExitStatus.failed, "nothing was sent")
        }
    }

    private var arguments: [JSONValue.Member] {
        var members: [JSONValue.Member] = [
            .init("unit", .integer(unit.value)), .init("function", .integer(function.value)),
        ]
        if let at { members.append(.init("at", .integer(at.value))) }
        if let count { members.append(.init("count", .integer(count.value))) }
        if let values {
            let numbers = values.items.compactMap { NumberArgument(argument: $0)?.value }
            members.append(.init("values", .array(numbers.map(JSONValue.integer))))
        }
        if let bytes { members.append(.init("bytes", .string(bytes))) }
        if let host { members.append(.init("host", .string(host))) }
        if write { members.append(.init("write", .bool(true))) }
        return members
    }
}
