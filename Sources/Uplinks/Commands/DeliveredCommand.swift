public import Telemetry

/// What came on the command topic.
public enum CommandDelivery: Sendable, Hashable {
    case command(DeliveredCommand)
    case rejected(CommandRejection)
}

/// A well-formed command with the circumstances of its delivery. It is neither authorised nor checked for expiry yet.
public struct DeliveredCommand: Sendable, Hashable {
    public let command: Command
    /// What was left of the MQTT 5 message expiry when it arrived, counted by the broker; nil when the sender set none. With an
    /// untrusted clock this is the only expiry that can be believed.
    public let brokerExpiry: Duration?
    /// Name of the uplink that brought it.
    public let uplink: String
    public let receivedAt: BootInstant
    /// Where the sender wants to have its result besides `/results` (MQTT 5).
    public let responseTopic: String?
    public let correlationData: [UInt8]

    public init(
        command: Command, brokerExpiry: Duration? = nil, uplink: String, receivedAt: BootInstant,
        responseTopic: String? = nil, correlationData: [UInt8] = []
    ) {
        self.command = command
        self.brokerExpiry = brokerExpiry
        self.uplink = uplink
        self.receivedAt = receivedAt
        self.responseTopic = responseTopic
        self.correlationData = correlationData
    }
}

/// A command message that cannot be obeyed as it stands.
public struct CommandRejection: Error, Sendable, Hashable, CustomStringConvertible {
    /// Words for machines; they go upstream as the result's `reason`.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// Not a JSON object as docs/mqtt.md describes it.
        case malformed
        /// Longer than ``CommandDecoder/largestPayload``.
        case tooLarge
        /// A retained message: it would be obeyed again at each connect.
        case retained
        /// `expires` lies further ahead than 24 hours.
        case expiryTooFar
        /// A `set` that never expires.
        case expiryMissing
        /// The gateway does not keep up.
        case busy
    }

    /// The command's id, when there was a usable one.
    public let id: String?
    /// The device or group it was for, when there was a usable one.
    public let target: Command.Target?
    public let reason: Reason
    /// A sentence for people: what is wrong, at which key, and what was expected.
    public let detail: String

    public init(id: String?, target: Command.Target? = nil, reason: Reason, detail: String) {
        self.id = id
        self.target = target
        self.reason = reason
        self.detail = detail
    }

    public var description: String { (id.map { "command \($0): " } ?? "command without id: ") + detail }

    /// The result to send upstream; nil when there is no id to send it for, and a log line has to do.
    public func result(finished: BootInstant) -> CommandResult? {
        guard let id else { return nil }
        let device =
            switch target {
            case .device(let name), .group(let name): name
            case nil: "gateway"
            }
        return CommandResult(
            id: id, device: device, status: .rejected, reason: "\(reason.rawValue): \(detail)", finished: finished)
    }
}
