import Telemetry

/// A level that was sent to a lamp.
struct CommandedLevel: Sendable, Hashable {
    /// Percent of light.
    let percent: ExactDecimal
    /// Since when this level is the ordered one; repeating it changes nothing.
    let since: BootInstant
    /// nil where the gear's own is unknown.
    let fade: Duration?

    var fadeEnds: BootInstant { since.advanced(by: fade ?? .zero) }
}

/// What a rule judges: one poll against the lamp's order.
struct LampScene: Sendable {
    let observation: LampObservation
    let command: CommandedLevel?
    let power: LampPower?
    let limits: FaultRules

    var now: BootInstant { observation.at }

    /// How long the present level is the ordered one.
    var commandedFor: Duration? { command.map { now.duration(since: $0.since) } }

    /// Order and answer, with which every evidence begins.
    var evidence: Evidence {
        var evidence = Evidence()
        evidence.add("commanded_percent", command?.percent)
        evidence.add("commanded_seconds", commandedFor)
        evidence.add("on", observation.isOn)
        evidence.add("level_percent", observation.level)
        return evidence
    }
}

/// One fault of one lamp, judged poll by poll. Nothing is judged while the lamp has no supply, its bus is down, or either is
/// just back.
protocol LampRule: Sendable {
    mutating func judge(_ scene: LampScene) -> Verdict
    /// Supply or bus was away: what was counted before says nothing about after.
    mutating func forget()
}

/// The rules of a lamp that go by its answers, one row each.
enum LampRules {
    static func all() -> [(kind: FaultKind, rule: any LampRule)] {
        [
            (.lampFailure, ReportedFailureRule(\.lampFailure, \.lampFailure, provenByLight: true)),
            (.gearFailure, ReportedFailureRule(\.gearFailure, \.gearFailure, provenByLight: false)),
            (.dayBurner, DayBurnerRule()),
            (.cycling, CyclingRule()),
            (.dimmingFailure, DimmingRule()),
            (.lampPowerLow, LampPowerRule(side: .low)),
            (.lampPowerHigh, LampPowerRule(side: .high)),
        ]
    }
}

/// A failure that the gear reports by itself (IEC 62386-102, QUERY STATUS).
struct ReportedFailureRule: LampRule {
    private let flag: @Sendable (LampObservation) -> Bool?
    private let limit: @Sendable (FaultRules) -> Int
    /// Whether only a burning lamp proves that the failure is over: gear cannot see an open lamp while it is off.
    private let provenByLight: Bool
    private var reported = 0
    private var clean = 0

    init(
        _ flag: any KeyPath<LampObservation, Bool?> & Sendable, _ limit: any KeyPath<FaultRules, Int> & Sendable,
        provenByLight: Bool
    ) {
        self.flag = { $0[keyPath: flag] }
        self.limit = { $0[keyPath: limit] }
        self.provenByLight = provenByLight
    }

    mutating func judge(_ scene: LampScene) -> Verdict {
        guard let isReported = flag(scene.observation) else { return .undecided }
        let limit = limit(scene.limits)
        guard isReported else {
            reported = 0
            if provenByLight, scene.observation.isOn == false { return .undecided }
            clean = min(clean + 1, limit)
            return clean >= limit ? .cleared(scene.evidence) : .undecided
        }
        clean = 0
        reported = min(reported + 1, limit)
        guard reported >= limit else { return .undecided }
        var evidence = scene.evidence
        evidence.add("polls", reported)
        return .fault(evidence)
    }

    mutating func forget() { (reported, clean) = (0, 0) }
}

/// Burns although ordered off (TALQ lampUnexpectedOn).
struct DayBurnerRule: LampRule {
    private var burning = Lasting()
    /// The latest power told since the lamp was ordered off: power is read less often than the state.
    private var power: (value: ExactDecimal, at: BootInstant)?
    private static let fallbackBurning = 3.0

