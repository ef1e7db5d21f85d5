internal import Telemetry

/// How long to wait for one device: learned from how long it takes, within what its profile and the bus say.
struct Patience: Sendable {
    /// Added to twice the latency that 99 of 100 answers stay under: a device at its worst, once more as bad, is not dead yet.
    static let margin: Duration = .milliseconds(50)
    /// Answers before anything is concluded from them.
    static let enough = 16
    /// The time-out is worked out anew after so many answers.
    static let every = 16

    /// Never less: the profile's own time-out, where it has one.
    private(set) var floor: Duration
    /// Never more: the bus's response_timeout, or the profile's where that is longer.
    private(set) var ceiling: Duration
    private(set) var timeout: Duration
    private(set) var latencies = LatencyWindow()
    private var sinceLearned = 0

    init(floor: Duration?, ceiling: Duration) {
        self.floor = floor ?? .zero
        self.ceiling = max(ceiling, floor ?? .zero)
        timeout = self.ceiling
    }

    /// An answer came after `latency`.
    mutating func answered(after latency: Duration) {
        latencies.append(latency)
        sinceLearned += 1
        guard latencies.count >= Self.enough, sinceLearned >= Self.every else { return }
        sinceLearned = 0
        let usual = latencies.percentile(99)
        timeout = min(ceiling, max(floor, usual * 2 + Self.margin))
    }

    /// None came: a device that has become slower must not be lost for it.
    mutating func missed() { timeout = min(ceiling, timeout * 2) }
}

/// The newest latencies of a device, in whole microseconds.
struct LatencyWindow: Sendable {
    /// Some minutes of an ordinary device: long enough for a hundredth to mean something.
    static let capacity = 128

    private var values: [UInt32] = []
    private var next = 0
    private(set) var longest: UInt32 = 0

    var count: Int { values.count }

    mutating func append(_ latency: Duration) {
        let value = UInt32(clamping: latency.wholeNanoseconds / 1_000)
        longest = max(longest, value)
        if values.count < Self.capacity {
            values.append(value)
        } else {
            values[next] = value
            next = (next + 1) % Self.capacity
        }
    }

    /// Zero when there are none.
    func percentile(_ percent: Int) -> Duration { percentiles([percent])[0] }

    func percentiles(_ percents: [Int]) -> [Duration] {
        guard !values.isEmpty else { return percents.map { _ in .zero } }
        let sorted = values.sorted()
        return percents.map { .microseconds(Int64(sorted[min(sorted.count - 1, sorted.count * $0 / 100)])) }
    }
}
