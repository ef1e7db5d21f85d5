public import Telemetry

/// A level ordered from outside for one lamp, above its program, until it expires or is released.
public struct LampOverride: Sendable, Hashable {
    public let lamp: String
    /// Percent of light, 0 to 100.
    public let percent: ExactDecimal
    /// nil leaves it to the gear.
    public let fade: Duration?
    /// Who ordered it: an uplink's or a person's name, for the `why` of a level.
    public let author: String
    /// When it ends by the clock; nil while no clock was trusted since it was placed.
    public let until: UTCInstant?
    /// When it ends at the latest by this boot's own clock while no other is trusted.
    public let untilUptime: BootInstant

    public init(
        lamp: String, percent: ExactDecimal, fade: Duration?, author: String, until: UTCInstant?,
        untilUptime: BootInstant
    ) {
        self.lamp = lamp
        self.percent = percent
        self.fade = fade
        self.author = author
        self.until = until
        self.untilUptime = untilUptime
    }

    /// Whether it has ended.
    public func isExpired(_ clock: LightingClock) -> Bool {
        if clock.isTrusted, let until { return clock.utc >= until }
        return clock.uptime >= untilUptime
    }
}

/// Why an order to Lighting, or a plan, is refused.
public struct LightingProblem: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable, CaseIterable {
        case unknownLamp, unknownGroup, unknownCalendar, unknownProgram, duplicateName
        case badLevel, badDuration, badActivePeriod, badStep, badPlace, badOffset, badSensor, badPipeline
    }

    public let code: Code
    /// Where in the plan: `programs.night.steps[0]`, `groups.north-side`; a lamp's name for an order.
    public let path: String
    /// What is wrong and what was expected, in one sentence.
    public let explanation: String

    public init(_ code: Code, path: String, _ explanation: String) {
        self.code = code
        self.path = path
        self.explanation = explanation
    }

    public var description: String { "\(path): \(explanation)" }
}
