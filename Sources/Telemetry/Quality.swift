/// How far a value can be trusted, in the three classes of OPC UA, with the reason when it is not good.
///
/// How far the *clock* is trusted belongs to the time (``ClockQuality``), not here.
public struct Quality: Sendable, Hashable {
    public enum Grade: UInt8, Sendable, Hashable, CaseIterable {
        case good = 0
        case uncertain = 1
        case bad = 2

        /// The word used upstream.
        public var name: String {
            switch self {
            case .good: "good"
            case .uncertain: "uncertain"
            case .bad: "bad"
            }
        }
    }

    /// Why a value is not good. Raw values travel in the driver protocol and in stored batches: never renumber.
    public enum Reason: UInt8, Sendable, Hashable, CaseIterable {
        case none = 0
        /// The device did not answer, or not intelligibly.
        case communication = 1
        /// Outside what the point can be (sentinel, NaN, beyond its limits).
        case outOfRange = 2
        /// The device refuses this register or command.
        case notSupported = 3
        /// Older than its interval allows.
        case stale = 4
        case counterReset = 5
        case implausible = 6
        case discontinuity = 7
        case offPeriod = 8
        /// The feeder that supplies it is off.
        case notPowered = 9
        /// The device says by itself that the value is not valid (quality register, MASK, TMASK).
        case deviceReported = 10
        /// The device or its bus is not usable as configured.
        case configuration = 11
        /// Two devices answered at once.
        case collision = 12
        /// Another device answers than the profile expects.
        case wrongDevice = 13

        public var name: String {
            switch self {
            case .none: "none"
            case .communication: "communication"
            case .outOfRange: "outOfRange"
            case .notSupported: "notSupported"
            case .stale: "stale"
            case .counterReset: "counterReset"
            case .implausible: "implausible"
            case .discontinuity: "discontinuity"
            case .offPeriod: "offPeriod"
            case .notPowered: "notPowered"
            case .deviceReported: "deviceReported"
            case .configuration: "configuration"
            case .collision: "collision"
            case .wrongDevice: "wrongDevice"
            }
        }
    }

    public let grade: Grade
    public let reason: Reason

    public static let good = Quality(grade: .good, reason: .none)

    public static func bad(_ reason: Reason) -> Quality { Quality(grade: .bad, reason: reason) }
    public static func uncertain(_ reason: Reason) -> Quality { Quality(grade: .uncertain, reason: reason) }

    public init(grade: Grade, reason: Reason) {
        self.grade = grade
        self.reason = reason
    }

    /// One number for wire and storage: grade × 256 + reason.
    public var code: UInt16 { UInt16(grade.rawValue) << 8 | UInt16(reason.rawValue) }

    /// From ``code``; nil when a newer peer uses a grade or reason that this version does not know.
    public init?(code: UInt16) {
        guard let grade = Grade(rawValue: UInt8(code >> 8)), let reason = Reason(rawValue: UInt8(code & 0xFF)) else {
            return nil
        }
        self.init(grade: grade, reason: reason)
    }
}
