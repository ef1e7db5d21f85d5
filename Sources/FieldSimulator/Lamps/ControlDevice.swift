public import Telemetry

/// One control device with its instances (IEC 62386-103): the state machine, no bus. Not thread-safe.
public final class ControlDevice {
    public let description: SensorDescription
    var shortAddress: UInt8?

    public init(_ description: SensorDescription, seed: UInt64, at now: BootInstant) {
        self.description = description
        shortAddress = description.shortAddress
    }

    /// Takes a 24-bit forward frame that ended at `now`; the backward frame, or nil for silence.
    public func receive(_ frame: [UInt8], at now: BootInstant) -> UInt8? { nil }

    /// When an instance has something to report, nanoseconds.
    var nextDeadline: Int64? { nil }

    /// Event messages that are due, three bytes each.
    func events(at now: BootInstant) -> [[UInt8]] { [] }

    /// What a light instance sees, 0 to 1 of its range; nothing happens when there is none.
    public func setLight(_ share: Double, at now: BootInstant) {}

    /// Somebody moves in front of every occupancy instance, or no longer does.
    public func setMovement(_ moves: Bool, at now: BootInstant) {}
}
