internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Task "scan": who is on the bus. Only asks; with `random` it also looks for gear without address, which needs INITIALISE and changes
/// nothing.
///
/// Arguments: `addresses` ([first, last]), `random`, `estimate` (only say how long it takes). Steps `{line}`; result as in docs/cli.md: `gear`, `sensors`, `duplicates`, `unaddressed`,
/// `entries`, `seconds`.
enum ScanTask {
    static func make(_ arguments: DriverNode) -> any DALITask {
        let options = TaskOptions(arguments)
        let ends = options.map.list("addresses")?.compactMap { $0.integer(in: 0...63) }
        let isRandom = options.map.flag("random") ?? false
        let isEstimate = options.map.flag("estimate") ?? false
        if let problem = options.problem() { return ScriptedTask(problem: problem) }
        if let ends, ends.count != 2 || ends[0] > ends[1] {
            return ScriptedTask(problem: "addresses: first and last, from 0 to 63, were expected")
        }
        let range = (ends?[0] ?? 0)...(ends?[1] ?? 63)
        if isEstimate {
            return ScriptedTask(needsBus: false) { bench in
                .done(
                    ScanEstimate(
                        range.compactMap { ShortAddress($0) }, bench.taskConfiguration, gear: bench.gear
                    ).json)
            }
        }
        let last = isRandom ? [DALIRequest.special(.terminate, priority: .configuration)] : []
        let holder = Holder()
        return ScriptedTask(lastFrames: { last }, soFar: { holder.scan?.result }) { bench in
            if isRandom, bench.isReadOnly {
                return .failed(
                    "the gateway is read-only: the search for gear without address initialises gear, and was not begun")
            }
            let scan = Scan(range: range, isRandom: isRandom, bench: bench)
            holder.scan = scan
            return scan.begin()
        }
    }

    private final class Holder {
        var scan: Scan?
    }
}

/// One look at a bus.
final class Scan {
    private struct Row {
        let address: ShortAddress
        var identity: GearIdentity?
        var version: UInt8?
        var types: [UInt8] = []
        var minimum: UInt8?
        var level: UInt8?
        var status: UInt8?
        var isShared = false
    }

    private unowned let bench: any DALITaskBench
    private let addresses: [ShortAddress]
    private let isRandom: Bool
    private let begun: BootInstant
    private let table: CommissioningTable
    private var rows: [Row] = []
    private var sensors: [JSONValue] = []
    private var unaddressed: Int?
    private var hasUnaddressed = false
    /// Some have the random address of their manufacture, which they all have.
    private var isFresh = false
    private var searched = SearchAddress()

    init(range: ClosedRange<Int>, isRandom: Bool, bench: any DALITaskBench) {
        self.bench = bench
        addresses = range.compactMap { ShortAddress($0) }
        self.isRandom = isRandom
        begun = bench.now
        table = CommissioningTable(bench.memory(device: "", key: CommissioningTable.memoryKey))
    }

    func begin() -> ScriptStep {
        bench.say(ScanEstimate(addresses, bench.taskConfiguration, gear: bench.gear).line)
        return .each(
            addresses[...],
            { [self] address, next in
                GearInquiry.presence(address) { [self] answer in
                    if answer == .silence { return next() }
                    rows.append(Row(address: address, isShared: answer == .collision))
                    return ask(address, then: next)
                }
            }, then: lookForUnaddressed)
    }

    // MARK: one gear

    private func ask(_ address: ShortAddress, then: @escaping () -> ScriptStep) -> ScriptStep {
        let asked: [(GearOpcode, WritableKeyPath<Row, UInt8?>)] = [
            (.queryVersionNumber, \.version), (.queryPhysicalMinimum, \.minimum), (.queryActualLevel, \.level),
            (.queryStatus, \.status),
        ]
        return .each(
            asked[...],
            { [self] row, next in
                .ask(.gear(address, row.0, priority: .configuration)) { [self] outcome in
                    note(outcome)
                    rows[rows.count - 1][keyPath: row.1] = outcome.byte
                    return next()
                }
            },
            then: { [self] in
                GearFacts.deviceTypes(address) { [self] types in
                    rows[rows.count - 1].types = types
                    return GearInquiry.random(address) { [self] random in
                        if random == .collision { rows[rows.count - 1].isShared = true }
                        return GearInquiry.signature(address) { [self] identity in
                            if identity == .collision { rows[rows.count - 1].isShared = true }
                            rows[rows.count - 1].identity = identity.value
                            bench.say(line(rows[rows.count - 1]))
                            return then()
                        }
                    }
                }
            })
    }

    private func note(_ outcome: DALIOutcome) {
        if outcome == .collision { rows[rows.count - 1].isShared = true }
    }

    private func line(_ row: Row) -> String {
        let name = bench.gear.first { $0.address == row.address }.map { ", configured as \($0.name)" } ?? ""
        if row.isShared { return "\(row.address): more than one gear answers\(name)" }
        let types = row.types.map { GearFacts.types[$0] ?? "type \($0)" }.joined(separator: ", ")
        return
            "\(row.address): \(types.isEmpty ? "control gear" : types), \(row.identity?.description ?? "it does not say who it is")\(name)"
    }

    // MARK: gear without address

