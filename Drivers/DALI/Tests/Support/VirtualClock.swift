import Telemetry

/// Time that passes only when somebody waits.
final class VirtualClock {
    private(set) var now = BootInstant(nanoseconds: 1_000_000_000)

    func advance(to instant: BootInstant) { now = max(now, instant) }
    func advance(by duration: Duration) { now = now.advanced(by: duration) }
}
