public import Telemetry

/// Lamps that are lit alike.
public struct LampGroup: Sendable, Hashable {
    public let name: String
    /// nil: the lamps stand at ``fallback`` unless overridden.
    public let calendar: String?
    /// Percent when nothing else rules: no calendar, no trusted clock, a gateway that is stopped for good.
    public let fallback: ExactDecimal
    /// Device names.
    public let lamps: [String]
    /// From the level asked for to the one that is sent.
    public let pipeline: LevelPipeline

    public init(
        name: String, calendar: String?, fallback: ExactDecimal = LightingPlan.fullLight, lamps: [String],
        pipeline: LevelPipeline = .plain
    ) {
        self.pipeline = pipeline
        self.name = name
        self.calendar = calendar
        self.fallback = fallback
        self.lamps = lamps
    }
}

/// What lamps under a calendar do until the clock can be trusted.
public enum WithoutClock: String, Sendable, Hashable, CaseIterable {
    /// Their group's fallback; 100 % where that would be dark.
    case lit
    /// They are left at the level they have.
    case last
    case off
}

/// Why a lamp is at its level.
public enum LampReason: Sendable, Hashable, CustomStringConvertible {
    /// No calendar rules it: its group's fallback.
    case standard
    /// A step of the program, or its beginning where `step` is nil.
    case program(String, step: String?)
    case outsideActivePeriod(program: String)
    case withoutClock(WithoutClock)
    /// A sensor's control over its program; `control` names it in words.
    case dynamic(program: String, control: String)
    /// `by` is who ordered it.
    case override(by: String)
    /// Somebody works on it and holds it.
    case held(by: String, reason: String)
    /// The gateway stops for good.
    case fallback

    /// TALQ's word: default, program, sensor or override.
    public var talq: String {
        switch self {
        case .standard, .withoutClock, .fallback: "default"
        case .program, .outsideActivePeriod: "program"
        case .dynamic: "sensor"
        case .override, .held: "override"
        }
    }

    public var description: String {
        switch self {
        case .standard: "no calendar, so the group's fallback"
        case .program(let name, nil): "program \(name)"
        case .program(let name, let step?): "program \(name), step at \(step)"
        case .outsideActivePeriod(let name): "outside the active periods of program \(name)"
        case .withoutClock(let mode): "the clock is not trusted, without_clock: \(mode.rawValue)"
        case .dynamic(let program, let control): "program \(program), \(control)"
        case .held(let author, let reason): "held by \(author): \(reason)"
        case .override(let author): "override by \(author)"
        case .fallback: "the gateway stops, so the group's fallback"
        }
    }
}

/// The level that is right for a lamp now.
public struct LampLevel: Sendable, Hashable {
    /// Percent to send, 0 to 100; nil leaves the lamp as it is.
    public let percent: ExactDecimal?
    /// Percent of light that was asked for, before the group's ``LevelPipeline``.
    public let asked: ExactDecimal?
    /// nil leaves it to the gear.
    public let fade: Duration?
    public let reason: LampReason

    public init(percent: ExactDecimal?, asked: ExactDecimal? = nil, fade: Duration? = nil, reason: LampReason) {
        self.percent = percent
        self.asked = asked ?? percent
        self.fade = fade
        self.reason = reason
    }
}

/// A level to be sent to a lamp.
public struct LampOrder: Sendable, Hashable {
    public enum Priority: Int, Sendable, Hashable, CaseIterable {
        /// A person waits for it.
        case person
        case schedule
    }

    public let lamp: String
    /// Percent of light, 0 to 100.
    public let percent: ExactDecimal
    /// nil leaves it to the gear.
    public let fade: Duration?
    public let priority: Priority
    public let reason: LampReason
    /// 1 for the first try; more after ``LightingEngine/failed(lamp:clock:)``.
    public let attempt: Int

    public init(
        lamp: String, percent: ExactDecimal, fade: Duration?, priority: Priority, reason: LampReason, attempt: Int = 1
    ) {
        self.lamp = lamp
        self.percent = percent
        self.fade = fade
        self.priority = priority
        self.reason = reason
        self.attempt = attempt
    }
}
