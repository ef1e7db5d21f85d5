import Telemetry

/// Bounds how many lamps are ordered on within any 100 ms.
struct InrushLimit: Sendable {
    /// Two mains periods and a driver's inrush of under a millisecond fit into it many times.
    static let window: Duration = .milliseconds(100)

    private var recent: [BootInstant] = []

    /// Whether one more may be ordered on now; it is counted then.
    mutating func admits(at now: BootInstant, limit: Int) -> Bool {
        // A moment from the future would be of a clock that was replaced.
        recent.removeAll { $0 > now || now.duration(since: $0) >= Self.window }
        guard recent.count < limit else { return false }
        recent.append(now)
        return true
    }

    /// When the next may be.
    func nextFree(limit: Int) -> BootInstant? {
        recent.count < limit ? nil : recent.first?.advanced(by: Self.window)
    }
}
