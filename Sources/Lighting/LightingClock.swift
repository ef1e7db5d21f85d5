public import Telemetry

/// What the gateway knows of the time at one moment.
public struct LightingClock: Sendable, Hashable {
    /// The best guess of UTC; means something only while ``isTrusted``.
    public let utc: UTCInstant
    /// This boot's own clock, which always runs evenly.
    public let uptime: BootInstant
    public let isTrusted: Bool

    public init(utc: UTCInstant, uptime: BootInstant, isTrusted: Bool) {
        self.utc = utc
        self.uptime = uptime
        self.isTrusted = isTrusted
    }

    /// - Parameters:
    ///   - errorEstimate: how wrong `utc` may be; nil when nothing is known of it.
    ///   - lightingError: how wrong it may be for lighting (`clock.lighting_error`).
    public init(utc: UTCInstant, uptime: BootInstant, errorEstimate: Duration?, lightingError: Duration) {
        self.init(utc: utc, uptime: uptime, isTrusted: errorEstimate.map { $0 <= lightingError } ?? false)
    }
}
