import Telemetry

/// Counts messages and bytes in buckets of one second and tells when their average over the window passes the limit.
struct FloodMeter: Sendable {
    private let limits: SupervisionLimits
    private var buckets: [(second: Int64, messages: Int, bytes: Int)]

    init(limits: SupervisionLimits) {
        self.limits = limits
        buckets = Array(repeating: (-1, 0, 0), count: max(1, limits.floodWindow))
    }

    /// Counts one message of `bytes`; a breach when the limit is passed.
    mutating func count(bytes: Int, at now: BootInstant) -> DriverBreach? {
        let second = now.nanoseconds / 1_000_000_000
        let index = Int(second % Int64(buckets.count))
        if buckets[index].second != second { buckets[index] = (second, 0, 0) }
        buckets[index].messages += 1
        buckets[index].bytes += bytes
        var (messages, sum) = (0, 0)
        for bucket in buckets where second - bucket.second < Int64(buckets.count) {
            messages += bucket.messages
            sum += bucket.bytes
        }
        if messages > limits.messagesPerSecond * buckets.count {
            return .messageFlood(perSecond: messages / buckets.count, limit: limits.messagesPerSecond)
        }
        if sum > limits.bytesPerSecond * buckets.count {
            return .byteFlood(perSecond: sum / buckets.count, limit: limits.bytesPerSecond)
        }
        return nil
    }
}
