internal import CLinux
public import Telemetry

/// The clock that drivers stamp with.
public enum BootClock {
    /// Now, as nanoseconds since boot with time asleep counted (CLOCK_BOOTTIME).
    public static func now() -> BootInstant { BootInstant(nanoseconds: candela_boottime_nanoseconds()) }
}
