public import Telemetry

/// Judges what lamps and feeders tell against what they were ordered: faults with their evidence, each told when it
/// begins and when it ends.
///
/// A value type without clock, thread or I/O. Everything observed is judged at once; what came of it is handed out by
/// the next ``tick(at:)``. Nothing is judged of lamps whose feeder is off or whose bus is down, nor before
/// ``FaultRules/settle`` has passed since either came back or the first thing was heard at all.
public struct FaultMonitor: Sendable {
    public let rules: FaultRules

    /// Every feeder's point that it wants to hear of, as `device.point`.
    public let inputs: Set<String>

    /// Rises whenever ``active`` changes: then ``stored(_:)`` is to be stored again.
    public internal(set) var revision: UInt64 = 0

    var lamps: [LampWatch] = []
    var supplies: [SupplyWatch] = []
    /// Positions in ``lamps``, by device name.
    let positions: [String: Int]
    /// Positions in ``supplies``, by input.
    private let listeners: [String: [Int]]
    private var downBuses: Set<String> = []
    private var busSettlesAt: [String: BootInstant] = [:]
    private var startSettlesAt: BootInstant?
    /// Until then a lamp's loss of mains is taken for its feeder's.
    private(set) var wholeLossUntil = BootInstant(nanoseconds: .min)
    var faults: [String: ActiveFault] = [:]
    /// Not handed out yet.
    var changes: [FaultChange] = []

    /// - Parameters:
    ///   - lamps: those whose faults are to be found.
    ///   - feeders: a lamp that two of them name belongs to the first; lamps that none names are taken together by their bus.
    public init(rules: FaultRules = FaultRules(), lamps: [FaultLamp], feeders: [FaultFeeder]) {
        self.rules = rules
        inputs = Set(feeders.flatMap(\.inputs))
        var known: [String: FaultLamp] = [:]
        for lamp in lamps { known[lamp.name] = lamp }
        var watches: [LampWatch] = []
        var supplies: [SupplyWatch] = []
        var positions: [String: Int] = [:]
        func add(_ subject: FaultSubject, _ feeder: FaultFeeder?, _ members: [FaultLamp]) {
            let first = watches.count
            for lamp in members {
                positions[lamp.name] = watches.count
                watches.append(LampWatch(lamp: lamp, supply: supplies.count))
            }
            let range = Array(first..<watches.count)
            supplies.append(SupplyWatch(subject: subject, feeder: feeder, lamps: range, names: members.map(\.name)))
        }
        for feeder in feeders {
            var members: [FaultLamp] = []
            for name in feeder.lamps where !members.contains(where: { $0.name == name }) {
                if let lamp = known[name], positions[name] == nil { members.append(lamp) }
            }
            add(.feeder(feeder.name), feeder, members)
        }
        let others = lamps.filter { positions[$0.name] == nil }
        for bus in Set(others.map(\.bus)).sorted() {
            var members: [FaultLamp] = []
            for lamp in others where lamp.bus == bus && !members.contains(where: { $0.name == lamp.name }) {
                members.append(lamp)
            }
            add(.bus(bus), nil, members)
        }
        var listeners: [String: [Int]] = [:]
        for (position, supply) in supplies.enumerated() {
            for input in Set(supply.feeder?.inputs ?? []) { listeners[input, default: []].append(position) }
        }
        self.lamps = watches
        self.supplies = supplies
        self.positions = positions
        self.listeners = listeners
    }

    /// Whether this device is watched: it raises nothing of its own (`device_offline`) then.
    public func watches(_ lamp: String) -> Bool { positions[lamp] != nil }

    // MARK: What is heard

    /// The level that is right for a lamp was ordered, by Lighting, by a person, by whomever. Called when the order is made,
    /// also where it cannot be sent now; calling it again with the same level changes nothing.
    ///
    /// - Parameter fade: nil where the gear's own is unknown.
    public mutating func commanded(lamp: String, percent: ExactDecimal, fade: Duration?, at now: BootInstant) {
        begin(at: now)
        guard let position = positions[lamp] else { return }
        lamps[position].commanded(percent, fade: fade, at: now)
    }

    /// A driver reported samples of a lamp.
    public mutating func observe(lamp observation: LampObservation) {
        begin(at: observation.at)
        guard let position = positions[observation.lamp], let answer = observation.answer else { return }
        switch answer {
        case .notPowered: break
        case .silent:
            if lamps[position].countsPollsBySamples { polled(position, answered: 0, missed: 1, at: observation.at) }
        case .collision: heard(from: position, at: observation.at)
        case .answered:
            if lamps[position].countsPollsBySamples { polled(position, answered: 1, missed: 0, at: observation.at) }
            heard(from: position, at: observation.at)
            judge(position, observation)
        }
    }

