internal import DriverProtocol
internal import Telemetry

extension Commissioning {
    /// Every gear that can be told apart goes where it belongs.
    func place() -> ScriptStep {
        let placement = Placement(
            found: known.filter { !$0.value.isShared }.map {
                Placement.Found(address: $0.key, signature: $0.value.signature, isNew: $0.value.isNew)
            }, lamps: lamps, table: table, first: first)
        problems += placement.problems
        guard !placement.moves.isEmpty else { return check() }
        let needsWindow = bench.now.duration(since: opened) > Self.window
        let go: () -> ScriptStep = { [self] in
            .each(placement.moves[...], move, then: check)
        }
        return needsWindow ? openWindow(then: go) : go()
    }

    private func move(_ move: Placement.Move, next: @escaping () -> ScriptStep) -> ScriptStep {
        // On a full bus a ring of gear changes places: for a moment two share an address, told apart by their random addresses.
        let wasDisplaced = displaced[move.from] != nil
        guard var gear = displaced.removeValue(forKey: move.from) ?? known[move.from],
            let target = ShortAddress(Int(move.to))
        else { return next() }
        bench.say("from \(move.from) to \(move.to)")
        let arrived = { [self] in
            if !wasDisplaced { known[move.from] = nil }
            if gear.action == .kept { gear.action = .moved }
            displaced[move.to] = known[move.to]
            known[move.to] = gear
            return next()
        }
        guard let random = gear.random else {
            // It was not found by its random address: it is told by its old address, so the new one must be free.
            guard known[move.to] == nil, let source = ShortAddress(Int(move.from)) else {
                problems.append(
                    "the gear at short address \(move.from) cannot be moved to \(move.to) while that is taken")
                return next()
            }
            return .exchange([
                .special(.dataTransferRegister0, target.dataByte, priority: .configuration),
                .gear(source, .setShortAddress, priority: .continuation),
            ]) { _ in .wait(Self.programming, arrived) }
        }
        return program(random, target) { [self] outcome in
            if outcome != nil { return arrived() }
            problems.append("the gear at short address \(move.from) does not take address \(move.to)")
            return next()
        }
    }

    /// Every address once more: exactly one gear answers.
    private func check() -> ScriptStep {
        .each(
            known.keys.sorted().compactMap { ShortAddress(Int($0)) }[...],
            { [self] address, next in
                GearInquiry.presence(address) { [self] answer in
                    if answer == .silence {
                        problems.append("the gear at \(address) does not answer any more")
                        known[address.number] = nil
                    }
                    return next()
                }
            }, then: finish)
    }

    private func finish() -> ScriptStep {
        // Polling may not have met them yet: without this the next one at the address would be taken for the first.
        for lamp in bench.gear where lamp.expectedIdentity == nil {
            let expected = lamps.first { $0.address == lamp.address.number }?.expected
            if let first = expected ?? known[lamp.address.number]?.signature { bench.meet(device: lamp.name, first) }
        }
        // Gear that is gone stays remembered: it may only have no mains today.
        for (address, gear) in known where isWorthKeeping(gear, at: address) {
            table.put(
                CommissioningTable.Record(
                    address: address, random: gear.random ?? SearchAddress.highest, signature: gear.signature))
        }
        table.records.removeAll { $0.isPending }
        table.records.sort { $0.address < $1.address }
        for gear in bench.gear where known[gear.address.number]?.action != .kept { bench.forget(device: gear.name) }
        return store { [self] in .done(result) }
    }

    private var result: JSONValue {
        let rows = known.sorted { $0.key < $1.key }
        return .object([
            .init(
                "gear",
                .array(
                    rows.map { address, gear in
                        var members: [JSONValue.Member] = [.init("address", .integer(address))]
                        if let random = gear.random { members.append(.init("random", .string(hexadecimal(random)))) }
                        if let signature = gear.signature {
                            members.append(.init("identity", .string(signature.description)))
                        }
                        if let lamp = lamps.first(where: { $0.address == address }) {
                            members.append(.init("device", .string(lamp.name)))
                        }
                        members.append(.init("action", .string(gear.action.rawValue)))
                        return .object(members)
                    })),
            .init("problems", .array(problems.map(JSONValue.string))),
            .init(
                "entries",
                .array(
                    rows.filter { row in !bench.gear.contains { $0.address.number == row.key } }.map { row in
                        .string(
                            GearEntry.text(
                                address: row.key, name: lamps.first { $0.address == row.key }?.name,
                                signature: row.value.signature, types: [], bus: bench.taskConfiguration.bus))
                    })),
            .init("seconds", .integer(seconds)),
            .init("interrupted_polls", .integer(Self.interruptedPolls(bench, seconds: seconds))),
        ])
    }

    /// Polls that do not take place while polling rests for so long.
    static func interruptedPolls(_ bench: any DALITaskBench, seconds: Int64) -> Int64 {
        bench.gear.reduce(0) { $0 + seconds * 1000 / max(1, $1.interval.wholeMilliseconds) }
    }
}

/// A line for the configuration, to paste.
enum GearEntry {
    static func text(address: UInt8, name: String?, signature: GearIdentity?, types: [UInt8], bus: String) -> String {
        let number = String(address)
        let name = name ?? "lamp-" + String(repeating: "0", count: max(0, 3 - number.count)) + number
        let gear = signature.map { ", gear: \($0)" } ?? ""
        return "\(name): {bus: \(bus), address: \(number), profile: \(profile(types))\(gear)}"
    }

    /// 51: energy (IEC 62386-252); 8: colour (209).
    private static func profile(_ types: [UInt8]) -> String {
        if types.contains(8) { return "dali-tunable-white" }
        return types.contains(51) ? "dali-d4i" : "dali-luminaire"
    }
}
