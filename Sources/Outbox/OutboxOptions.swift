internal import CLinux
public import Telemetry

/// How an ``Outbox`` is to work.
public struct OutboxOptions: Sendable {
    /// What to do with a file that a newer version wrote.
    public enum NewerFile: Sendable, Hashable {
        /// ``Outbox/open(path:options:)`` throws ``StorageError/Code/newerVersion``.
        case refuse
        /// The file is renamed, and a new stream begins: for a running gateway, whose lighting must go on.
        case setAside
    }

    /// Readings wait at most this long in memory before they are committed: the loss bound of a power cut.
    public var flush: Duration
    /// The most that database, write-ahead log and reserve together may occupy, in bytes.
    public var limitBytes: Int64
    /// Of this machine (/etc/machine-id); a stream is bound to it, so that a cloned card begins a stream of its own.
    public var machineID: String
    /// The current boot (/proc/sys/kernel/random/boot_id), in which boot-time stamps have meaning.
    public var boot: String
    /// The most readings that wait in memory while the disk fails; beyond it the oldest telemetry goes, declared as gaps.
    public var bufferedReadings: Int
    public var newerFile: NewerFile
    /// Time since boot; tests hand in their own.
    public var bootClock: @Sendable () -> BootInstant

    /// 512 MB: months of a street's telemetry, and affordable on an 8 GB card.
    public static let defaultLimitBytes: Int64 = 512 * 1_000_000
    /// Below this the fixed costs (write-ahead log, reserve) leave no room for data.
    public static let smallestLimitBytes: Int64 = 4 * 1_000_000
    /// Some 4 MB of memory: ten seconds of a large cabinet (2,000 readings a second), minutes of a usual one.
    public static let defaultBufferedReadings = 20_000

    public init(
        flush: Duration = .seconds(5), limitBytes: Int64 = OutboxOptions.defaultLimitBytes, machineID: String,
        boot: String,
        bufferedReadings: Int = OutboxOptions.defaultBufferedReadings, newerFile: NewerFile = .refuse,
        bootClock: @escaping @Sendable () -> BootInstant = OutboxOptions.systemBootClock
    ) {
        self.flush = flush
        self.limitBytes = max(limitBytes, OutboxOptions.smallestLimitBytes)
        self.machineID = machineID
        self.boot = boot
        self.bufferedReadings = max(bufferedReadings, 1)
        self.newerFile = newerFile
        self.bootClock = bootClock
    }

    /// CLOCK_BOOTTIME.
    public static let systemBootClock: @Sendable () -> BootInstant = {
        BootInstant(nanoseconds: candela_boottime_nanoseconds())
    }
}
