/// A moment on this boot's own clock: nanoseconds since boot, sleep included (CLOCK_BOOTTIME).
///
/// Drivers stamp with it; it never jumps, and means nothing in another boot.
public struct BootInstant: Sendable, Hashable, Comparable {
    public let nanoseconds: Int64

    @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    @inlinable public static func < (a: BootInstant, b: BootInstant) -> Bool { a.nanoseconds < b.nanoseconds }

    public func advanced(by duration: Duration) -> BootInstant {
        BootInstant(nanoseconds: nanoseconds.saturatingAdd(duration.wholeNanoseconds))
    }

    public func duration(since earlier: BootInstant) -> Duration {
        .nanoseconds(nanoseconds.saturatingSubtract(earlier.nanoseconds))
    }
}

/// A moment in UTC: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
public struct UTCInstant: Sendable, Hashable, Comparable {
    public let nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    /// Beyond the years 1678 to 2261 it is held at the limit.
    public init(seconds: Int64) { self.nanoseconds = seconds.saturatingMultiply(by: 1_000_000_000) }

    /// Whole seconds since 1970, rounded down.
    public var seconds: Int64 { nanoseconds.flooredDivision(by: 1_000_000_000) }

    public static func < (a: UTCInstant, b: UTCInstant) -> Bool { a.nanoseconds < b.nanoseconds }

    public func advanced(by duration: Duration) -> UTCInstant {
        UTCInstant(nanoseconds: nanoseconds.saturatingAdd(duration.wholeNanoseconds))
    }

    public func duration(since earlier: UTCInstant) -> Duration {
        .nanoseconds(nanoseconds.saturatingSubtract(earlier.nanoseconds))
    }
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
        return seconds.saturatingMultiply(by: 1_000_000_000).saturatingAdd(attoseconds / 1_000_000_000)
    }

    public var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }

    /// For printing and ratios.
    public var inSeconds: Double { Double(wholeNanoseconds) / 1e9 }
}

extension Int64 {
    func saturatingAdd(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    func saturatingSubtract(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }

    func saturatingMultiply(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? ((self < 0) != (factor < 0) ? .min : .max) : product
    }

    func flooredDivision(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return (self % divisor != 0 && (self < 0) != (divisor < 0)) ? quotient - 1 : quotient
    }
}
