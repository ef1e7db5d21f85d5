import CLinux
import Lighting
import Normalization
import Synchronization
public import Telemetry

/// How the clock of this gateway is judged; the defaults are those of `clock:` in gateway.yaml.
public struct ClockPolicy: Sendable {
    /// Which evidence counts: `ntp` (the kernel says it is disciplined), `rtc` (a battery clock agrees),
    /// `system` (whatever the system clock says is taken as right; for benches and for time daemons the kernel knows nothing of).
    public var sources: Set<String>
    /// Lighting follows the clock while its estimated error is below this.
    public var lightingError: Duration
    /// How fast an undisciplined clock goes wrong, in parts per million.
    public var driftPartsPerMillion: Double

    public init(
        sources: Set<String> = ["ntp", "rtc"], lightingError: Duration = .seconds(900),
        driftPartsPerMillion: Double = 20
    ) {
        self.sources = sources
        self.lightingError = lightingError
        self.driftPartsPerMillion = driftPartsPerMillion
    }
}

/// What the clock is worth now.
public struct ClockStatus: Sendable, Equatable {
    public let quality: ClockQuality
    /// `ntp`, `rtc`, `system` or `none`.
    public let source: String
    /// Estimated error; nil when nobody knows.
    public let error: Duration?
    /// UTC minus boot time, in nanoseconds, as the system clock has it.
    public let offset: Int64

    public var isTrusted: Bool { quality != .unsynchronised }
}

/// The machine's clocks, so that tests can hand in others.
public protocol SystemClocks: Sendable {
    func bootTime() -> BootInstant
    func wallTime() -> UTCInstant
    /// What the kernel says of its discipline, with the error it estimates; nil: not disciplined.
    func disciplineError() -> Duration?
    /// The battery clock; nil: none there.
    func batteryClock() -> UTCInstant?
}

/// The clocks of Linux.
public struct LinuxClocks: SystemClocks {
    public init() {}

    public func bootTime() -> BootInstant { BootInstant(nanoseconds: candela_boottime_nanoseconds()) }
    public func wallTime() -> UTCInstant { UTCInstant(nanoseconds: candela_realtime_nanoseconds()) }

    public func disciplineError() -> Duration? {
        var microseconds: Int64 = 0
        return candela_clock_synchronised(&microseconds) == 0 ? .microseconds(microseconds) : nil
    }

    public func batteryClock() -> UTCInstant? {
        guard let text = SmallFile.text("/sys/class/rtc/rtc0/since_epoch"), let seconds = Int64(text) else {
            return nil
        }
        return UTCInstant(seconds: seconds)
    }
}

/// Names boot times in UTC and says how far the name can be trusted.
///
/// Thread-safe. The offset is asked for when a batch is *encoded*, so readings taken before the clock was set leave with
/// right times once it is. Readings of an earlier boot are resolved with the offset that boot left behind, if it left one.
public final class GatewayClock: Sendable {
    /// No clock before this moment is right: the product did not exist.
    static let earliest = CivilTime(year: 2026, month: 1, day: 1).instant
    /// A battery clock and the system clock that agree to this much tell the same time.
    static let agreement: Duration = .seconds(5)
    /// What a battery clock is trusted to when nobody ever compared it with better.
    static let neverComparedError: Duration = .seconds(60)

    private struct State: Sendable {
        var lastDisciplined: BootInstant?
        var lastError: Duration = .zero
        var lastKnownUTC: UTCInstant?
        var offsetsOfBoots: [String: Int64] = [:]
    }

    public let boot: String
    private let policy: ClockPolicy
    private let clocks: any SystemClocks
    private let state = Mutex(State())

    public init(policy: ClockPolicy, clocks: any SystemClocks = LinuxClocks(), boot: String? = nil) {
        self.policy = policy
        self.clocks = clocks
        self.boot = boot ?? SmallFile.text("/proc/sys/kernel/random/boot_id") ?? "unknown"
    }

    public func now() -> BootInstant { clocks.bootTime() }