    mutating func judge(_ scene: LampScene) -> Verdict {
        guard let command = scene.command, command.percent == .zero else {
            forget()
            return .undecided
        }
        let observation = scene.observation
        if let told = observation.power, observation.at >= command.fadeEnds { power = (told, observation.at) }
        if let told = power, told.at < command.fadeEnds { power = nil }
        // Where nobody said what the lamp draws, more than control gear needs for itself.
        let drawsPower = power.map { $0.value.approximation > scene.power?.burning ?? Self.fallbackBurning }
        let isLit = observation.isOn ?? observation.level.map { $0 > .zero }
        guard drawsPower != nil || isLit != nil else { return .undecided }
        let holds = burning.note(isLit == true || drawsPower == true, at: scene.now, notBefore: command.fadeEnds)
        var evidence = scene.evidence
        evidence.add("power_w", power?.value)
        guard let holds else { return .cleared(evidence) }
        guard holds >= scene.limits.dayBurner else { return .undecided }
        evidence.add("burning_seconds", holds)
        evidence.add("limit_seconds", scene.limits.dayBurner)
        return .fault(evidence)
    }

    mutating func forget() {
        burning.forget()
        power = nil
    }
}

/// Stands at another level than ordered (TALQ dimmingFailure).
struct DimmingRule: LampRule {
    /// The longest fade of IEC 62386-102 that is no extended one (fade time 15): waited for where neither order nor gear tells of a fade.
    static let longestFade: Duration = .milliseconds(90_500)

    private var deviating = Lasting()

    mutating func judge(_ scene: LampScene) -> Verdict {
        let observation = scene.observation
        guard let command = scene.command, command.percent > .zero else {
            deviating.forget()
            return .undecided
        }
        guard let level = observation.level, observation.isFading != true else { return .undecided }
        // A gear that says itself why it has not this light is no fault of dimming.
        if observation.lampFailure == true || observation.gearFailure == true || observation.limitError == true {
            deviating.forget()
            return .undecided
        }
        let isFadeKnown = command.fade != nil || observation.isFading != nil
        let start = command.fadeEnds.advanced(by: isFadeKnown ? .zero : Self.longestFade)
        guard observation.at >= start, let distance = level.subtracting(command.percent)?.magnitude else {
            return .undecided
        }
        guard let holds = deviating.note(distance > scene.limits.dimmingDeviation, at: scene.now, notBefore: start)
        else { return .cleared(scene.evidence) }
        guard holds >= scene.limits.dimmingTime else { return .undecided }
        var evidence = scene.evidence
        evidence.add("deviating_seconds", holds)
        evidence.add("limit_percent", scene.limits.dimmingDeviation)
        evidence.add("limit_seconds", scene.limits.dimmingTime)
        return .fault(evidence)
    }

    mutating func forget() { deviating.forget() }
}

/// Draws less or more than its level explains, where the gear meters itself (TALQ lampPowerTooLow, lampPowerTooHigh).
struct LampPowerRule: LampRule {
    enum Side: Sendable {
        case low
        case high
    }

    /// No metering inside a driver is better, in W.
    static let leastTolerance = 3.0

    let side: Side
    private var deviating = Lasting()
    /// The level of a poll of its own: power is read less often, in another report.
    private var level: (percent: ExactDecimal, at: BootInstant)?
    private var hasFailed = false

    init(side: Side) { self.side = side }

    mutating func judge(_ scene: LampScene) -> Verdict {
        let observation = scene.observation
        if let told = observation.level { level = (told, observation.at) }
        guard let command = scene.command, command.percent > .zero else {
            // Power of a lamp that is ordered off is the day-burner's business.
            deviating.forget()
            return .undecided
        }
        // A lamp that is known to have failed draws little: that is no second fault.
        if let failed = observation.lampFailure { hasFailed = failed }
        guard !hasFailed, let measured = observation.power, let power = scene.power, observation.isFading != true,
            observation.at >= command.fadeEnds.advanced(by: scene.limits.settle)
        else { return .undecided }
        let light = level.flatMap { $0.at >= command.fadeEnds ? $0.percent : nil } ?? command.percent
        let expected = power.expected(light: light)
        let tolerance = max(expected * scene.limits.lampPowerDeviation.approximation / 100, Self.leastTolerance)
        let deviation = (side == .low ? -1 : 1) * (measured.approximation - expected)
        var evidence = scene.evidence
        evidence.add("power_w", measured)
        evidence.add(watts: "expected_w", expected)
        evidence.add(watts: "tolerance_w", tolerance)
        let holds = deviating.note(deviation > tolerance, at: scene.now, notBefore: command.fadeEnds)
        guard let holds else { return deviation < tolerance / 2 ? .cleared(evidence) : .undecided }
        guard holds >= scene.limits.lampPowerTime else { return .undecided }
        evidence.add("deviating_seconds", holds)
        return .fault(evidence)
    }

    mutating func forget() {
        deviating.forget()
        level = nil
    }
}
