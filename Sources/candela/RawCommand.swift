import ArgumentParser
import Telemetry

struct RawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "raw", abstract: "One request, as it is, and its answer decoded and in hex: Modbus or DALI.",
        discussion: """
            A function that writes needs --write, and asks first. Exit status 4 when nothing answered. --at counts from \
            zero, as on the wire.

              candela raw meters --unit 1 --function 3 --at 0x0000 --count 2
              candela raw /dev/ttyUSB0 --baud 9600 --unit 1 --function 4 --at 0 --count 2
              candela raw meters --unit 1 --function 6 --at 0x10 --values 5 --write
              candela raw lamps --frame "A3 QUERY STATUS"
              candela raw lamps --frame "G2 DAPC 127" --write
            """)
    @OptionGroup var options: SharedOptions
    @OptionGroup var place: PlaceOptions
    @Argument(help: "A bus of the configuration, or a port.") var bus: String?
    @Option(help: "The unit (slave address): 1 to 247, on TCP 0 to 255.") var unit: NumberArgument?
    @Option(help: "A DALI frame: bytes (\"FE 91\") or words (\"A3 QUERY STATUS\", \"all OFF\").") var frame: String?
    @Option(help: "The function code: 1, 2, 3, 4, 5, 6, 15, 16, 17, 22, 23, 43, or a maker's own.")
    var function: NumberArgument?
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
        if frame != nil {
            guard unit == nil, function == nil, at == nil, count == nil, values == nil, bytes == nil, host == nil else {
                throw ValidationError("--frame is for DALI, and stands alone; --unit and --function are for Modbus")
            }
            return
        }
        guard let unit, let function else {
            throw ValidationError("--unit and --function for Modbus, or --frame for DALI")
        }
        guard (0...255).contains(unit.value) else { throw ValidationError("--unit goes from 0 to 255") }
        guard (1...127).contains(function.value) else { throw ValidationError("--function goes from 1 to 127") }
        if let at, !(0...65_535).contains(at.value) { throw ValidationError("--at goes from 0 to 65535") }
        if let values, values.items.contains(where: { NumberArgument(argument: $0) == nil }) {
            throw ValidationError("--values are numbers between commas: 1,2,0xFFFF")
        }
    }

    func run() async throws {
        let place = try frame == nil ? place.place(bus) : LampTask.place(place, bus)
        if let refusal, !write {
            throw CommandFailure(ExitStatus.wrongUsage, refusal, hint: "add --write when that is meant")
        }
        if write { try confirm() }
        let result = try await TaskRunner(options: options).run(
            TaskOrder("raw", arguments, household: household), at: place, onStep: FindingPrinter(options).step)
        FindingPrinter(options).result(result)
        switch result["outcome"]?.text {
        case "silence": throw ExitStatus.noAnswer
        // To a question on a DALI bus silence is NO, and an answer all the same.
        case "exception", "broken", "gone", "error": throw ExitStatus.failed
        default: break
        }
    }

    /// Why it needs --write; nil when it only asks.
    private var refusal: String? {
        if let frame { return Self.isQuestion(frame) ? nil : "\(frame) may change something on the bus" }
        guard let function, !Self.reading.contains(function.value) else { return nil }
        return Self.writing.contains(function.value)
            ? "function \(function.value) writes to the device"
            : "nobody knows what function \(function.value) of this maker does: it may write"
    }

    /// DALI: queries by name, or 16 bits to gear whose opcode asks (90 and above, IEC 62386-102).
    private static func isQuestion(_ frame: String) -> Bool {
        let text = frame.uppercased()
        if ["QUERY", "READ MEMORY", "COMPARE", "VERIFY"].contains(where: { text.contains($0) }) { return true }
        let digits = text.filter { $0 != " " }
        guard digits.count == 4, let number = UInt16(digits, radix: 16) else { return false }
        let (first, second) = (number >> 8, number & 0xFF)
        return first & 1 == 1 && (first < 0xA0 || first >= 0xFC) && second >= 0x90
    }

    private func confirm() throws {
        if yes { return }
        guard Output.canAsk else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "raw asks before it changes anything, and here is no terminal to ask on",
                hint: "add --yes when you are sure")
        }
        let what =
            frame ?? "function \(function?.description ?? "") to unit \(unit?.description ?? "")"
            + (host.map { " of \($0)" } ?? "")
        guard Output.confirm("Send \(what), which no profile checks?") else {
            throw CommandFailure(ExitStatus.failed, "nothing was sent")
        }
    }

    private var arguments: [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        if let frame { members.append(.init("frame", .string(frame))) }
        if let unit { members.append(.init("unit", .integer(unit.value))) }
        if let function { members.append(.init("function", .integer(function.value))) }
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
