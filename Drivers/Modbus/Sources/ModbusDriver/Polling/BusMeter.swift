internal import DriverProtocol
internal import Telemetry

/// Where the time of a bus goes.
struct BusMeter: Sendable {
    /// The heartbeat tells the use of about this much of the past.
    static let window: Duration = .seconds(5)

    private var sums = DriverStatistics()
    private var since: BootInstant
    private var windowStart: BootInstant
    private var windowBusy: Duration = .zero
    private var lastShare = 0.0

    init(from now: BootInstant) {
        since = now
        windowStart = now
    }

    /// - Parameters:
    ///   - wire: time that the exchange's bytes took.
    ///   - isSick: it was spent on a device that fails.
    mutating func count(_ exchange: Exchange, wire: Duration, isSick: Bool) {
        let wire = min(wire, exchange.took)
        sums.requests += 1
        sums.dataUs += Self.microseconds(wire)
        sums.silenceUs += Self.microseconds(exchange.silent)
        let rest = exchange.took - wire - exchange.silent
        if isSick { sums.sickUs += Self.microseconds(rest) } else { sums.waitingUs += Self.microseconds(rest) }
        switch exchange.outcome {
        case .answer(.exception):
            sums.answers += 1
            sums.exceptions += 1
        case .answer: sums.answers += 1
        case .silence, .gone: sums.timeouts += 1
        case .broken: sums.brokenFrames += 1
        }
        windowBusy += exchange.took
    }

    mutating func statistics(at now: BootInstant) -> DriverStatistics {
        var taken = sums
        taken.windowUs = Self.microseconds(now.duration(since: since))
        sums = DriverStatistics()
        since = now
        return taken
    }

    /// Share of the last seconds in which the bus was in use, in thousandths.
    mutating func utilisation(at now: BootInstant) -> UInt32 {
        let length = now.duration(since: windowStart)
        if length >= Self.window {
            lastShare = windowBusy.inSeconds / max(0.001, length.inSeconds)
            windowBusy = .zero
            windowStart = now
        }
        return UInt32(min(1_000, max(0, lastShare * 1_000)))
    }

    private static func microseconds(_ duration: Duration) -> UInt64 {
        UInt64(max(0, duration.wholeNanoseconds / 1_000))
    }
}