    /// A driver reported how often a lamp was asked and did not answer, since its start (`DeviceState`). Once it was called
    /// for a lamp, its polls are counted by it and no longer by its samples.
    public mutating func observe(pollsOf lamp: String, requests: UInt64, failures: UInt64, at now: BootInstant) {
        begin(at: now)
        guard let position = positions[lamp] else { return }
        let polls = lamps[position].told(requests: requests, failures: failures)
        if polls.answered > 0 { heard(from: position, at: now) }
        polled(position, answered: polls.answered, missed: polls.missed, at: now)
    }

    /// A value of a point in ``inputs``; others are left alone.
    public mutating func observe(feeder observation: FeederObservation) {
        begin(at: observation.at)
        for position in listeners["\(observation.device).\(observation.point)"] ?? [] {
            let power = supplies[position].take(observation)
            refresh(position, at: observation.at)
            if let power { judgeLoad(position, measured: power, at: observation.at) }
        }
    }

    /// A bus can be used, or not: then what its lamps do not say does not count. Up until it is told to be down.
    public mutating func bus(_ bus: String, isUp: Bool, at now: BootInstant) {
        begin(at: now)
        guard isUp == downBuses.contains(bus) else { return }
        if isUp {
            downBuses.remove(bus)
            busSettlesAt[bus] = now.advanced(by: rules.settle)
        } else {
            downBuses.insert(bus)
        }
        for position in lamps.indices where lamps[position].lamp.bus == bus { lamps[position].forget() }
        guard !isUp else { return }
        for position in supplies.indices where supplies[position].isSilent {
            let isGone = supplies[position].lamps.allSatisfy { downBuses.contains(lamps[$0].lamp.bus) }
            if isGone { endSilence(position, because: "bus \(bus) is down, which is told by itself", at: now) }
        }
    }

    /// The gateway itself had lost its mains and is back. Its first orders end what most gear could tell of the loss; what one lamp
    /// still says of it within ``FaultRules/settle`` is the loss of its whole feeder.
    public mutating func gatewayReturned(at now: BootInstant) { wholeLossUntil = now.advanced(by: rules.settle) }

    /// What began and what ended since the last tick. Called every second or so.
    public mutating func tick(at now: BootInstant) -> [FaultChange] {
        begin(at: now)
        for position in supplies.indices { watch(position, at: now) }
        defer { changes = [] }
        return changes
    }

    // MARK: What is known

    /// Lamps without mains, one list for each feeder that is off: the driver probes one of each.
    public var unpowered: [[String]] {
        supplies.compactMap { $0.isOn || $0.names.isEmpty ? nil : $0.names }
    }

    /// What lasts, the oldest first.
    public var active: [ActiveFault] { faults.values.sorted { ($0.since, $0.id) < ($1.since, $1.id) } }

    /// Whether rules are asked about a lamp now.
    func isJudgeable(_ position: Int, at now: BootInstant) -> Bool {
        let watch = lamps[position]
        let supply = supplies[watch.supply]
        guard supply.isOn, !supply.isSilent, !downBuses.contains(watch.lamp.bus) else { return false }
        return now
            >= max(
                watch.settlesAt, supply.settlesAt, startSettlesAt ?? now,
                busSettlesAt[watch.lamp.bus] ?? BootInstant(nanoseconds: .min))
    }

    func isBusDown(of position: Int) -> Bool { downBuses.contains(lamps[position].lamp.bus) }

    var hasStarted: Bool { startSettlesAt != nil }
    func hasSettled(at now: BootInstant) -> Bool { startSettlesAt.map { now >= $0 } ?? false }

    private mutating func begin(at now: BootInstant) {
        if startSettlesAt == nil { startSettlesAt = now.advanced(by: rules.settle) }
    }

    // MARK: What is told

    mutating func apply(
        _ kind: FaultKind, _ subject: FaultSubject, _ verdict: Verdict, affected: [String] = [], at now: BootInstant
    ) {
        let id = FaultChange.id(kind, subject)
        switch verdict {
        case .undecided: break
        case .fault(let evidence):
            guard faults[id] == nil else { return }
            let change = FaultChange(kind, subject, isActive: true, evidence, affected: affected, at: now)
            faults[id] = ActiveFault(change: change)
            tell(change)
        case .cleared(var evidence):
            guard let fault = faults.removeValue(forKey: id) else { return }
            evidence.add("lasted_seconds", now.duration(since: fault.since))
            tell(FaultChange(kind, subject, isActive: false, evidence, affected: fault.affected, at: now))
        }
    }

    mutating func tell(_ change: FaultChange) {
        changes.append(change)
        revision += 1
    }

    func isActive(_ kind: FaultKind, _ subject: FaultSubject) -> Bool { faults[FaultChange.id(kind, subject)] != nil }
}
