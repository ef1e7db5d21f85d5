import ArgumentParser
import Configuration
import ControlProtocol
import DriverProtocol
import Runtime
import Supervision
import Telemetry

/// Which bus a task is for.
enum TaskPlace {
    /// Of the configuration.
    case bus(String)
    /// A port that no configuration names, with keys of a bus.
    case port(String, [JSONValue.Member], driver: String)
}

/// What a driver is to do.
struct TaskOrder {
    let name: String
    var arguments: [JSONValue.Member]
    /// The person may see what a household's device says.
    var household = false
    /// False: the driver is configured only, and the daemon is not needed even when it runs.
    var needsPort = true

    init(_ name: String, _ arguments: [JSONValue.Member] = [], household: Bool = false, needsPort: Bool = true) {
        self.name = name
        self.arguments = arguments
        self.household = household
        self.needsPort = needsPort
    }
}

/// Runs tasks: asks the daemon, or starts the driver itself.
struct TaskRunner {
    let options: SharedOptions
    /// Devices of the bus that a driver started here is to know and poll.
    var devices: DirectBus.Devices = .none

    /// - Parameter onStep: each thing the task says, in order.
    /// - Returns: the task's result.
    /// - Throws: ``CommandFailure`` in the driver's words.
    func run(_ order: TaskOrder, at place: TaskPlace, onStep: @escaping @Sendable (JSONValue) -> Void) async throws
        -> JSONValue
    {
        Interruption.watch()
        if case .bus(let bus) = place, order.needsPort, var client = try Daemon.connectIfThere(options) {
            return try ask(order, bus, &client, onStep)
        }
        return try await direct(order, place, onStep)
    }

    // MARK: - By the daemon

    /// The daemon reads no request longer than this (64 KiB), with room for the rest of the message.
    private func ask(
        _ order: TaskOrder, _ bus: String, _ client: inout ControlClient, _ onStep: (JSONValue) -> Void
    ) throws -> JSONValue {
        var request = ControlRequest()
        request.task.bus = bus
        request.task.name = order.name
        let household: [JSONValue.Member] =
            order.household ? [JSONValue.Member(TaskArguments.household, .bool(true))] : []
        request.task.arguments = JSONValue.object(order.arguments + household).description
        do {
            try client.send(request)
            var end: ContinuousClock.Instant?
            while true {
                if Interruption.came, end == nil {
                    client.callOff()
                    end = .now.advanced(by: Self.lastWords)
                }
                if let end, end < .now {
                    throw CommandFailure(ExitStatus.failed, "called off; the daemon puts the bus back as it was")
                }
                guard let reply = try client.receive(within: Interruption.glance) else { continue }
                switch reply.message {
                case .failure(let failed)?:
                    throw CommandFailure(.init(Int32(failed.exitStatus)), failed.message, hint: failed.hint)
                case .taskStep(let step)?: onStep(Self.json(step.content))
                case .taskDone(let done)?:
                    return try Self.outcome(Self.json(done.result), failure: done.failure)
                default: continue
                }
            }
        } catch let error as ControlClientError {
            throw Daemon.failure(error)
        }
    }

    /// What the daemon gives a driver to put its bus back and to sum up (30 s), and a little for the way.
    private static let lastWords: Duration = .seconds(32)

    private static func json(_ text: String) -> JSONValue { (try? JSONValue(parsing: text)) ?? .string(text) }

    // MARK: - By a driver of our own

    private func direct(_ order: TaskOrder, _ place: TaskPlace, _ onStep: @escaping @Sendable (JSONValue) -> Void)
        async throws -> JSONValue
    {
        let bus = try DirectBus(place, devices: order.needsPort ? devices : .all, options)
        try bus.check(order)
        let arguments = TaskArguments.withProfiles(order.arguments) { bus.shelf.documents($0) }
        return try await DriverSession.with(bus, configureOnly: !order.needsPort) { session in
            let task = Task {
                await session.supervisor.task(order.name, arguments: DriverNode(json: .object(arguments))) {
                    onStep($0.json)
                }
            }
            let watch = Task {
                while !Interruption.came {
                    do { try await Task.sleep(for: Interruption.glance) } catch { return }
                }
                task.cancel()
            }
            let done = await task.value
            watch.cancel()
            return try Self.outcome(done.result.json, failure: done.failure)
        }
    }

    /// What a task that was called off had found until then is a result too.
    private static func outcome(_ result: JSONValue, failure: String) throws -> JSONValue {
        guard !failure.isEmpty else { return result }
        guard Interruption.came else { throw Self.failure(failure) }
        guard case .object = result else {
            throw CommandFailure(ExitStatus.failed, "called off; the bus is as it was")
        }
        Output.complain("called off; the bus is as it was. Until then:")
        return result
    }

    /// Words by which drivers say that nobody answered.
    private static let silence = ["no answer", "did not answer", "does not answer", "nothing answered", "silent"]

    private static func failure(_ text: String) -> CommandFailure {
        let isSilence = silence.contains { text.contains($0) }
        return CommandFailure(isSilence ? ExitStatus.noAnswer : ExitStatus.failed, text)
    }
}
