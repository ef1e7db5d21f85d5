public import Telemetry

/// Judges what lamps and feeders tell against what they were ordered: faults with their evidence, each told when it
/// begins and when it ends.
///
/// A value type without clock, thread or I/O. Everything observed is judged at once; what came of it is handed out by
/// the next ``tick(at:)``.
public struct FaultMonitor: Sendable {
    public let rules: FaultRules

    /// Every feeder's point that it wants to hear of, as `device.point`.
    public let inputs: Set<String>

    /// - Parameters:
    ///   - lamps: those whose faults are to be found.
    ///   - feeders: a lamp that two of them name belongs to the first.
    public init(rules: FaultRules = FaultRules(), lamps: [FaultLamp], feeders: [FaultFeeder]) {
        self.rules = rules
        inputs = Set(feeders.flatMap(\.inputs))
    }

    /// Whether this device is watched: it raises nothing of its own (`device_offline`) then.
    public func watches(_ lamp: String) -> Bool { false }

    /// A level was sent to a lamp: by Lighting, by a person, by whomever. Called when it is sent, again when it is repeated.
    ///
    /// - Parameter fade: nil where the gear's own is unknown.
    public mutating func commanded(lamp: String, percent: ExactDecimal, fade: Duration?, at now: BootInstant) {}

    /// A driver reported samples of a lamp.
    public mutating func observe(lamp observation: LampObservation) {}

    /// A driver reported how often a lamp was asked and did not answer, since its start (`DeviceState`). Once it was called
    /// for a lamp, its polls are counted by it and no longer by its samples.
    public mutating func observe(pollsOf lamp: String, requests: UInt64, failures: UInt64, at now: BootInstant) {}

    /// A value of a point in ``inputs``; others are left alone.
    public mutating func observe(feeder observation: FeederObservation) {}

    /// A bus can be used, or not: then nothing that its lamps do not say counts. Down until it is told to be up.
    public mutating func bus(_ bus: String, isUp: Bool, at now: BootInstant) {}

    /// What began and what ended since the last tick. Called every second or so.
    public mutating func tick(at now: BootInstant) -> [FaultChange] { [] }

    /// Lamps without mains, one list for each feeder that is off: the driver probes one of each.
    public var unpowered: [[String]] { [] }

    /// What lasts, the oldest first.
    public var active: [ActiveFault] { [] }

    /// Rises whenever ``active`` changes: then ``stored(_:)`` is to be stored again.
    public private(set) var revision: UInt64 = 0

    /// What lasts, for durable storage.
    public func stored(_ clock: LightingClock) -> JSONValue { .null }

    /// Takes stored faults after a start, before the first tick: they last on and are not told again. Put ``active`` into the
    /// list of alarms without telling it.
    ///
    /// - Returns: a sentence for each damaged entry, for the log.
    @discardableResult
    public mutating func restore(_ stored: JSONValue, clock: LightingClock) -> [String] { [] }
}
