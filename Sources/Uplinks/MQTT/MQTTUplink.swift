public import Logging
public import Telemetry

public final class MQTTUplink: Uplink {
    public let name: String
    public let events: AsyncStream<UplinkEvent>
    public let commands: AsyncStream<CommandDelivery>
    public init(options: MQTTOptions, log: Logger, now: @escaping @Sendable () -> UTCInstant?) {
        name = options.name
        events = AsyncStream { _ in }
        commands = AsyncStream { _ in }
    }
    public func start() {}
    public func publish(_ message: EncodedMessage, token: UInt64) throws(PublishRefusal) { throw .notConnected }
    public func setDocument(_ document: RetainedDocument, payload: [UInt8]) {}
    public func stop(finalState: [UInt8]) async {}
}
