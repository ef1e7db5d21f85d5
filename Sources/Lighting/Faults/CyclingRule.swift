import Telemetry

/// Goes out and comes back by itself (TALQ cyclingFailure): starts that nobody ordered, told by any of three witnesses.
struct CyclingRule: LampRule {
    enum Witness: String, Sendable, CaseIterable {
        /// Off, then on, at an order that did not change.
        case status
        /// The gear's counter of starts (memory bank 206) moved at an order that did not change.
        case counter = "lamp_starts"
        /// The gear lost its mains, and its neighbours did not.
        case mains = "power_cycled"
    }

    /// Of each witness: one start is told by several, so that they are never added up.
    private var starts: [Witness: [BootInstant]] = [:]
    /// Ordered on, and seen dark at this order.
    private var darkAt: CommandedLevel?
    private var counter: (value: ExactDecimal, command: CommandedLevel)?
    /// Starts over mains of its own, not judged yet.
    private var mainsStarts: [BootInstant] = []

    /// The lamp alone lost its mains and has them back.
    mutating func mainsReturned(at now: BootInstant) { mainsStarts.append(now) }

    mutating func judge(_ scene: LampScene) -> Verdict {
        let limits = scene.limits
        if !mainsStarts.isEmpty {
            starts[.mains, default: []] += mainsStarts
            mainsStarts = []
        }
        watchState(scene)
        watchCounter(scene)
        let begin = scene.now.advanced(by: .zero - limits.cyclingWindow)
        var most: (witness: Witness, moments: [BootInstant])?
        for witness in Witness.allCases {
            guard let moments = starts[witness] else { continue }
            // More than the limit say nothing more, and a lamp that flickers must not fill the memory.
            let recent = Array(moments.filter { $0 > begin }.suffix(limits.cyclingCount))
            starts[witness] = recent.isEmpty ? nil : recent
            if recent.count > most?.moments.count ?? 0 { most = (witness, recent) }
        }
        guard let most else { return .cleared(scene.evidence) }
        guard most.moments.count >= limits.cyclingCount else { return .undecided }
        var evidence = scene.evidence
        evidence.add("starts", most.moments.count)
        evidence.add("first_seconds_ago", most.moments.first.map { scene.now.duration(since: $0) })
        evidence.add("window_seconds", limits.cyclingWindow)
        evidence.add("source", most.witness.rawValue)
        return .fault(evidence)
    }

    private mutating func watchState(_ scene: LampScene) {
        guard let command = scene.command, command.percent > .zero, scene.now >= command.fadeEnds else {
            darkAt = nil
            return
        }
        guard let isOn = scene.observation.isOn else { return }
        if isOn {
            if darkAt?.since == command.since { starts[.status, default: []].append(scene.now) }
            darkAt = nil
        } else if scene.commandedFor ?? .zero >= scene.limits.settle {
            // A discharge lamp takes a while to light after its order: that is its ordered start.
            darkAt = command
        }
    }

    private mutating func watchCounter(_ scene: LampScene) {
        guard let told = scene.observation.starts else { return }
        defer { counter = scene.command.map { (told, $0) } }
        guard let command = scene.command, command.percent > .zero, let before = counter,
            before.command.since == command.since, let risen = told.subtracting(before.value)?.integer, risen > 0
        else { return }
        let moments = repeatElement(scene.now, count: Int(min(risen, Int64(scene.limits.cyclingCount))))
        starts[.counter, default: []] += moments
    }

    /// Starts that were seen stay: the supply of a whole street does not end a lamp's trouble.
    mutating func forget() {
        darkAt = nil
        counter = nil
    }
}
