public import Telemetry

/// A lamp that schedules leave alone, because somebody works on it (`candela lock`).
public struct LampHold: Sendable, Hashable {
    public let lamp: String
    /// Percent it is held at; nil: at the level it has, so nothing is sent.
    public let percent: ExactDecimal?
    /// When it ends, by this boot's clock.
    public let until: BootInstant
    public let reason: String
    /// Who holds it.
    public let author: String

    public init(lamp: String, percent: ExactDecimal?, until: BootInstant, reason: String, author: String) {
        self.lamp = lamp
        self.percent = percent
        self.until = until
        self.reason = reason
        self.author = author
    }
}