    /// What earlier boots left behind: offsets by boot id, and when the clock was last known to be right.
    public func recall(offsets: [String: Int64], lastKnown: UTCInstant?) {
        state.withLock {
            $0.offsetsOfBoots = offsets
            $0.lastKnownUTC = lastKnown
        }
    }

    public func status() -> ClockStatus {
        let boot = clocks.bootTime()
        let wall = clocks.wallTime()
        let offset = wall.nanoseconds - boot.nanoseconds
        func answer(_ quality: ClockQuality, _ source: String, _ error: Duration?) -> ClockStatus {
            ClockStatus(quality: quality, source: source, error: error, offset: offset)
        }
        guard wall >= Self.earliest else { return answer(.unsynchronised, "none", nil) }
        if policy.sources.contains("ntp"), let error = clocks.disciplineError() {
            state.withLock {
                $0.lastDisciplined = boot
                $0.lastError = error
                $0.lastKnownUTC = wall
            }
            return answer(.synchronised, "ntp", error)
        }
        if policy.sources.contains("system") { return answer(.synchronised, "system", nil) }
        if let (since, error) = state.withLock({ state in state.lastDisciplined.map { ($0, state.lastError) } }) {
            return aged(error + drift(over: boot.duration(since: since)), "ntp", answer)
        }
        if policy.sources.contains("rtc"), let battery = clocks.batteryClock() {
            let apart = battery.duration(since: wall)
            if (.zero - Self.agreement...Self.agreement).contains(apart) {
                let lastKnown = state.withLock { $0.lastKnownUTC }
                let error = lastKnown.map { drift(over: wall.duration(since: $0)) } ?? Self.neverComparedError
                return aged(error, "rtc", answer)
            }
        }
        return answer(.unsynchronised, "none", nil)
    }

    /// The same for the normalisation, which has no clock of its own.
    func forNormalization(billingError: Duration) -> NormalizerClock {
        let status = status()
        // A clock that is taken as right by order has no error that anybody could estimate.
        let error = status.error ?? (status.quality == .synchronised ? .zero : nil)
        return NormalizerClock(
            boot: boot, offset: status.offset, isTrusted: status.isTrusted, error: error, billingError: billingError)
    }

    private func aged(
        _ error: Duration, _ source: String, _ answer: (ClockQuality, String, Duration?) -> ClockStatus
    ) -> ClockStatus {
        answer(error < policy.lightingError ? .holdover : .unsynchronised, source, error)
    }

    private func drift(over span: Duration) -> Duration {
        .nanoseconds(Int64(Double(max(0, span.wholeNanoseconds)) * policy.driftPartsPerMillion / 1e6))
    }

    /// UTC of a boot time; nil where it cannot be known. `boot` nil: this boot.
    public func utc(_ instant: BootInstant, boot: String? = nil) -> (time: UTCInstant, quality: ClockQuality)? {
        if let boot, boot != self.boot {
            guard let offset = state.withLock({ $0.offsetsOfBoots[boot] }) else { return nil }
            return (UTCInstant(nanoseconds: instant.nanoseconds + offset), .synchronised)
        }
        let status = status()
        guard status.isTrusted else { return nil }
        return (UTCInstant(nanoseconds: instant.nanoseconds + status.offset), status.quality)
    }

    /// The system clock's UTC for a boot time, trusted or not: for tables that people read.
    public func wall(_ instant: BootInstant) -> UTCInstant {
        UTCInstant(nanoseconds: instant.nanoseconds + clocks.wallTime().nanoseconds - clocks.bootTime().nanoseconds)
    }

    /// The boot time of a moment in UTC, by the system clock.
    public func bootInstant(of instant: UTCInstant) -> BootInstant {
        BootInstant(nanoseconds: instant.nanoseconds - clocks.wallTime().nanoseconds + clocks.bootTime().nanoseconds)
    }
}

extension GatewayClock {
    /// The same for Lighting, which has no clock of its own.
    func forLighting() -> LightingClock {
        let status = status()
        let uptime = now()
        return LightingClock(
            utc: UTCInstant(nanoseconds: uptime.nanoseconds + status.offset), uptime: uptime,
            isTrusted: status.isTrusted)
    }
}
