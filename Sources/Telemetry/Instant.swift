/// A moment on this boot's own clock: nanoseconds since boot, sleep included (CLOCK_BOOTTIME).
///
/// Drivers stamp with it; it never jumps, and means nothing in another boot.
public struct BootInstant: Sendable, Hashable, Comparable {
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (a: BootInstant, b: BootInstant) -> Bool { a.nanoseconds < b.nanoseconds }

    public func advanced(by duration: Duration) -> BootInstant {
        BootInstant(nanoseconds: nanoseconds &+ duration.wholeNanoseconds)
    }

    public func duration(since earlier: BootInstant) -> Duration {
        .nanoseconds(nanoseconds - earlier.nanoseconds)
    }
}

/// A moment in UTC: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
public struct UTCInstant: Sendable, Hashable, Comparable {
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    public init(seconds: Int64) { self.nanoseconds = seconds * 1_000_000_000 }

    /// Whole seconds since 1970, rounded down.
    public var seconds: Int64 { nanoseconds.flooredDivision(by: 1_000_000_000) }

    public static func < (a: UTCInstant, b: UTCInstant) -> Bool { a.nanoseconds < b.nanoseconds }

    public func advanced(by duration: Duration) -> UTCInstant {
        UTCInstant(nanoseconds: nanoseconds &+ duration.wholeNanoseconds)
    }

    public func duration(since earlier: UTCInstant) -> Duration { .nanoseconds(nanoseconds - earlier.nanoseconds) }
}

/// How far this gateway's clock can be trusted.
public enum ClockQuality: UInt8, Sendable, Hashable, CaseIterable {
    case unsynchronised = 0
    case holdover = 1
    case synchronised = 2

    public var name: String {
        switch self {
        case .unsynchronised: "unsynchronised"
        case .holdover: "holdover"
        case .synchronised: "synchronised"
        }
    }
}

extension Duration {
    /// The duration in nanoseconds, saturating at ±292 years.
    public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        return nanoseconds &+ attoseconds / 1_000_000_000
    }

    public var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }

    /// For printing and ratios.
    public var inSeconds: Double { Double(wholeNanoseconds) / 1e9 }
}

extension Int64 {
    func flooredDivision(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return (self % divisor != 0 && (self < 0) != (divisor < 0)) ? quotient - 1 : quotient
    }
}
