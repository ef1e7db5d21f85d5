import Lighting
import Telemetry

/// A lamp of a street in virtual time: what its gear tells, what it draws, and what is wrong with it.
struct StreetLamp {
    enum Trouble: Hashable {
        case none
        /// The gear sees an open lamp: dark, and says so.
        case lampFailure
        /// The gear says it is broken; its lamp burns.
        case gearFailure
        /// The gear is dead.
        case silent
        /// Every third answer is lost on a disturbed line.
        case everyThirdLost
        /// Full light whatever is ordered, and says so.
        case stuckOn
        /// Says off, draws full power: a welded relay behind a gear that meters itself.
        case liesAndBurns
        /// Out for two minutes, back for eight.
        case cycling
        /// Its own mains come and go: a loose contact in the pole.
        case looseContact
        /// Stands at 40 % whatever is ordered.
        case stuckAtForty
        /// Cannot go below 30 %, and says so.
        case highMinimum
        /// Draws a quarter of what it should; only its own meter tells.
        case drawsLittle
        /// Draws much more than it should.
        case drawsMuch
        /// Dark, and its gear notices nothing.
        case secretlyDark
        /// The longest ordinary fade, and nothing tells of it.
        case slowFade
    }

    let name: String
    let rated: Double
    var trouble = Trouble.none
    var troubleSince = BootInstant(nanoseconds: 0)
    /// Its driver reports the power it measures.
    var isMetered = false
    var ordered: Double = 0
    var orderedAt = BootInstant(nanoseconds: 0)
    var before: Double = 0
    var isCycled = false
    var polls = 0
    /// Full light after mains came back, until the next order.
    var isAtPowerOnLevel = false

    /// Percent of light that it shows.
    func light(at now: BootInstant) -> Double {
        let age = now.duration(since: troubleSince).inSeconds
        if isAtPowerOnLevel { return 100 }
        switch trouble {
        case .lampFailure, .silent, .secretlyDark: return 0
        case .stuckOn: return 100
        case .liesAndBurns: return 100
        case .cycling: return ordered > 0 && age.truncatingRemainder(dividingBy: 600) < 120 ? 0 : ordered
        case .looseContact: return hasContact(at: now) ? ordered : 0
        case .stuckAtForty: return ordered > 0 ? 40 : 0
        case .highMinimum: return ordered > 0 ? max(30, ordered) : 0
        case .slowFade:
            let share = min(1, now.duration(since: orderedAt).inSeconds / 90.5)
            return before + (ordered - before) * share
        default: return ordered
        }
    }

    func hasContact(at now: BootInstant) -> Bool {
        trouble != .looseContact
            || now.duration(since: troubleSince).inSeconds.truncatingRemainder(dividingBy: 900) >= 5
    }

    /// In W.
    func power(at now: BootInstant) -> Double {
        let light = light(at: now)
        if trouble == .silent { return 0 }
        let full = light > 0 ? rated * (1 - (1 - light / 100) / 1.1) : 0.5
        switch trouble {
        case .drawsLittle: return full / 4
        case .drawsMuch: return full * 1.7
        default: return full
        }
    }

    mutating func poll(at now: BootInstant) -> LampObservation {
        polls += 1
        var poll = LampObservation(lamp: name, at: now)
        if trouble == .silent || (trouble == .everyThirdLost && polls % 3 == 0) || !hasContact(at: now) {
            poll.take(point: "on", value: nil, quality: .bad(.communication))
            return poll
        }
        let light = light(at: now)
        poll.take(
            point: "on",
            value: .flag(trouble == .liesAndBurns ? false : trouble == .secretlyDark ? ordered > 0 : light > 0),
            quality: .good)
        poll.take(point: "lamp_failure", value: .flag(trouble == .lampFailure), quality: .good)
        poll.take(point: "gear_failure", value: .flag(trouble == .gearFailure), quality: .good)
        poll.take(point: "power_cycled", value: .flag(isCycled), quality: .good)
        poll.take(
            point: "limit_error", value: .flag(trouble == .highMinimum && ordered > 0 && ordered < 30), quality: .good)
        // The level is MASK while nothing burns that should.
        let isMasked = ordered > 0 && light == 0 && trouble != .secretlyDark
        let told = trouble == .secretlyDark ? ordered : trouble == .liesAndBurns ? 0 : light
        poll.take(
            point: "level", value: isMasked ? nil : ExactDecimal(shortest: told).map(Value.number),
            quality: isMasked ? .bad(.deviceReported) : .good)
        if isMetered {
            let kilowatts = (power(at: now) * 10).rounded() / 10_000
            poll.take(
                point: "active_power", value: ExactDecimal(shortest: kilowatts).map(Value.number),
                unit: Unit(symbol: "kW"), quality: .good)
        }
        return poll
    }
}

/// A street of lamps behind one feeder with its meter, sign and contactor, watched second by second.
struct Street {
    static let pollEvery = 30
    static let meterEvery = 10

