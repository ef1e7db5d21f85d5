/// One way upstream. The runtime pumps: it takes a batch from the outbox, lets the ``Encoding`` make messages of it, hands them
/// over with ``publish(_:token:)`` and acknowledges to the outbox when ``events`` says so. An uplink keeps nothing of its own:
/// what it has not reported as acknowledged is still the outbox's.
///
/// All methods may be called from any thread and never block.
public protocol Uplink: AnyObject, Sendable {
    /// The name under `uplinks:` in gateway.yaml.
    var name: String { get }

    /// What happened, in order. One consumer. It ends after ``stop(finalState:)``.
    var events: AsyncStream<UplinkEvent> { get }

    /// Orders from the head-end, well-formed ones and refused ones, in order. One consumer. At most
    /// ``UplinkLimits/waitingCommands`` wait; what comes beyond is dropped with a log line.
    var commands: AsyncStream<CommandDelivery> { get }

    /// Begins to connect. It returns at once; ``UplinkEvent/connected(sessionPresent:version:)`` follows.
    func start()

    /// Hands one message over. Exactly one of acknowledged, noSubscriber, refused or unacknowledged follows for `token`.
    ///
    /// - Throws: ``PublishRefusal`` when it cannot be sent now; nothing has been kept then, and no event follows.
    func publish(_ message: EncodedMessage, token: UInt64) throws(PublishRefusal)

    /// Sets the newest text of a document that receivers find there at any time; it is sent now when connected, and again after
    /// each connect. A newer text replaces one not yet sent.
    ///
    /// - Parameter made: makes the text, each time it is sent; called on the uplink's own thread.
    func setDocument(_ document: RetainedDocument, made: @escaping @Sendable () -> [UInt8])

    /// Sends `finalState` as the last state document, waits for its acknowledgement for at most
    /// ``UplinkLimits/stopTime``, and disconnects. What is in flight then is reported as unacknowledged.
    func stop(finalState: [UInt8]) async
}

/// Documents that stay at the broker: the newest one is what counts.
public enum RetainedDocument: String, Sendable, Hashable, CaseIterable {
    case state
    case devices
    case alarms
}

/// What an uplink reports.
public enum UplinkEvent: Sendable, Hashable {
    /// Messages are taken from now on. `version` is for people: `MQTT 5`.
    case connected(sessionPresent: Bool, version: String)
    /// The connection is gone or could not be made; `retryAfter` tells when the next attempt is made.
    case disconnected(reason: String, retryAfter: Duration)
    /// The upstream has it.
    case acknowledged(token: UInt64)
    /// The upstream took it, and nobody is subscribed: no acknowledgement. Its topic rests for `retryAfter`.
    case noSubscriber(token: UInt64, retryAfter: Duration)
    /// The upstream refused it, in its words. Its topic rests for `retryAfter`.
    case refused(token: UInt64, reason: String, retryAfter: Duration)
    /// The connection ended before an answer came; send it again after the next ``connected(sessionPresent:version:)``.
    case unacknowledged(token: UInt64, reason: String)
    /// A topic that rested may be used again, or the window has room again after a refusal: offer what waits.
    case ready
    /// Something a person should know began (`active`) or ended.
    case condition(UplinkCondition, active: Bool, detail: String)
}

/// States of an uplink that are worth an event of the gateway.
public enum UplinkCondition: String, Sendable, Hashable, CaseIterable {
    /// The broker accepts data, and nobody is subscribed to it.
    case noSubscriber
    /// Another client uses this gateway's client id (MQTT 5 reason 0x8E).
    case sessionTakenOver
    /// The broker refuses messages.
    case messagesRefused
    /// The broker refuses the connection: credentials, permission, client id.
    case connectionRefused
    /// The broker does not speak the configured protocol version; the older one is used.
    case olderVersion
    /// The broker does not let this gateway subscribe to its commands.
    case commandsNotSubscribed
}

/// Why ``Uplink/publish(_:token:)`` did not take a message.
public enum PublishRefusal: Error, Sendable, Hashable {
    /// Wait for ``UplinkEvent/connected(sessionPresent:version:)``.
    case notConnected
    /// As many messages as allowed wait for their acknowledgement; any of the events for a token makes room.
    case windowFull
    /// This topic rests after a refusal or for want of a subscriber; ``UplinkEvent/ready`` follows.
    case resting(Duration)
    /// Larger than ``UplinkLimits/messageBytes``; it will never be taken.
    case tooLarge
}

/// Bounds that hold for every uplink.
public enum UplinkLimits {
    /// Orders that wait for the runtime. A head-end that sends more at once than a street has lamps is not well.
    public static let waitingCommands = 256
    /// The longest time ``Uplink/stop(finalState:)`` takes: within it a modem link answers, and a service manager does not get impatient.
    public static let stopTime: Duration = .seconds(5)
    /// The largest message: the encodings cut at half of it; a document of 1,000 devices fits in.
    public static let messageBytes = 4 << 20
}

extension Uplink {
    /// Sets a document's newest text.
    public func setDocument(_ document: RetainedDocument, payload: [UInt8]) { setDocument(document) { payload } }
}
