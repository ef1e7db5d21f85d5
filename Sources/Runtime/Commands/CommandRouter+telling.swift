import Logging
import Outbox
import Telemetry

/// What is told of a command: its results to the head-end that sent it, the event to all.
extension CommandRouter {
    func refused(_ command: Command, _ name: String, _ refusal: CommandCheck.Refusal) -> CommandResult {
        CommandResult(
            id: command.id, device: name, status: refusal.status, reason: refusal.reason, finished: clock.now())
    }

    func refused(_ command: Command, _ targets: [String], _ refusal: CommandCheck.Refusal) -> [CommandResult] {
        targets.map { refused(command, $0, refusal) }
    }

    /// A second copy of a command changes nothing; its result says what became of the first.
    func duplicates(
        of command: Command, _ targets: [String], _ before: StateStore.CommandState
    ) -> [CommandResult] {
        var earlier: [String: CommandResult] = [:]
        if case .finished(let results) = before {
            earlier = Dictionary(results.map { ($0.device, $0) }, uniquingKeysWith: { first, _ in first })
        }
        return targets.map { target in
            let first = earlier[target]
            let said = first.map { "the first was \($0.status.rawValue)" } ?? "the first is under way"
            return CommandResult(
                id: command.id, device: target, status: .duplicate, reason: said, value: first?.value,
                unit: first?.unit,
                finished: clock.now())
        }
    }

    func finish(_ id: String, _ results: [CommandResult]) async {
        do {
            try await state.finish(id: id, results: results)
        } catch {
            log.error("command \(id): its end could not be stored: \(error)")
        }
        if !results.isEmpty { await outbox.append(results: results) }
    }

    func tellResults(_ results: [CommandResult], of command: Command) async {
        for result in results {
            log.notice("command \(command.id) \(result.device): \(result.status.rawValue) \(result.reason ?? "")")
        }
        if !results.isEmpty { await outbox.append(results: results) }
    }

    func tell(_ command: Command, _ origin: CommandOrigin, _ results: [CommandResult]) async {
        let told = results.map { result in
            JSONValue.object(
                [
                    .init("device", .string(result.device)), .init("status", .string(result.status.rawValue)),
                ] + (result.reason.map { [.init("reason", .string($0))] } ?? []))
        }
        var detail: [JSONValue.Member] = [.init("by", .string(origin.by))]
        if !origin.isLocal { detail.append(.init("id", .string(command.id))) }
        detail.append(.init("action", .string(command.action.rawValue)))
        detail.append(.init("point", .string(command.point)))
        if let value = command.value { detail.append(.init("value", JSONValue(value))) }
        detail.append(.init("results", .array(told)))
        let device: String? = if case .device(let name) = command.target { name } else { nil }
        await events.tell(
            Event(
                kind: EventKind.command, device: device, severity: .info, detail: .object(detail), occurred: clock.now()
            ))
    }
}
