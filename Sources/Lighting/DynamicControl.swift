public import Telemetry

/// How a command changes the level below it (TALQ 2.7.1, operation of AstroClockTimeControl and DynamicControl).
public enum LevelOperation: String, Sendable, Hashable, CaseIterable {
    case set, max, min, add, sub, mul

    /// The outcome, within 0 to 100 %.
    public func applied(_ command: ExactDecimal, to current: ExactDecimal) -> ExactDecimal {
        let result: ExactDecimal? =
            switch self {
            case .set: command
            case .max: Swift.max(command, current)
            case .min: Swift.min(command, current)
            case .add: current.adding(command)
            case .sub: current.subtracting(command)
            case .mul: current.multiplied(by: command)?.scaled(byPowerOfTen: -2)
            }
        // Levels have few digits; where a product has too many to be exact, the command is the nearest thing meant.
        return Swift.min(Swift.max(result ?? command, LightingPlan.dark), LightingPlan.fullLight)
    }
}

/// A level that a sensor orders while its program is active. The first of a program's list that acts wins.
public struct DynamicControl: Sendable, Hashable, CustomStringConvertible {
    public enum Effect: Sendable, Hashable {
        /// Percent of light, 0 to 100 (TALQ's FixedControlEffect).
        case level(ExactDecimal)
        /// The source's own value is the level in percent (TALQ's ExternalControlEffect).
        case source
    }

    public let source: SensorSource
    /// nil: it always acts, which has a sense only for ``Effect/source``.
    public let when: SensorCondition?
    /// What ends it; nil: that ``when`` is no longer fulfilled.
    public let until: SensorCondition?
    public let effect: Effect
    public let operation: LevelOperation
    /// How long it goes on acting after its condition ended.
    public let hold: Duration
    /// The part of the day or night in which it may act; nil: always.
    public let period: ActivePeriod.Span?
    /// nil leaves it to the gear.
    public let fade: Duration?

    /// The longest hold: what is wanted longer is a step of the program.
    public static let longestHold: Duration = .seconds(24 * 3600)

    public init(
        source: SensorSource, when: SensorCondition?, until: SensorCondition? = nil, effect: Effect,
        operation: LevelOperation = .set, hold: Duration = .zero, period: ActivePeriod.Span? = nil,
        fade: Duration? = nil
    ) {
        self.source = source
        self.when = when
        self.until = until
        self.effect = effect
        self.operation = operation
        self.hold = hold
        self.period = period
        self.fade = fade
    }

    public var description: String {
        let level =
            switch effect {
            case .level(let level): "\(operation.rawValue) \(level) %"
            case .source: "\(operation.rawValue) its value"
            }
        let condition = when.map { " \($0)" } ?? ""
        return "\(source.point)\(condition): \(level)"
    }
}
