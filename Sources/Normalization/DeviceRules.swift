public import Telemetry

/// What the configuration wants of a device as a whole.
public struct DeviceRules: Sendable, Hashable {
    /// `rating:`; nil: no counter of it is checked against what the meter can pass.
    public var rating: MeterRating?
    public var windows: [WindowOptions]
    /// A household's meter: nothing leaves but ``windows``.
    public var windowsOnly: Bool

    public init(rating: MeterRating? = nil, windows: [WindowOptions] = [], windowsOnly: Bool = false) {
        self.rating = rating
        self.windows = windows
        self.windowsOnly = windowsOnly
    }
}

/// `windows:` one entry.
public struct WindowOptions: Sendable, Hashable {
    /// How long a period is: whole seconds that divide a day. Periods begin at multiples of it in UTC.
    public var every: Duration
    /// Names of the points. Empty: every counter of the device.
    public var points: [String]
    /// Which values each period gives; in this order. Averages and extremes are of gauges only.
    public var values: [ReadingPeriod.Kind]
    /// `window_tolerance`: a register read farther than this from the period's end is uncertain, `offPeriod`.
    public var tolerance: Duration

    /// A round on a busy bus, and half of what separates quarter hours in any settlement.
    public static let usualTolerance: Duration = .seconds(10)
    /// Below this a window costs more than the readings it stands for.
    public static let shortest: Duration = .seconds(10)

    public init(
        every: Duration, points: [String], values: [ReadingPeriod.Kind] = [.register],
        tolerance: Duration = WindowOptions.usualTolerance
    ) {
        self.every = every
        self.points = points
        self.values = values
        self.tolerance = tolerance
    }

    /// Whole seconds; nil where they do not divide a day.
    var seconds: Int64? {
        let seconds = every.wholeNanoseconds / 1_000_000_000
        guard every >= Self.shortest, Duration.seconds(seconds) == every, 86_400 % seconds == 0 else { return nil }
        return seconds
    }
}
