internal import Telemetry

/// How long things take on a DALI bus: 1,200 bit/s, IEC 62386-101:2022 clause 8.
enum AirTime {
    /// One bit, Manchester coded: 833.33 µs.
    static let bit: Duration = .nanoseconds(833_333)
    /// From the end of a forward frame to the start of the answer: middle of 5.5 to 10.5 ms.
    static let settlingBeforeReply: Duration = .microseconds(8_000)

    /// Silence before a forward frame, the middle of what the standard allows for its priority.
    static func settling(_ priority: FramePriority) -> Duration {
        switch priority {
        case .continuation: .microseconds(14_100)
        case .user: .microseconds(15_500)
        case .configuration: .microseconds(17_000)
        case .automatic: .microseconds(18_600)
        case .polling: .microseconds(20_300)
        }
    }

    /// What one request costs the bus with its silences.
    ///
    /// - Parameter answered: a backward frame came. Silence costs nothing more: the next frame's own settling covers it.
    static func of(_ request: DALIRequest, answered: Bool) -> Duration {
        let forward = bit * (1 + request.frame.bits)
        var total = settling(request.priority) + forward
        if request.isSentTwice { total += settling(.continuation) + forward }
        if answered { total += settlingBeforeReply + bit * 9 }
        return total
    }
}

/// How much of the bus our own frames took lately.
struct BusLoad {
    /// Long enough to smooth a polling round, short enough to show an evening's switching.
    static let window: Duration = .seconds(10)

    private var entries: [(at: BootInstant, cost: Duration)] = []
    private var begun: BootInstant

    init(since begun: BootInstant) { self.begun = begun }

    mutating func add(_ cost: Duration, at now: BootInstant) {
        entries.append((now, cost))
        trim(now)
    }

    /// Share of the window, in thousandths, 0 to 1,000.
    mutating func permille(at now: BootInstant) -> UInt32 {
        trim(now)
        let span = min(Self.window, max(now.duration(since: begun), .milliseconds(1)))
        let used = entries.reduce(Duration.zero) { $0 + $1.cost }
        return UInt32(min(1000, max(0, used.wholeNanoseconds / max(1, span.wholeNanoseconds / 1000))))
    }

    private mutating func trim(_ now: BootInstant) {
        let oldest = now.advanced(by: .zero - Self.window)
        if let keep = entries.firstIndex(where: { $0.at >= oldest }) {
            if keep > 0 { entries.removeFirst(keep) }
        } else {
            entries.removeAll()
        }
    }
}
