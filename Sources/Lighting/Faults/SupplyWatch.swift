import Telemetry

/// A feeder, or a bus whose lamps no feeder names: whether its lamps have mains, by all that tells of it.
struct SupplyWatch: Sendable {
    /// Less is no supply for any lamp, and more than what a long cable induces, in V.
    static let leastVoltage = ExactDecimal(50)
    /// Gear answers from its capacitors for a second; an answer later than this after the supply went says it did not go.
    static let lifeGrace: Duration = .seconds(10)

    /// Mains were lost, and lamps tell of it one by one as they are polled.
    struct Loss: Sendable {
        let first: BootInstant
        /// The feeder itself was seen off.
        let isSeen: Bool
        var lamps: [String] = []
    }

    let subject: FaultSubject
    let feeder: FaultFeeder?
    /// Positions of its lamps.
    let lamps: [Int]
    let names: [String]

    private(set) var isOn = true
    /// When ``isOn`` last changed.
    private(set) var changedAt: BootInstant?
    /// Why it is held to be on or off.
    private(set) var because = "nothing tells otherwise"
    var settlesAt = BootInstant(nanoseconds: .min)
    /// No lamp of it answers.
    var isSilent = false
    /// An alarm of the last run says that it is off, and nothing has been heard of it since.
    var isRestored = false
    /// Lamps should have burned while it was off.
    var wasMissed = false
    /// While it was off its contactor was seen off: somebody switched it.
    var wasSwitched = false
    /// Lamps not asked since have lost their mains by what is known already.
    var explainedSince: BootInstant?
    var loss: Loss?

    var dead = Lasting()
    var stuckOn = Lasting()
    var stuckOff = Lasting()
    var loads: [(kind: FaultKind, rule: FeederLoadRule)] = [
        (.feederLoadLow, FeederLoadRule(side: .low)), (.feederLoadHigh, FeederLoadRule(side: .high)),
    ]

    private var sign: Bool?
    private var signText = ""
    private(set) var contactor: Bool?
    private var voltages: [String: ExactDecimal] = [:]
    private var toldOffAt: BootInstant?
    private var contactorOffAt: BootInstant?
    private var life: (lamp: String, at: BootInstant)?

    init(subject: FaultSubject, feeder: FaultFeeder?, lamps: [Int], names: [String]) {
        self.subject = subject
        self.feeder = feeder
        self.lamps = lamps
        self.names = names
    }

    // MARK: What tells

    /// Takes a reading.
    ///
    /// - Returns: its power in W, where that is what was read.
    mutating func take(_ observation: FeederObservation) -> ExactDecimal? {
        guard let feeder else { return nil }
        // Of a value that is not good nothing is known, which is not the same as off.
        let value = observation.quality.grade == .bad ? nil : observation.value
        if let expected = feeder.sign, expected.device == observation.device, expected.point == observation.point {
            let number = value?.number.map { LampObservation.converted($0, observation.unit, to: expected.unit) }
            if case .flag(let flag)? = value { sign = flag } else { sign = number.map { $0 > expected.above } }
            signText = "\(expected.device) \(expected.point) is \(value?.description ?? "unknown")"
        }
        if let expected = feeder.contactor, expected.device == observation.device, expected.point == observation.point {
            let before = contactor
            if case .flag(let flag)? = value { contactor = flag } else { contactor = value?.number.map { $0 != .zero } }
            if contactor == false, before != false { contactorOffAt = observation.at }
        }
        guard feeder.meter == observation.device else { return nil }
        if feeder.voltagePoints.contains(observation.point) {
            voltages[observation.point] = value?.number.map {
                LampObservation.converted($0, observation.unit, to: Unit(symbol: "V"))
            }
        }
        guard feeder.powerPoint == observation.point else { return nil }
        return value?.number.map { LampObservation.converted($0, observation.unit, to: Unit(symbol: "W")) }
    }

    /// A lamp of it answers, so it has mains.
    mutating func heard(from lamp: String, at now: BootInstant) { life = (lamp, now) }

    /// This lamp answers no more.
    mutating func heardNothing(from lamp: String) { if life?.lamp == lamp { life = nil } }

    private var hasVoltage: Bool? {
        voltages.isEmpty ? nil : voltages.values.contains { $0 >= Self.leastVoltage }
    }

    /// What meter, sign and contactor say together; nil where none of them says anything.
    private var told: (isOn: Bool, because: String)? {
        if let sign { return (sign, signText) }
        if hasVoltage == false, let feeder {
            return (false, "\(feeder.meter ?? "the meter") has no voltage")
        }
        // A meter before the contactor has voltage whatever the contactor does.
        if contactor == false { return (false, "its contactor is off") }
        if hasVoltage == true { return (true, "\(feeder?.meter ?? "the meter") has voltage") }
        return contactor == true ? (true, "its contactor is on") : nil
    }

    /// Whether somebody says that it is on, beyond nobody saying otherwise.
    var isKnownOn: Bool { isOn && (told?.isOn == true || life != nil) }

    /// Whether meter or sign say that it is off, without asking the contactor.
    var isMeasuredOff: Bool { sign.map { !$0 } ?? (hasVoltage == false) }

    /// Who says that it is on although the contactor is off.
    var contradiction: String? {
        guard contactor == false, let contactorOffAt else { return nil }
        if let life, life.at > contactorOffAt.advanced(by: Self.lifeGrace) { return "lamp \(life.lamp) answers" }
        return sign == true ? signText : nil
    }

    /// Puts together what is told.
    ///
    /// - Returns: whether it went on or off.
    mutating func refresh(at now: BootInstant) -> Bool {
        var (isOn, because) = told ?? (true, "nothing tells otherwise")
        if isOn { toldOffAt = nil } else if toldOffAt == nil { toldOffAt = now }
        if let toldOffAt, let life, life.at > toldOffAt.advanced(by: Self.lifeGrace) {
            (isOn, because) = (true, "lamp \(life.lamp) answers, although \(because)")
        }
        self.because = because
        guard isOn != self.isOn else { return false }
        self.isOn = isOn
        changedAt = now
        return true
    }

    // MARK: What is told of it

    /// With its name and its lamps, as every evidence of a supply begins.
    func evidence(because sentence: String? = nil) -> Evidence {
        var evidence = Evidence()
        evidence.add(subject.word, subject.name)
        evidence.add("because", sentence ?? because)
        return evidence
    }
}
