internal import DriverProtocol
internal import Telemetry

/// What a person asks of one lamp: status and level by one poll, then what stands in its memory and what its device types tell,
/// each in units between which commands to other lamps go.
struct LampQuery {
    /// Points that the person named; empty: all that the lamp has.
    let wanted: [UInt32]
    let priority: FramePriority
    private(set) var samples: [Sample] = []
    /// Why nothing could be read; nil when the gear answered.
    private(set) var failure: String?

    /// It stopped answering, or the bus did: what was read until then is all.
    private var isOver = false
    private var poll: GearPoll?
    /// Places of the points that each of them answers.
    private var open: [(places: [Int], reading: SweepReading)]
    private var registers = TransferRegisters()
    private var uses: UInt64?
    private var frames: [ForwardFrame] = []

    /// - Parameter mayWrite: false on a gateway that must write nothing: banks are then read twice instead of frozen.
    init(_ wanted: [UInt32], of gear: Gear, priority: FramePriority = .user, mayWrite: Bool) {
        self.wanted = wanted
        self.priority = priority
        let places = gear.points.indices.filter { wanted.isEmpty || wanted.contains(UInt32($0)) }
        let polled = places.filter { gear.points[$0].kind.isPolled }
        let others = places.filter { !gear.points[$0].kind.isPolled }
        // Silence is told by the poll: a gear that is not there is not asked for its banks.
        poll = polled.isEmpty && !others.isEmpty ? nil : GearPoll(priority: priority, isComplete: true)
        var sources: [SweepReading.Source] = []
        for place in others {
            let source = SweepReading.Source(gear.points[place].kind)
            if !sources.contains(source) { sources.append(source) }
        }
        open = sources.map { source in
            let own = others.filter { SweepReading.Source(gear.points[$0].kind) == source }
            return (
                own,
                SweepReading(
                    source, of: gear.address, points: own.map { gear.points[$0].kind }, mayWrite: mayWrite,
                    priority: priority)
            )
        }
    }

    /// - Parameter registerUses: how often anybody has set a data transfer register so far.
    mutating func next(_ gear: Gear, registerUses: UInt64, at now: BootInstant) -> GearStep {
        if poll != nil {
            switch poll?.next(gear, at: now) ?? .finished {
            case .finished: endPoll()
            case let step: return step
            }
        }
        let isUndisturbed = uses == registerUses
        if !isUndisturbed {
            registers.forget()
            uses = registerUses
        }
        while !isOver, !open.isEmpty {
            guard case .exchange(let requests) = open[0].reading.next(registers, isUndisturbed: isUndisturbed) else {
                open.removeFirst()
                continue
            }
            frames = requests.map(\.frame)
            return .exchange(requests)
        }
        return .finished
    }

    mutating func received(_ outcomes: [DALIOutcome], gear: inout Gear, registerUses: UInt64, at now: BootInstant) {
        if poll != nil {
            poll?.received(outcomes.last ?? .none, gear: &gear, at: now)
            return
        }
        for frame in frames.prefix(outcomes.count) { registers.note(frame) }
        if case .error(let error)? = outcomes.last {
            registers.forget()
            end(error.description)
            return
        }
        uses = registerUses
        guard !open.isEmpty else { return }
        open[0].reading.received(outcomes)
        guard let result = open[0].reading.result else { return }
        let places = open.removeFirst().places
        switch result {
        case .values(let values, _):
            samples += places.compactMap { place in
                values[gear.points[place].kind].map {
                    Sample(point: place, value: $0.value, quality: $0.quality, acquired: now)
                }
            }
        case .collision:
            samples += places.map { Sample(point: $0, value: nil, quality: .bad(.collision), acquired: now) }
        case .unreadable:
            samples += places.map { Sample(point: $0, value: nil, quality: .bad(.communication), acquired: now) }
            end("\(gear.address) stopped answering while it was read")
        }
    }

    /// - Parameter reason: told where nothing was read before.
    private mutating func end(_ reason: String) {
        isOver = true
        if !samples.contains(where: { $0.quality.grade == .good }) { failure = reason }
    }

    private mutating func endPoll() {
        samples += (poll?.samples ?? []).filter { wanted.isEmpty || wanted.contains(UInt32($0.point)) }
        failure = poll?.failure
        isOver = failure != nil
        poll = nil
    }
}
