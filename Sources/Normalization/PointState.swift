import Telemetry

/// What was last seen and last reported of one point.
struct PointState: Sendable {
    private(set) var latestValue: Value?
    private(set) var latestQuality: Quality?
    private var reportedCode = unreported
    /// Nanoseconds since boot.
    private var latestStamp = never

    var latestAcquired: BootInstant? { latestStamp == Self.never ? nil : BootInstant(nanoseconds: latestStamp) }

    // In this order and without the optionals of a time and a quality it takes 24 bytes and not 40: a gateway has tens of thousands of points.
    private static let never = Int64.min
    private static let unreported = UInt8.max

    /// Grade in the upper two bits, reason in the lower six.
    private var reportedQuality: Quality? {
        get {
            reportedCode == Self.unreported
                ? nil : Quality(code: UInt16(reportedCode >> 6) << 8 | UInt16(reportedCode & 0x3F))
        }
        set {
            reportedCode = newValue.map { $0.grade.rawValue << 6 | $0.reason.rawValue & 0x3F } ?? Self.unreported
        }
    }

    /// What was reported of a point with a threshold; most have none.
    struct Reported: Sendable {
        let value: Value?
        let acquired: BootInstant
        let epoch: UInt32
    }

    /// Notes a good value of a point without threshold, which is always reported.
    @inline(__always)
    mutating func acceptPlain(_ value: Value, at moment: BootInstant) {
        if moment.nanoseconds >= latestStamp { note(value, .good, moment) }
        reportedCode = 0
    }

    @inline(__always)
    private mutating func note(_ value: Value?, _ quality: Quality, _ moment: BootInstant) {
        latestValue = value
        latestQuality = quality
        latestStamp = moment.nanoseconds
    }

    /// Notes a converted sample; true when it is to be reported.
    ///
    /// - Parameter reported: of a point with a threshold, what was reported last.
    mutating func accept(
        _ value: Value?, quality: Quality, at moment: BootInstant, epoch: UInt32 = 0, rule: PointRule,
        reported: inout Reported?
    ) -> Bool {
        // A driver may deliver a late sample after a newer one; it is reported, but it is not the newest.
        if moment.nanoseconds >= latestStamp { note(value, quality, moment) }
        guard isReportable(value, quality: quality, at: moment, epoch: epoch, rule: rule, reported) else {
            return false
        }
        reportedQuality = quality
        if rule.threshold != nil { reported = Reported(value: value, acquired: moment, epoch: epoch) }
        return true
    }

    private func isReportable(
        _ value: Value?, quality: Quality, at moment: BootInstant, epoch: UInt32, rule: PointRule,
        _ reported: Reported?
    ) -> Bool {
        guard let reportedQuality, reportedQuality == quality else { return true }
        // Bad with the same reason was said already; repeating it would stamp old news freshly.
        if quality.grade == .bad { return false }
        guard rule.threshold != nil, let reported, epoch == reported.epoch else { return true }
        if rule.isChange(from: reported.value, to: value) { return true }
        guard let longest = rule.reportAtLeast else { return false }
        return moment.duration(since: reported.acquired) >= longest
    }
}
