import Telemetry

/// What was last seen and last reported of one point.
struct PointState: Sendable {
    private(set) var latestValue: Value?
    private(set) var latestQuality: Quality?
    private(set) var latestAcquired: BootInstant?

    private var reportedQuality: Quality?
    /// Of a point with a threshold only: most have none, and a gateway has tens of thousands of points.
    private var reported: Reported?

    private final class Reported: Sendable {
        let value: Value?
        let acquired: BootInstant
        let epoch: UInt32

        init(value: Value?, acquired: BootInstant, epoch: UInt32) {
            self.value = value
            self.acquired = acquired
            self.epoch = epoch
        }
    }

    /// Notes a good value of a point without threshold, which is always reported.
    @inline(__always)
    mutating func acceptPlain(_ value: Value, at moment: BootInstant) {
        if latestAcquired.map({ moment >= $0 }) ?? true {
            latestValue = value
            latestQuality = .good
            latestAcquired = moment
        }
        reportedQuality = .good
    }

    /// Notes a converted sample; true when it is to be reported.
    mutating func accept(
        _ value: Value?, quality: Quality, at moment: BootInstant, epoch: UInt32 = 0, rule: PointRule
    ) -> Bool {
        // A driver may deliver a late sample after a newer one; it is reported, but it is not the newest.
        if latestAcquired.map({ moment >= $0 }) ?? true {
            latestValue = value
            latestQuality = quality
            latestAcquired = moment
        }
        guard isReportable(value, quality: quality, at: moment, epoch: epoch, rule: rule) else { return false }
        reportedQuality = quality
        if rule.threshold != nil { reported = Reported(value: value, acquired: moment, epoch: epoch) }
        return true
    }

    private func isReportable(
        _ value: Value?, quality: Quality, at moment: BootInstant, epoch: UInt32, rule: PointRule
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
