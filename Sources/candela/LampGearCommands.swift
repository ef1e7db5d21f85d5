import ArgumentParser
import ControlProtocol
import Runtime
import Telemetry

struct LampQueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Everything that a lamp's gear tells of itself, in words.")
    @OptionGroup var options: SharedOptions
    @Argument(help: "A lamp.") var lamp: String

    func run() async throws {
        let task = LampTask(options)
        let printer = FindingPrinter(options)
        let result = try await task.run(
            TaskOrder("query", [.init("device", .string(lamp))]), at: task.bus(of: lamp), onStep: printer.step)
        if options.json { printer.result(result) } else { Output.print(LampView.facts(result)) }
    }
}

struct LampMemoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory", abstract: "A memory bank of a lamp's gear: its bytes, and what they mean.",
        discussion: """
            0 identity, 1 luminaire, 202 to 204 energy, 205 to 207 diagnostics and maintenance.

              candela lamp memory lamp-001 202
            """)
    @OptionGroup var options: SharedOptions
    @Argument(help: "A lamp.") var lamp: String
    @Argument(help: "The number of the bank, 0 to 255.") var bank: UInt8

    func run() async throws {
        let task = LampTask(options)
        let printer = FindingPrinter(options)
        let result = try await task.run(
            TaskOrder("memory", [.init("device", .string(lamp)), .init("bank", .integer(bank))]),
            at: task.bus(of: lamp), onStep: printer.step)
        if options.json { printer.result(result) } else { Output.print(LampView.memory(result)) }
    }
}

struct LampReplaceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace", abstract: "Accepts the gear that now sits at a lamp's address as the lamp's own.",
        discussion: "After a driver was swapped: its hours and energy begin anew, and the alarm identity_changed ends.")
    @OptionGroup var options: SharedOptions
    @Argument(help: "A lamp.") var lamp: String
    @Flag(help: "Do not ask.") var yes = false

    func run() async throws {
        if !yes {
            guard Output.canAsk else {
                throw CommandFailure(
                    ExitStatus.wrongUsage, "replace asks first, and here is no terminal to ask on",
                    hint: "add --yes when that is meant")
            }
            guard Output.confirm("Accept whatever gear is at the address of \(lamp) as its own?") else {
                throw CommandFailure(ExitStatus.failed, "nothing was changed")
            }
        }
        let task = LampTask(options)
        let printer = FindingPrinter(options)
        let result = try await task.run(
            TaskOrder("replace", [.init("device", .string(lamp))]), at: task.bus(of: lamp), onStep: printer.step)
        printer.result(result)
    }
}

extension ControlRequest {
    static func devices(of device: String) -> ControlRequest {
        var request = ControlRequest()
        request.devices.device = device
        return request
    }
}
