/// What is stored together and leaves together: readings, or events, or command results.
public struct Batch: Sendable, Hashable {
    public enum Content: Sendable, Hashable {
        case readings([Reading])
        case events([Event])
        case results([CommandResult])
    }

    /// The life of the outbox that numbered it (a UUID in text).
    public let stream: String
    /// Given once when it is committed; one counter per stream over all lanes, never reused.
    public let sequence: UInt64
    public let lane: Lane
    /// The boot in which its boot-time stamps mean something.
    public let boot: String
    public let content: Content

    public init(stream: String, sequence: UInt64, lane: Lane, boot: String, content: Content) {
        self.stream = stream
        self.sequence = sequence
        self.lane = lane
        self.boot = boot
        self.content = content
    }
}
