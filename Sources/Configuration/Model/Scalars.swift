public import Telemetry

/// A number with its unit: `63 A`, `5 W`.
public struct PhysicalQuantity: Sendable, Hashable, CustomStringConvertible {
    public let value: ExactDecimal
    public let unit: Unit

    public var description: String { "\(value) \(unit.symbol)" }

    /// The same in another unit; nil when they do not convert by a power of ten.
    public func value(in other: Unit) -> ExactDecimal? {
        unit.powerOfTen(to: other).map(value.scaled(byPowerOfTen:))
    }
}

/// Where a secret is kept; its value is read by who needs it, at the moment it is needed, and is never part of a configuration.
public enum SecretReference: Sendable, Hashable, CustomStringConvertible {
    /// A file, as an absolute path or one relative to the working directory.
    case file(String)
    /// A systemd credential (`$CREDENTIALS_DIRECTORY/NAME`).
    case credential(String)
    /// An environment variable of the daemon.
    case environment(String)

    public var description: String {
        switch self {
        case .file(let path): "file:\(path)"
        case .credential(let name): "credential:\(name)"
        case .environment(let name): "env:\(name)"
        }
    }
}

/// A moment of each day.
public enum DailyTime: Sendable, Hashable, CustomStringConvertible {
    /// Seconds since local midnight, 0 to 86,400 (the end of the day).
    case clock(seconds: Int)
    case sunrise(offset: Duration)
    case sunset(offset: Duration)

    public var isAstronomical: Bool { if case .clock = self { false } else { true } }

    public var description: String {
        switch self {
        case .clock(let seconds):
            let text = "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2))"
            return seconds % 60 == 0 ? text : text + ":" + padded(seconds % 60, 2)
        case .sunrise(let offset): return "sunrise" + Self.text(offset)
        case .sunset(let offset): return "sunset" + Self.text(offset)
        }
    }

    private static func text(_ offset: Duration) -> String {
        let seconds = offset.wholeMilliseconds / 1000
        guard seconds != 0 else { return "" }
        let amount = abs(seconds)
        return (seconds < 0 ? " - " : " + ") + (amount % 60 == 0 ? "\(amount / 60)min" : "\(amount)s")
    }
}

/// A span of waiting times: `0..10min`.
public struct DurationRange: Sendable, Hashable {
    public let shortest: Duration
    public let longest: Duration
}
