import Telemetry

/// One point's windows of one length, settled when the device is configured.
struct WindowRule: Sendable {
    /// The point's index in its device.
    let point: Int
    /// Length of a period in seconds; periods begin at multiples of it in UTC, so that a local day of 23 h has fewer.
    let seconds: Int64
    /// In nanoseconds. Half a period at most: a read belongs to one boundary only.
    let tolerance: Int64
    /// Empty when no register is wanted; otherwise one.
    let wantsRegister: Bool
    /// Those of average, minimum and maximum that are wanted, in the configured order.
    let statistics: [ReadingPeriod.Kind]
    /// As of the point, but always of the billing class.
    let identity: PointIdentity
    /// How long a value is taken to last when no newer one comes, in nanoseconds.
    let hold: Int64

    /// A value lasts for this many reading intervals: two answers in a row may go missing.
    static let heldIntervals = 3
    /// Also where the interval is shorter than that of a busy bus.
    static let shortestHold: Duration = .seconds(30)

    init(
        point: Int, descriptor: PointDescriptor, seconds: Int64, options: WindowOptions, identity: PointIdentity,
        statistics: [ReadingPeriod.Kind]
    ) {
        self.point = point
        self.seconds = seconds
        tolerance = min(max(options.tolerance.wholeNanoseconds, 0), seconds * 500_000_000)
        wantsRegister = options.values.contains(.register)
        self.statistics = statistics
        self.identity = identity
        hold = max(descriptor.interval * Self.heldIntervals, Self.shortestHold).wholeNanoseconds
    }

    /// What state is kept under: a point has at most one window of each length.
    var key: WindowKey { WindowKey(point: identity.point, seconds: seconds) }

    /// Where the period begins that holds `utc` (nanoseconds since 1970).
    func start(of utc: Int64) -> Int64 {
        let length = seconds * 1_000_000_000
        let rest = utc % length
        return utc - (rest < 0 ? rest + length : rest)
    }

    var length: Int64 { seconds * 1_000_000_000 }
}

struct WindowKey: Sendable, Hashable {
    let point: String
    let seconds: Int64
}

/// A value offered to a window. Times are nanoseconds since 1970 UTC.
struct WindowSample: Sendable, Hashable {
    var value: Value
    var quality: Quality
    var utc: Int64
    var epoch: UInt32
    var raw: [UInt8]
}

/// What a window says at the end of a period.
struct WindowValue: Sendable, Hashable {
    var kind: ReadingPeriod.Kind
    /// Of the period, in nanoseconds since 1970.
    var start: Int64
    /// nil: nothing was read; ``quality`` is bad.
    var value: Value?
    var quality: Quality
    /// When it was read; of an average, the period's end.
    var utc: Int64
    var epoch: UInt32 = 0
    var raw: [UInt8] = []
}
