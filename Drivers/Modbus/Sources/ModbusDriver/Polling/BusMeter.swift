internal import DriverProtocol
internal import Telemetry

/// Where the time of a bus goes.
struct BusMeter: Sendable {
    /// The heartbeat tells the use of this much of the past, moving on in steps.
    static let steps = 10
    static let step: Duration = .milliseconds(500)

    private var sums = DriverStatistics()
    private var since: BootInstant
    private let lanes: Int
    /// Busy time of each step, the newest last in turn.
    private var busy = [Int64](repeating: 0, count: steps)
    private var current: Int64
    private let first: Int64

    init(from now: BootInstant, lanes: Int = 1) {
        since = now
        self.lanes = max(1, lanes)
        current = now.nanoseconds / Self.step.wholeNanoseconds
        first = now.nanoseconds
    }

    /// - Parameters:
    ///   - wire: time that the exchange's bytes took.
    ///   - isSick: it was spent on a device that fails.
    mutating func count(_ exchange: Exchange, wire: Duration, isSick: Bool) {
        let took = exchange.took.wholeNanoseconds
        let wire = min(wire.wholeNanoseconds, took)
        let silent = exchange.silent.wholeNanoseconds
        sums.requests += 1
        sums.dataUs += Self.microseconds(wire)
        let rested = exchange.rested.wholeNanoseconds
        sums.silenceUs += Self.microseconds(silent + rested)
        let rest = took - wire - silent
        if isSick { sums.sickUs += Self.microseconds(rest) } else { sums.waitingUs += Self.microseconds(rest) }
        switch exchange.outcome {
        case .answer(.exception):
            sums.answers += 1
            sums.exceptions += 1
        case .answer: sums.answers += 1
        case .silence, .gone: sums.timeouts += 1
        case .broken: sums.brokenFrames += 1
        }
        count(exchange.strays)
        move(to: exchange.ended)
        busy[Int(current % Int64(Self.steps))] += took + rested
    }

    mutating func count(_ strays: LineStrays) {
        sums.lateAnswers += UInt64(strays.late)
        sums.foreignAnswers += UInt64(strays.foreign)
        sums.echoes += UInt64(strays.echoes)
    }

    mutating func statistics(at now: BootInstant) -> DriverStatistics {
        var taken = sums
        taken.windowUs = Self.microseconds(now.duration(since: since).wholeNanoseconds)
        sums = DriverStatistics()
        since = now
        return taken
    }

    /// Share of the last seconds in which the bus was in use, in thousandths; of all lanes together where there are several.
    mutating func utilisation(at now: BootInstant) -> UInt32 {
        move(to: now)
        let step = Self.step.wholeNanoseconds
        let begun = max(first, (current - Int64(Self.steps) + 1) * step)
        let length = max(1, now.nanoseconds - begun)
        let share = busy.reduce(0, +) * 1_000 / length / Int64(lanes)
        return UInt32(min(1_000, max(0, share)))
    }

    private mutating func move(to now: BootInstant) {
        let target = now.nanoseconds / Self.step.wholeNanoseconds
        if target - current >= Int64(Self.steps) {
            busy = [Int64](repeating: 0, count: Self.steps)
            current = target
        }
        while current < target {
            current += 1
            busy[Int(current % Int64(Self.steps))] = 0
        }
    }

    private static func microseconds(_ nanoseconds: Int64) -> UInt64 { UInt64(max(0, nanoseconds / 1_000)) }
}
