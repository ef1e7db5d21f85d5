/// An order from outside: from a head-end through an uplink, or from a person through the CLI.
public struct Command: Sendable, Hashable {
    public enum Target: Sendable, Hashable {
        case device(String)
        case group(String)
    }

    public enum Action: String, Sendable, Hashable, CaseIterable {
        case set
        case release
        case read
    }

    /// Unique per order; an id seen before is answered with `duplicate` and changes nothing.
    public let id: String
    public let target: Target
    public let action: Action
    public let point: String
    public let value: Value?
    public let unit: String?
    /// Not applied after this moment.
    public let expires: UTCInstant?
    /// How long an override of a lamp lasts; nil: until the next noon.
    public let duration: Duration?

    public init(
        id: String, target: Target, action: Action, point: String, value: Value?, unit: String? = nil,
        expires: UTCInstant? = nil, duration: Duration? = nil
    ) {
        self.id = id
        self.target = target
        self.action = action
        self.point = point
        self.value = value
        self.unit = unit
        self.expires = expires
        self.duration = duration
    }
}

/// What became of a ``Command`` at one device.
public struct CommandResult: Sendable, Hashable {
    public enum Status: String, Sendable, Hashable, CaseIterable {
        /// Applied, and read back as ordered.
        case verified
        /// Applied; the device cannot be read back.
        case applied
        case rejected
        case expired
        case failed
        case duplicate
    }

    public let id: String
    public let device: String
    public let status: Status
    /// One word or short sentence when it did not go as ordered: `notWritable`, `locked`, `expired` ...
    public let reason: String?
    public let value: Value?
    public let unit: String?
    public let finished: BootInstant

    public init(
        id: String, device: String, status: Status, reason: String? = nil, value: Value? = nil, unit: String? = nil,
        finished: BootInstant
    ) {
        self.id = id
        self.device = device
        self.status = status
        self.reason = reason
        self.value = value
        self.unit = unit
        self.finished = finished
    }
}
