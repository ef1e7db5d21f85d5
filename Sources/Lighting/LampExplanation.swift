public import Telemetry

/// Why a lamp is at its level: everything that has a say, the deciding one first.
public struct LampExplanation: Sendable, Hashable {
    /// One thing that has a say.
    public struct Line: Sendable, Hashable {
        /// `hold`, `override`, `dynamic control`, `program`, `default`, `constant light`, `order`, `sensor`.
        public let rule: String
        /// What it says in a sentence.
        public let text: String
        /// The level it asks for, in percent; nil where it asks for none.
        public let percent: ExactDecimal?
        /// Whether it is the one that rules.
        public let rules: Bool

        public init(rule: String, text: String, percent: ExactDecimal?, rules: Bool = false) {
            self.rule = rule
            self.text = text
            self.percent = percent
            self.rules = rules
        }
    }

    public let lamp: String
    public let group: String
    /// The level that is right now; nil: the lamp is left as it is.
    public let level: LampLevel
    public let status: LampStatus
    /// By precedence, the highest first; then the level pipeline, then what stands in the way.
    public let lines: [Line]
    /// When the program next changes the level by clock and sun; nil where unknown.
    public let nextChange: UTCInstant?

    public init(
        lamp: String, group: String, level: LampLevel, status: LampStatus, lines: [Line], nextChange: UTCInstant?
    ) {
        self.lamp = lamp
        self.group = group
        self.level = level
        self.status = status
        self.lines = lines
        self.nextChange = nextChange
    }
}
