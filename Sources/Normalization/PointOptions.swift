public import Telemetry

/// What the configuration wants of one point, beyond what its driver says of it.
public struct PointOptions: Sendable, Hashable {
    /// How far a value must move from the last reported one before it is reported again.
    public enum ChangeThreshold: Sendable, Hashable {
        /// `report_on_change: 5 W`. A difference of this much or more is reported; 0 means any change.
        case absolute(ExactDecimal, unit: String)
        /// `report_on_change: 2%`. Percent of the last reported value; a difference of this much or more is reported.
        case relative(percent: ExactDecimal)
    }

    /// The unit wanted upstream; nil keeps the product's own. Only powers of ten convert.
    public var unit: String?
    /// nil reports every good sample.
    public var reportOnChange: ChangeThreshold?
    /// With ``reportOnChange``: a sample this long after the last report is reported even if nothing changed.
    public var reportAtLeast: Duration?
    /// nil: counters are billing, all else is telemetry.
    public var keep: KeepClass?

    public init(
        unit: String? = nil, reportOnChange: ChangeThreshold? = nil, reportAtLeast: Duration? = nil,
        keep: KeepClass? = nil
    ) {
        self.unit = unit
        self.reportOnChange = reportOnChange
        self.reportAtLeast = reportAtLeast
        self.keep = keep
    }
}

/// Why a point cannot be normalised as it is described or configured.
public struct PointProblem: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The driver gives a unit that the gateway does not know. The point is reported bad, `configuration`.
        case unknownUnit
        /// The wanted unit is unknown, or no power of ten leads to it. The point keeps the product's unit.
        case unitDoesNotConvert
        /// The threshold is negative, or its unit does not fit the point's. Every sample is reported.
        case thresholdDoesNotFit
        /// Options for a point that the device does not have. They change nothing.
        case unknownPoint
        /// A window of a length that does not divide a day, or of a point that has none such.
        case windowDoesNotFit
        /// Two points of one name. The second is reported bad, `configuration`.
        case duplicatePoint
    }

    public let device: String
    public let point: String
    public let code: Code
    /// What is wrong and what was expected, in one sentence.
    public let explanation: String

    public init(device: String, point: String, code: Code, explanation: String) {
        self.device = device
        self.point = point
        self.code = code
        self.explanation = explanation
    }

    public var description: String { "\(device) \(point): \(explanation)" }
}

/// What is known of one point now, whether it was reported or held back.
public struct LatestValue: Sendable, Hashable {
    public let point: String
    public let kind: PointDescriptor.Kind
    public let isWritable: Bool
    /// nil when it is bad or was never read.
    public let value: Value?
    /// The unit in which ``value`` is given.
    public let unit: String
    /// nil until the first sample.
    public let quality: Quality?
    /// When the driver acquired it; nil until the first sample.
    public let acquired: BootInstant?

    public init(
        point: String, kind: PointDescriptor.Kind, isWritable: Bool, value: Value?, unit: String, quality: Quality?,
        acquired: BootInstant?
    ) {
        self.point = point
        self.kind = kind
        self.isWritable = isWritable
        self.value = value
        self.unit = unit
        self.quality = quality
        self.acquired = acquired
    }
}
