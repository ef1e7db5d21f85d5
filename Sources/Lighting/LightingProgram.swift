public import Telemetry

/// A time of day on the local clock, summer time included, in whole seconds since midnight.
public struct TimeOfDay: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// 0 to 86,400; 86,400 is the end of the day, written 24:00.
    public let seconds: Int

    public static let endOfDay = 86_400

    /// nil outside 0...86,400.
    public init?(seconds: Int) {
        guard (0...Self.endOfDay).contains(seconds) else { return nil }
        self.seconds = seconds
    }

    /// Reads `23:00` and `23:00:30`; nil for anything else, `25:00` and `7:00` included.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3 else { return nil }
        var numbers: [Int] = []
        for part in parts {
            guard part.utf8.count == 2, part.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(part) else {
                return nil
            }
            numbers.append(number)
        }
        guard numbers[1] < 60, numbers.count == 2 || numbers[2] < 60 else { return nil }
        self.init(seconds: numbers[0] * 3600 + numbers[1] * 60 + (numbers.count == 3 ? numbers[2] : 0))
    }

    public static func < (a: TimeOfDay, b: TimeOfDay) -> Bool { a.seconds < b.seconds }

    public var description: String {
        let minutes = padded(seconds / 3600, 2) + ":" + padded(seconds / 60 % 60, 2)
        return seconds % 60 == 0 ? minutes : minutes + ":" + padded(seconds % 60, 2)
    }
}

/// A moment that comes once a day: by the clock or by the sun.
public enum DailyTime: Sendable, Hashable, CustomStringConvertible {
    case clock(TimeOfDay)
    /// The sun's upper limb leaves the horizon, plus the offset.
    case sunrise(offset: Duration)
    /// The sun's upper limb meets the horizon, plus the offset.
    case sunset(offset: Duration)

    /// The largest offset to the sun, either way: beyond it, the moment would belong to another night.
    public static let largestOffset: Duration = .seconds(6 * 3600)

    public var description: String {
        switch self {
        case .clock(let time): return time.description
        case .sunrise(let offset): return "sunrise" + Self.signed(offset)
        case .sunset(let offset): return "sunset" + Self.signed(offset)
        }
    }

    private static func signed(_ offset: Duration) -> String {
        let seconds = offset.wholeNanoseconds / 1_000_000_000
        guard seconds != 0 else { return "" }
        let size = abs(seconds)
        return (seconds < 0 ? " - " : " + ") + (size % 60 == 0 ? "\(size / 60)min" : "\(size)s")
    }
}

/// When lamps are on at all: by clock and sun (`{from: sunset + 10min, to: sunrise - 10min}`), by a sensor, or both.
public struct ActivePeriod: Sendable, Hashable, CustomStringConvertible {
    /// From one moment of a day or night to another.
    public struct Span: Sendable, Hashable, CustomStringConvertible {
        public let from: DailyTime
        public let to: DailyTime

        public init(from: DailyTime, to: DailyTime) {
            self.from = from
            self.to = to
        }

        public var description: String { "\(from) to \(to)" }
    }

    /// nil: any time, a sensor alone decides.
    public let span: Span?
    /// nil: the time alone decides.
    public let sensor: PeriodSensor?

    public init(from: DailyTime, to: DailyTime, sensor: PeriodSensor? = nil) {
        span = Span(from: from, to: to)
        self.sensor = sensor
    }

    /// One that a sensor alone decides.
    public init(sensor: PeriodSensor) {
        span = nil
        self.sensor = sensor
    }

    public var description: String {
        [span?.description, sensor?.description].compactMap { $0 }.joined(separator: " while ")
    }
}

/// The sensor of an active period (TALQ's SensorActivePeriod, AstroAndSensorActivePeriod and ValueActivePeriod).
public struct PeriodSensor: Sendable, Hashable, CustomStringConvertible {
    public enum Rule: Sendable, Hashable {
        /// Active from below `on` until above `off`; a flag is active while it is true. In the point's own unit.
        case level(on: ExactDecimal, off: ExactDecimal)
        /// Active while it is fulfilled.
        case condition(SensorCondition)
    }

    public let source: SensorSource
    public let rule: Rule
    /// How long before the span's beginning the sensor may begin the period.
    public let early: Duration
    /// How long before the span's end the sensor may end it. With neither this nor ``early`` it decides in the whole span.
    public let earlyEnd: Duration

    public init(source: SensorSource, rule: Rule, early: Duration = .zero, earlyEnd: Duration = .zero) {
        self.source = source
        self.rule = rule
        self.early = early
        self.earlyEnd = earlyEnd
    }

    /// Whether the sensor only moves the ends of the span.
    var movesEnds: Bool { early > .zero || earlyEnd > .zero }

    public var description: String {
        switch rule {
        case .level(let on, let off): "\(source.point) below \(on), until above \(off)"
        case .condition(let condition): "\(source.point) \(condition)"
        }
    }
}

/// From a moment of the day on, a level: `{at: "23:00", level: 50%}`.
public struct LightingStep: Sendable, Hashable {
    public let at: DailyTime
    /// Percent of light, 0 to 100.
    public let level: ExactDecimal
    /// How long the lamp takes to get there; nil leaves it to the gear.
    public let fade: Duration?
    /// nil: a level that rules until the next step. Given (by the sun only): applied over what the other steps say, until the
    /// next step with an operation (TALQ's AstroClockTimeControl).
    public let operation: LevelOperation?

    public init(at: DailyTime, level: ExactDecimal, fade: Duration? = nil, operation: LevelOperation? = nil) {
        self.at = at
        self.level = level
        self.fade = fade
        self.operation = operation
    }
}

/// What lamps do in the course of a night (a control program, in TALQ's words).
public struct LightingProgram: Sendable, Hashable {
    public let name: String
    /// Outside all of them the lamp is off. Empty: always active.
    public let active: [ActivePeriod]
    /// The latest one rules until the next, also over midnight and from the previous day. Empty: 100 %.
    public let steps: [LightingStep]
    /// The first that acts wins. None acts outside the active periods.
    public let dynamic: [DynamicControl]

    public init(name: String, active: [ActivePeriod], steps: [LightingStep] = [], dynamic: [DynamicControl] = []) {
        self.name = name
        self.active = active
        self.steps = steps
        self.dynamic = dynamic
    }
}
