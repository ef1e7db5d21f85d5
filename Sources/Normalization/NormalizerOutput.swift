public import Telemetry

/// What came of one call: what to store, what to tell, and what the caller owes.
///
/// It can be handed in again, emptied by ``removeAll()``, so that its memory is reused.
public struct NormalizerOutput: Sendable, Hashable {
    /// In the order of their samples; `n` is 0 until the outbox counts them.
    public var readings: [Reading] = []
    /// Of counters and windows. An event with ``Event/active`` begins or ends a condition.
    public var events: [Event] = []
    /// ``DeviceNormalizer/state`` differs from what was last asked for: store it in the transaction that stores ``readings``.
    public var isStateChanged = false
    /// A counter's step can be judged only by the device's serial number: read its identity points now.
    public var wantsIdentity = false

    public init() {}

    /// Empties it and keeps its memory.
    public mutating func removeAll() {
        readings.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        isStateChanged = false
        wantsIdentity = false
    }
}
