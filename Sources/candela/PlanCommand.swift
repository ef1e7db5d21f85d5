import ArgumentParser
import Configuration
import Runtime
import Telemetry

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract:
            "What each bus will be asked to do, from the configuration alone: load, and intervals that cannot be met.",
        discussion: """
            Needs neither daemon nor port. Exit status 1 when an interval cannot be met.

              candela plan --config gateway.yaml
              candela plan meters
            """)
    @OptionGroup var options: SharedOptions
    @Argument(help: "Only this bus.") var bus: String?

    func run() async throws {
        let configuration = try DirectBus.configuration(options)
        let wanted = configuration.buses.filter { bus == nil || $0.name == bus }
        guard !wanted.isEmpty else {
            let nearest = NearestName.of(bus ?? "", among: configuration.buses.map(\.name))
            throw CommandFailure(
                ExitStatus.wrongUsage, "there is no bus \(bus ?? "in this configuration")",
                hint: nearest.map { "did you mean \($0)?" } ?? "candela config show lists them")
        }
        var plans: [JSONValue.Member] = []
        var isLate = false
        for (index, bus) in wanted.enumerated() {
            let outcome: JSONValue
            do {
                outcome = try await TaskRunner(options: options).run(
                    TaskOrder("plan", needsPort: false), at: .bus(bus.name), onStep: { _ in })
            } catch let failure as CommandFailure where self.bus == nil && failure.message.contains("knows no task") {
                // A bus of another kind than Modbus has no plan, and that is no fault.
                outcome = ["note": .string("the driver \(bus.driver) makes no plan")]
            }
            if case .array(let late)? = outcome["late"], !late.isEmpty { isLate = true }
            plans.append(.init(bus.name, outcome))
            if !options.json {
                if index > 0 { Output.print("") }
                Output.print("bus \(bus.name): \(bus.driver) on \(bus.port.written)")
                Output.print(PlanView.lines(outcome).joined(separator: "\n"))
            }
        }
        let notes = NightShift.notes(of: configuration)
        if options.json {
            if !notes.isEmpty { plans.append(.init("notes", .array(notes.map(JSONValue.string)))) }
            Output.print(.object(plans))
        } else if bus == nil, !notes.isEmpty {
            Output.print("\n" + notes.joined(separator: "\n"))
        }
        if isLate { throw ExitStatus.failed }
    }
}
