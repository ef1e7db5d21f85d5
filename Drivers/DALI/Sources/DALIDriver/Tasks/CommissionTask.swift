internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Task "commission": every gear gets an address of its own; those in use are kept.
///
/// Arguments: `mode` (extend or new), `first` (lowest address for new gear), `names` ({lamp: {address, gear}}: lamps that stand in no
/// configuration yet), `estimate` (only say what it interrupts). Result `{gear: [{address, random, identity, device, action}], problems,
/// entries, seconds, interrupted_polls}`.
enum CommissionTask {
    static func make(_ arguments: DriverNode) -> any DALITask {
        let options = TaskOptions(arguments)
        let mode = options.map.choice("mode", ["extend": Commissioning.Mode.extend, "new": .new]) ?? .extend
        let first = UInt8(options.map.integer("first", in: 0...63) ?? 0)
        let isEstimate = options.map.flag("estimate") ?? false
        var names: [(name: String, address: UInt8, gear: GearIdentity?)] = []
        for (name, value) in options.map.map("names")?.all() ?? [] {
            guard let entry = value.map(), let address = entry.required("address", "0 to 63")?.integer(in: 0...63)
            else {
                continue
            }
            let gear = entry.value("gear")
            let signature = gear?.text().flatMap { GearIdentity($0) }
            if let gear, signature == nil { gear.error("\(gear.written) is no <GTIN>/<number>") }
            entry.finish()
            names.append((name, UInt8(address), signature))
        }
        if let problem = options.problem() { return ScriptedTask(problem: problem) }
        if isEstimate {
            return ScriptedTask(needsBus: false) { .done(CommissioningEstimate.of(mode, $0)) }
        }
        return ScriptedTask(isExclusive: true, lastFrames: { Commissioning.lastFrames }) { bench in
            guard !bench.isReadOnly else {
                return .failed("the gateway is read-only: no gear was given an address")
            }
            return Commissioning(mode: mode, first: first, lamps: lamps(names, bench), bench: bench).begin()
        }
    }

    /// Lamps of the configuration and of the caller, with the gear that should be there.
    private static func lamps(
        _ names: [(name: String, address: UInt8, gear: GearIdentity?)], _ bench: any DALITaskBench
    ) -> [Placement.Lamp] {
        let table = CommissioningTable(bench.memory(device: "", key: CommissioningTable.memoryKey))
        let configured = bench.gear.map { gear in
            Placement.Lamp(
                name: gear.name, address: gear.address.number,
                expected: ExpectedGear.of(gear, bench) ?? table.record(at: gear.address.number)?.signature)
        }
        let others = names.filter { one in !configured.contains { $0.address == one.address } }
        return configured
            + others.map {
                Placement.Lamp(
                    name: $0.name, address: $0.address, expected: $0.gear ?? table.record(at: $0.address)?.signature)
            }
    }
}

/// Who should sit at a lamp's address, as far as the file or an earlier run says.
enum ExpectedGear {
    static func of(_ gear: Gear, _ bench: any DALITaskBench) -> GearIdentity? {
        gear.expectedIdentity
            ?? bench.memory(device: gear.name, key: GearIdentity.memoryKey).flatMap {
                GearIdentity(String(decoding: $0, as: UTF8.self))
            }
    }
}

/// How long a commissioning takes and what it interrupts, before anybody agrees to it.
enum CommissioningEstimate {
    /// Presence of 64 addresses asked twice, random address and identity of each gear, its withdrawal, and a last look.
    private static let eachAddress: Double = 0.064
    private static let eachKnown: Double = 1.5
    /// Search by halving, programming, 300 ms, verifying.
    private static let eachNew: Double = 3.2

    static func of(_ mode: Commissioning.Mode, _ bench: any DALITaskBench) -> JSONValue {
        let count = Double(max(1, bench.gear.count))
        // A bus holds 64; who has no address yet is not known before the search.
        let full = Int64((64 * (eachAddress + eachKnown + eachNew)).rounded(.up))
        let seconds = Int64((64 * eachAddress + count * (eachKnown + (mode == .new ? eachNew : 0))).rounded(.up))
        return [
            "line": .string(
                "polling rests for about \(seconds) s; lamps keep their levels, and commands to them go between the steps"
            ),
            "seconds": .integer(seconds), "full_bus_seconds": .integer(full),
            "interrupts": .array(bench.gear.map { .string($0.name) }), "interrupted_seconds": .integer(seconds),
            "interrupted_polls": .integer(Commissioning.interruptedPolls(bench, seconds: seconds)),
        ]
    }
}