    var monitor: FaultMonitor
    var lamps: [StreetLamp]
    private(set) var now = BootInstant(nanoseconds: 0)
    private(set) var second = 0
    /// Everything told so far.
    private(set) var told: [FaultChange] = []
    /// The feeder has mains.
    private(set) var hasMains = true
    var contactor: Bool?
    /// The DALI line is whole.
    var lineIsWhole = true
    /// Load that nobody knows of, in W.
    var foreignLoad: Double = 0
    /// The meter answers.
    var meterAnswers = true
    /// The gateway polls and orders: its own mains and its bus are there.
    var gatewayRuns = true
    /// Lamps are ordered anew after their mains came back, as Lighting does.
    private var reorderAt: Int?

    static let feeder = FaultFeeder(
        name: "f1", meter: "feeder-a", phase: "L1",
        sign: .init(device: "feeder-a", point: "voltage.L1", above: ExactDecimal(100), unit: Unit(symbol: "V")!),
        contactor: .init(device: "cabinet", point: "output.1"), otherLoad: ExactDecimal(40), lamps: names)
    static let names = (1...8).map { "lamp-\($0)" }

    init(
        feeder: FaultFeeder? = feeder, contactor: Bool? = nil, isMetered: Bool = false, rules: FaultRules = FaultRules()
    ) {
        lamps = Self.names.map { StreetLamp(name: $0, rated: 42, isMetered: isMetered) }
        let power = LampPower(rated: ExactDecimal(42))
        monitor = FaultMonitor(
            rules: rules, lamps: Self.names.map { FaultLamp(name: $0, bus: "lamps", power: power) },
            feeders: feeder.map { [$0] } ?? [])
        self.contactor = contactor
    }

    mutating func order(_ percent: Double, fade: Duration? = .zero) {
        for index in lamps.indices { order(index, percent, fade: fade) }
    }

    mutating func order(_ index: Int, _ percent: Double, fade: Duration? = .zero) {
        let unknown = lamps[index].trouble == .slowFade
        if lamps[index].ordered != percent {
            lamps[index].before = lamps[index].light(at: now)
            lamps[index].orderedAt = now
        }
        lamps[index].ordered = percent
        guard gatewayRuns else { return }
        monitor.commanded(
            lamp: lamps[index].name, percent: ExactDecimal(Int64(percent)), fade: unknown ? nil : fade, at: now)
        if hasMains {
            lamps[index].isCycled = false
            lamps[index].isAtPowerOnLevel = false
        }
    }

    mutating func trouble(_ trouble: StreetLamp.Trouble, lamp: Int = 2) {
        lamps[lamp].trouble = trouble
        lamps[lamp].troubleSince = now
    }

    mutating func mains(_ on: Bool) {
        guard on != hasMains else { return }
        hasMains = on
        guard on else { return }
        for index in lamps.indices {
            lamps[index].isCycled = true
            lamps[index].isAtPowerOnLevel = true
        }
        reorderAt = second + 40
    }

    mutating func run(_ duration: Duration) {
        for _ in 0..<(duration.wholeMilliseconds / 1000) { step() }
    }

    private mutating func step() {
        second += 1
        now = BootInstant(nanoseconds: Int64(second) * 1_000_000_000)
        for index in lamps.indices where lamps[index].trouble == .looseContact && !lamps[index].hasContact(at: now) {
            lamps[index].isCycled = true
        }
        guard gatewayRuns else { return }
        if reorderAt == second {
            reorderAt = nil
            for index in lamps.indices { order(index, lamps[index].ordered) }
        }
        if second % Self.meterEvery == 0 { meter() }
        for index in lamps.indices where (second + index) % Self.pollEvery == 0 {
            guard hasMains, lineIsWhole else {
                var poll = LampObservation(lamp: lamps[index].name, at: now)
                poll.take(point: "on", value: nil, quality: .bad(.communication))
                monitor.observe(lamp: poll)
                continue
            }
            monitor.observe(lamp: lamps[index].poll(at: now))
            // Who sees that a lamp lost its mains orders its level again.
            if reorderAt == nil { lamps[index].isCycled = false }
        }
        told += monitor.tick(at: now)
    }

    private mutating func meter() {
        let quality = meterAnswers ? Quality.good : .bad(.communication)
        let load = hasMains ? lamps.reduce(40) { $0 + $1.power(at: now) } + foreignLoad : 0
        let power = ExactDecimal(shortest: (load * 10).rounded() / 10)
        monitor.observe(
            feeder: FeederObservation(
                device: "feeder-a", point: "active_power.L1", value: meterAnswers ? power.map(Value.number) : nil,
                unit: Unit(symbol: "W"), quality: quality, at: now))
        monitor.observe(
            feeder: FeederObservation(
                device: "feeder-a", point: "voltage.L1",
                value: meterAnswers ? .number(ExactDecimal(hasMains ? 231 : 0)) : nil,
                unit: Unit(symbol: "V"), quality: quality, at: now))
        if let contactor {
            monitor.observe(
                feeder: FeederObservation(
                    device: "cabinet", point: "output.1", value: .flag(contactor), unit: nil, at: now))
        }
    }

    /// What was told, in short: `+day_burner lamp-3`.
    var words: [String] {
        told.map { change in
            let sign = change.isActive.map { $0 ? "+" : "-" } ?? "!"
            return "\(sign)\(change.kind.rawValue) \(change.subject.name)"
        }
    }

    /// When the first fault of a kind was told.
    func began(_ kind: FaultKind) -> BootInstant? { told.first { $0.kind == kind && $0.isActive != false }?.at }
}
