public import Telemetry

/// What one poll of a lamp told. Put together from the samples of one report of its driver.
public struct LampObservation: Sendable, Hashable {
    public enum Answer: Sendable, Hashable {
        case answered
        /// Two gear answered at once: it is there, and what it says means nothing.
        case collision
        case silent
        /// It was not asked: its feeder is off.
        case notPowered
    }

    public let lamp: String
    public let at: BootInstant
    /// nil until a point was taken.
    public private(set) var answer: Answer?
    /// Percent of light.
    public var level: ExactDecimal?
    public var isOn: Bool?
    public var isFading: Bool?
    public var lampFailure: Bool?
    public var gearFailure: Bool?
    /// Mains came back and no level was ordered since.
    public var powerCycled: Bool?
    /// The gear says that the ordered level is outside its own limits.
    public var limitError: Bool?
    /// In W, where the gear meters itself.
    public var power: ExactDecimal?
    /// The gear's own counter of starts of the light source.
    public var starts: ExactDecimal?

    public init(lamp: String, at: BootInstant, answer: Answer? = nil) {
        self.lamp = lamp
        self.at = at
        self.answer = answer
    }

    /// Takes one sample; points that no rule uses count as an answer only.
    ///
    /// - Parameter unit: of the value; powers in kW or mW are converted.
    public mutating func take(point: String, value: Value?, unit: Unit? = nil, quality: Quality) {
        note(quality)
        guard quality.grade != .bad, let value else { return }
        let flag: Bool? = if case .flag(let flag) = value { flag } else { value.number.map { $0 != .zero } }
        switch point {
        case "level": level = value.number
        case "on": isOn = flag
        case "fading", "fade_running": isFading = flag
        case "lamp_failure": lampFailure = flag
        case "gear_failure": gearFailure = flag
        case "power_cycled": powerCycled = flag
        case "limit_error": limitError = flag
        case "active_power": power = value.number.map { Self.converted($0, unit, to: Unit(symbol: "W")) }
        case "lamp_starts": starts = value.number
        default: break
        }
    }

    private mutating func note(_ quality: Quality) {
        switch quality.reason {
        // One query may go unanswered and another not: who answered once is there.
        case .communication where quality.grade == .bad: answer = answer ?? .silent
        case .notPowered: answer = .notPowered
        case .collision: if answer != .answered { answer = .collision }
        // Nobody was asked.
        case .configuration, .stale: break
        default: answer = .answered
        }
    }

    static func converted(_ number: ExactDecimal, _ unit: Unit?, to wanted: Unit?) -> ExactDecimal {
        guard let unit, let wanted, let power = unit.powerOfTen(to: wanted) else { return number }
        return number.scaled(byPowerOfTen: power)
    }
}
