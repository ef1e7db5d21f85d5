import Telemetry

/// What is known of one lamp, and its rules.
struct LampWatch: Sendable {
    /// A power that was read longer ago is the past. Two of the usual readings of its memory bank.
    static let longestPower: Duration = .seconds(1800)
    static let mostPolls: UInt64 = 1_000_000

    let lamp: FaultLamp
    /// Position of its feeder, or of what stands for one, among the supplies.
    let supply: Int
    private(set) var command: CommandedLevel?
    private(set) var level: (percent: ExactDecimal, at: BootInstant)?
    private var power: (watts: ExactDecimal, at: BootInstant)?
    /// The gear's own word, at the latest poll that told.
    private(set) var reportsFailure = false
    var polls = PollWindow()
    /// As its driver told last; nil while it tells none.
    private var counters: (requests: UInt64, failures: UInt64)?
    private var rules = LampRules.all()
    /// No rule is asked before.
    private(set) var settlesAt = BootInstant(nanoseconds: .min)
    /// Whether the gear said at the latest poll that it lost its mains.
    private(set) var isCycled = false
    /// Whether it has said anything about its mains yet.
    private var hasToldMains = false
    /// When it last said that it did not.
    private(set) var uncycledAt: BootInstant?

    init(lamp: FaultLamp, supply: Int) {
        self.lamp = lamp
        self.supply = supply
    }

    var subject: FaultSubject { .lamp(lamp.name) }
    var isWanted: Bool { command.map { $0.percent > .zero } ?? false }
    var countsPollsBySamples: Bool { counters == nil }

    mutating func commanded(_ percent: ExactDecimal, fade: Duration?, at now: BootInstant) {
        guard command?.percent != percent else { return }
        command = CommandedLevel(percent: percent, since: now, fade: fade)
    }

    /// - Returns: polls since the driver told before, answered and not.
    mutating func told(requests: UInt64, failures: UInt64) -> (answered: Int, missed: Int) {
        var before = counters ?? (requests, failures)
        // The driver was started anew.
        if requests < before.requests || failures < before.failures { before = (0, 0) }
        counters = (requests, failures)
        // A driver's counters are what it says they are: nobody polls a lamp a million times between two reports.
        let asked = Int(min(requests - before.requests, Self.mostPolls))
        let missed = min(asked, Int(min(failures - before.failures, Self.mostPolls)))
        return (asked - missed, missed)
    }

    /// What holds whether or not rules are asked now.
    ///
    /// - Returns: whether its mains were lost and came back since it was last asked.
    mutating func learn(_ observation: LampObservation, settle: Duration) -> Bool {
        if let told = observation.level { level = (told, observation.at) }
        if let told = observation.power { power = (told, observation.at) }
        if let failed = observation.lampFailure { reportsFailure = failed }
        guard let cycled = observation.powerCycled else { return false }
        defer {
            isCycled = cycled
            hasToldMains = true
        }
        if !cycled { uncycledAt = observation.at }
        // What it says at the first poll may have happened at any time before, unless somebody ordered it a level: that ends it.
        guard cycled, !isCycled, hasToldMains || command != nil else { return false }
        settlesAt = observation.at.advanced(by: settle)
        forget()
        return true
    }

    /// - Returns: what each rule says.
    mutating func judge(_ observation: LampObservation, limits: FaultRules) -> [(kind: FaultKind, verdict: Verdict)] {
        let scene = LampScene(observation: observation, command: command, power: lamp.power, limits: limits)
        return rules.indices.map { (rules[$0].kind, rules[$0].rule.judge(scene)) }
    }

    /// The lamp alone lost its mains.
    mutating func mainsReturned(at moment: BootInstant) {
        for position in rules.indices {
            guard var cycling = rules[position].rule as? CyclingRule else { continue }
            cycling.mainsReturned(at: moment)
            rules[position].rule = cycling
        }
    }

    /// The loss of its mains was told before a restart.
    mutating func restoreCycled() { isCycled = true }

    /// Its supply or bus was away.
    mutating func forget() {
        polls.forget()
        for position in rules.indices { rules[position].rule.forget() }
    }

    /// What its own gear measured since its latest order, in W: better than any sum; nil where it measures nothing.
    func measuredPower(at now: BootInstant) -> ExactDecimal? {
        guard polls.run == 0, let power, now.duration(since: power.at) <= Self.longestPower else { return nil }
        return command.map { power.at >= $0.fadeEnds } ?? true ? power.watts : nil
    }

    /// Percent of light that explains its power, and whether it is sure; nil while nobody knows or it just changed.
    func light(at now: BootInstant, limits: FaultRules) -> (percent: ExactDecimal, isCertain: Bool)? {
        guard now >= settlesAt else { return nil }
        if let command, now < command.fadeEnds.advanced(by: limits.settle) { return nil }
        let told = level.flatMap { level in command.map { level.at >= $0.fadeEnds } ?? true ? level.percent : nil }
        guard let percent = told ?? command?.percent else { return nil }
        // One miss is noise.
        guard polls.run < 2 else { return (command?.percent ?? percent, false) }
        return (reportsFailure ? .zero : percent, true)
    }
}
