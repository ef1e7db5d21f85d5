public import Telemetry

/// A meter, a lamp, or whatever else a driver knows.
public struct DeviceConfiguration: Sendable, Hashable {
    public enum Privacy: String, Sendable, Hashable, CaseIterable {
        /// Its values show how people live: they are kept out of logs, traces, bundles and foreign uplinks.
        case household
    }

    /// Its identity upstream.
    public let name: String
    /// Of its name; for a member of a range, of the range.
    public let position: SourcePosition
    public let bus: String
    /// Nil only where the driver has no profiles.
    public let profile: String?
    /// Nil: the profile's own.
    public let interval: Duration?
    public let points: PointSelection
    public let groups: [String]
    /// Earlier names: history goes along.
    public let was: [String]
    /// Free texts for the head-end, in the order of the file.
    public let labels: [Label]
    /// The most that the installation can carry, for plausibility of counters.
    public let rating: PhysicalQuantity?
    /// Nil: billing for counters and windows, telemetry for the rest.
    public let keep: KeepClass?
    public let privacy: Privacy?
    public let windows: [WindowConfiguration]
    /// A register read further than this from the end of its window is uncertain.
    public let windowTolerance: Duration
    /// Nothing but the values of its windows leaves the gateway, and nothing else of it is kept.
    public let windowsOnly: Bool
    /// Of a lamp at full light, in W.
    public let ratedPower: PhysicalQuantity?
    /// Keys that belong to the driver: a map.
    public let options: YAMLNode
    /// Every key as merged from bus defaults, range and entry, each with its origin.
    public internal(set) var merged: YAMLNode

    public struct Label: Sendable, Hashable {
        public let name: String
        public let value: String
    }
}

/// Which points of a profile are read, and how.
public struct PointSelection: Sendable, Hashable {
    /// True: exactly the points in ``points``. False: all of the profile, those in ``points`` changed or left out.
    public let onlyListed: Bool
    public let points: [PointConfiguration]

    /// All points as the profile has them.
    public static let all = PointSelection(onlyListed: false, points: [])

    public subscript(name: String) -> PointConfiguration? { points.first { $0.name == name } }
}

public struct PointConfiguration: Sendable, Hashable {
    public enum Threshold: Sendable, Hashable {
        case absolute(PhysicalQuantity)
        /// Percent of the value last reported.
        case relative(percent: ExactDecimal)
    }

    public let name: String
    public let position: SourcePosition
    /// Not wanted at all.
    public let isExcluded: Bool
    /// Nil: the device's.
    public let interval: Duration?
    /// A reading is sent only when the value moved by this much. Nil: every reading is sent.
    public let reportOnChange: Threshold?
    /// A reading is sent after this time even when the value did not move.
    public let reportAtLeast: Duration?
    public let keep: KeepClass?
    /// Registers are sent in hex beside the value.
    public let raw: Bool
}

/// Values per period, for billing.
public struct WindowConfiguration: Sendable, Hashable {
    public enum Value: String, Sendable, Hashable, CaseIterable {
        case register
        case average
        case minimum
        case maximum
    }

    public let every: Duration
    public let points: [String]
    public let values: [Value]
    public let position: SourcePosition
}
