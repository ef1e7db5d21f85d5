internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Task "replace": the gear that now sits at a lamp's address is accepted as the lamp's own.
///
/// Arguments: `device`. Result `{device, address, before?, identity?, note?}`.
enum ReplaceTask {
    static func make(_ arguments: DriverNode) -> any DALITask {
        let options = TaskOptions(arguments)
        let name = options.map.required("device", "the name of a lamp")?.text()
        if let problem = options.problem() { return ScriptedTask(problem: problem) }
        return ScriptedTask { bench in
            guard let gear = bench.gear.first(where: { $0.name == name }) else {
                return .failed("this bus has no usable lamp \(name ?? "")")
            }
            return GearInquiry.presence(gear.address) { [unowned bench] present in
                switch present {
                case .silence: .failed("\(gear.name): no gear did answer at \(gear.address); nothing was accepted")
                case .collision:
                    .failed("\(gear.name): more than one gear answers at \(gear.address); commission the bus first")
                case .value: identify(gear, bench)
                }
            }
        }
    }

    private static func identify(_ gear: Gear, _ bench: any DALITaskBench) -> ScriptStep {
        GearInquiry.signature(gear.address) { [unowned bench] answer in
            if answer == .collision {
                return .failed("\(gear.name): more than one gear answers at \(gear.address); commission the bus first")
            }
            let before = ExpectedGear.of(gear, bench)
            var members: [JSONValue.Member] = [
                .init("device", .string(gear.name)), .init("address", .integer(gear.address.number)),
            ]
            if let before { members.append(.init("before", .string(before.description))) }
            guard let identity = answer.value else {
                members.append(
                    .init("note", "the gear does not say who it is: a later change of it will not be noticed"))
                bench.forget(device: gear.name)
                bench.acceptIdentity(device: gear.name, as: nil)
                return .stored(device: gear.name, key: GearIdentity.memoryKey) { .done(.object(members)) }
            }
            members.append(.init("identity", .string(identity.description)))
            if let named = gear.settings.identity, named != identity {
                members.append(
                    .init(
                        "note",
                        .string(
                            "the configuration names gear \(named) for \(gear.name): change it there, the alarm stays until then"
                        )
                    ))
            }
            return GearInquiry.random(gear.address) { [unowned bench] random in
                var table = CommissioningTable(bench.memory(device: "", key: CommissioningTable.memoryKey))
                table.put(
                    CommissioningTable.Record(
                        address: gear.address.number, random: random.value ?? SearchAddress.highest, signature: identity
                    ))
                bench.remember(device: "", key: CommissioningTable.memoryKey, table.bytes)
                bench.forget(device: gear.name)
                bench.acceptIdentity(device: gear.name, as: identity)
                return .stored(device: gear.name, key: GearIdentity.memoryKey) { .done(.object(members)) }
            }
        }
    }
}