    private func lookForUnaddressed() -> ScriptStep {
        .ask(.gear(.broadcastUnaddressed, .queryControlGearPresent, priority: .configuration)) { [self] outcome in
            hasUnaddressed = outcome.isYes
            if !hasUnaddressed { unaddressed = 0 }
            guard hasUnaddressed else { return lookForSensors() }
            bench.say("there is gear without an address")
            guard isRandom else { return lookForSensors() }
            return .exchange([.special(.initialise, 0xFF, priority: .configuration)]) { [self] _ in
                unaddressed = 0
                return search(RandomAddressSearch())
            }
        }
    }

    private func search(_ search: RandomAddressSearch) -> ScriptStep {
        switch search.next() {
        case .compare(let address):
            return .exchange(searched.set(address) + [.special(.compare, priority: .configuration)]) {
                [self] outcomes in
                var search = search
                search.answered(outcomes.last?.isYes ?? false)
                return self.search(search)
            }
        case .found(let random):
            // Several that share a random address count as one: more is not to be had without changing it.
            unaddressed = (unaddressed ?? 0) + 1
            if random == SearchAddress.highest {
                isFresh = true
                bench.say("gear without an address and never commissioned: how many is known when they are given one")
            } else {
                bench.say("gear without an address, random address \(hexadecimal(random))")
            }
            guard (unaddressed ?? 0) < 64 else { return endSearch() }
            return .exchange(searched.set(random) + [.special(.withdraw, priority: .configuration)]) { [self] _ in
                self.search(RandomAddressSearch())
            }
        case .nobody, .confused: return endSearch()
        }
    }

    private func endSearch() -> ScriptStep {
        .exchange([.special(.terminate, priority: .configuration)]) { [self] _ in lookForSensors() }
    }

    // MARK: control devices

    private func lookForSensors() -> ScriptStep {
        .each(
            addresses[...],
            { [self] address, next in
                .ask(.device(.short(address), .queryNumberOfInstances, priority: .configuration)) { [self] outcome in
                    guard let count = outcome.byte, count <= 32 else { return next() }
                    return instances(address, Int(count), then: next)
                }
            }, then: { [self] in .done(result) })
    }

    /// IEC 62386-103 instance types.
    private static let instanceTypes: [UInt8: String] = [
        0: "generic", 1: "push button", 2: "absolute input", 3: "occupancy", 4: "light",
    ]

    private func instances(_ address: ShortAddress, _ count: Int, then: @escaping () -> ScriptStep) -> ScriptStep {
        var found: [JSONValue] = []
        return .each(
            Array(0..<count)[...],
            { number, next in
                .ask(
                    .device(.short(address), .queryInstanceType, instance: UInt8(number), priority: .configuration)
                ) { outcome in
                    let type = outcome.byte.map { Self.instanceTypes[$0] ?? "type \($0)" } ?? "unknown"
                    found.append(["number": .integer(number), "type": .string(type)])
                    return next()
                }
            },
            then: { [self] in
                sensors.append(["address": .integer(address.number), "instances": .array(found)])
                bench.say("control device \(address.number): \(count) instances")
                return then()
            })
    }

    // MARK: result

    var result: JSONValue {
        var members: [JSONValue.Member] = [
            .init("gear", .array(rows.map(json))), .init("sensors", .array(sensors)),
            .init("duplicates", .array(rows.filter(\.isShared).map { .integer($0.address.number) })),
        ]
        if let unaddressed { members.append(.init("unaddressed", .integer(unaddressed))) }
        if isFresh {
            members.append(
                .init(
                    "note", "gear that was never commissioned answers as one: `candela lamp commission` tells it apart")
            )
        }
        if hasUnaddressed, unaddressed == nil {
            members.append(.init("note", "there is gear without an address: `candela lamp commission` gives it one"))
        }
        let free = rows.filter { row in !row.isShared && !bench.gear.contains { $0.address == row.address } }
        members += [
            .init(
                "entries",
                .array(
                    free.map { .string(entry($0, name: nil)) })),
            .init("seconds", .integer(bench.now.duration(since: begun).wholeMilliseconds / 1000)),
        ]
        return .object(members)
    }

    private func entry(_ row: Row, name: String?) -> String {
        GearEntry.text(
            address: row.address.number, name: name, signature: row.identity, types: row.types,
            bus: bench.taskConfiguration.bus)
    }

    private func json(_ row: Row) -> JSONValue {
        var members: [JSONValue.Member] = [.init("address", .integer(row.address.number))]
        let gear = bench.gear.first { $0.address == row.address }
        if let gear { members.append(.init("device", .string(gear.name))) }
        if let identity = row.identity {
            members.append(.init("identity", .string(identity.description)))
            let expected =
                gear.flatMap { ExpectedGear.of($0, bench) } ?? table.record(at: row.address.number)?.signature
            if let expected { members.append(.init("remembered", .bool(expected == identity))) }
        }
        if let version = row.version {
            members.append(.init("version", .string(version <= 1 ? "1" : "\(version >> 2).\(version & 3)")))
        }
        members.append(.init("types", .array(row.types.map(JSONValue.integer))))
        if let minimum = row.minimum { members.append(.init("physical_minimum", .integer(minimum))) }
        if let level = row.level { members.append(.init("level", level == 255 ? .null : .integer(level))) }
        members.append(.init("status", .array((row.status.map(GearFacts.status) ?? []).map(JSONValue.string))))
        members.append(.init("entry", .string(entry(row, name: gear?.name))))
        if row.isShared { members.append(.init("note", "more than one gear answers at this address")) }
        return .object(members)
    }
}
