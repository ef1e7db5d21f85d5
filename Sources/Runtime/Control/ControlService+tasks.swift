import Configuration
import ControlProtocol
import DriverProtocol
import Supervision
import Telemetry

/// Tasks of drivers: who may have them done, and what of their answers is shown.
extension ControlService {
    func task(
        _ wanted: ControlTaskRequest, _ peer: ControlPeer, _ template: ControlReply,
        _ send: @escaping ControlServer.ControlReplySender
    ) async {
        var reply = template
        switch await prepare(wanted, peer) {
        case .failure(let failure):
            reply.failure = failure.control
            try? await send(reply)
        case .success(let (supervisor, arguments, isMasked)):
            let done = await supervisor.task(wanted.name, arguments: arguments) { step in
                var reply = template
                reply.taskStep.content = step.json.description
                // A client that has gone cancels this handler anyway.
                try? await send(reply)
            }
            var end = ControlTaskDone()
            end.failure = done.failure
            let result = done.result.json
            end.result = (isMasked ? TaskArguments.masked(ring: result) : result).description
            reply.taskDone = end
            try? await send(reply)
        }
    }

    private struct Refused: Error {
        let control: ControlFailure
        init(_ status: UInt32, _ message: String, _ hint: String = "") {
            control = ControlService.failure(status, message, hint)
        }
    }

    private func prepare(_ wanted: ControlTaskRequest, _ peer: ControlPeer) async -> Result<
        (DriverSupervisor, DriverNode, isMasked: Bool), Refused
    > {
        guard let bus = configuration.bus(wanted.bus), let supervisor = await buses[wanted.bus] else {
            return .failure(Refused(2, "there is no bus \(wanted.bus)", busHint(wanted.bus)))
        }
        let text = wanted.arguments.isEmpty ? "{}" : wanted.arguments
        guard case .object(var members)? = try? JSONValue(parsing: text) else {
            return .failure(Refused(2, "the arguments of task \(wanted.name) are no JSON object"))
        }
        let asksForHousehold = members.first { $0.key == TaskArguments.household }?.value == .bool(true)
        members.removeAll { $0.key == TaskArguments.household }
        let homes = configuration.devices(onBus: bus.name).filter { $0.privacy == .household }
        if let home = homes.first, TaskArguments.readsValues(wanted.name) {
            guard asksForHousehold else {
                return .failure(
                    Refused(
                        2,
                        "bus \(bus.name) has a household's device (\(home.name)): what is read there shows how people live",
                        "say --household when you may know; an event tells of it"))
            }
            for device in homes { await router.tellRead(of: device.name, by: .person(user: peer.user)) }
        }
        let arguments = TaskArguments.withProfiles(members) { names in
            ProfileShelf(driver: bus.driver, folders: configuration.profileFolders, catalog: catalog).documents(names)
        }
        if TaskArguments.writes(wanted.name, members) {
            guard !configuration.isReadOnly, !bus.isReadOnly else {
                return .failure(
                    Refused(1, "readOnly: bus \(bus.name) is configured read_only: nothing is written to it"))
            }
            await events.tell(
                Event(
                    kind: EventKind.command, severity: .info,
                    detail: [
                        "by": .string(CommandOrigin.person(user: peer.user).by), "action": .string(wanted.name),
                        "bus": .string(bus.name), "arguments": .object(members),
                    ], occurred: clock.now()))
        }
        let device = members.first { $0.key == "device" }?.value.text
        let isMasked =
            wanted.name == TaskArguments.ring && !asksForHousehold
            && homes.contains { device == nil || $0.name == device }
        return .success((supervisor, DriverNode(json: .object(arguments)), isMasked))
    }

    /// What to say to somebody who named a bus that does not exist.
    func busHint(_ name: String) -> String {
        let names = configuration.buses.map(\.name)
        return NearestName.of(name, among: names).map { "did you mean \($0)?" }
            ?? "the buses: \(names.joined(separator: ", "))"
    }
}
