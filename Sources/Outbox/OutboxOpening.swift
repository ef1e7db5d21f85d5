public import Telemetry

/// What was found when an outbox was opened: the material of the events `restart` and `stream`.
public struct OutboxOpening: Sendable, Hashable {
    public enum Cause: String, Sendable, Hashable, CaseIterable {
        /// The stream goes on.
        case continued
        /// There was no file.
        case new
        /// The file was destroyed and set aside.
        case corrupt
        /// The file belongs to another machine and was set aside.
        case clone
        /// The file was written by a newer version and set aside.
        case newerVersion
    }

    /// The life of this outbox: a UUID in lower-case text.
    public let stream: String
    public let cause: Cause
    /// The stream before this one, where the old file still could tell.
    public let previousStream: String?
    /// The last sequence that is safely stored; 0 in a new stream.
    public let lastCommittedSequence: UInt64
    /// The boot in which the last batch was committed; nil when nothing was.
    public let lastBoot: String?
    /// The current boot.
    public let boot: String
    /// Whether the outbox was closed in order the last time; otherwise up to ``OutboxOptions/flush`` of readings may be lost.
    public let wasClosed: Bool
    /// Where the old file is now, when it was set aside.
    public let setAside: String?

    public var isNewStream: Bool { cause != .continued }

    public init(
        stream: String, cause: Cause, previousStream: String?, lastCommittedSequence: UInt64, lastBoot: String?,
        boot: String, wasClosed: Bool, setAside: String?
    ) {
        self.stream = stream
        self.cause = cause
        self.previousStream = previousStream
        self.lastCommittedSequence = lastCommittedSequence
        self.lastBoot = lastBoot
        self.boot = boot
        self.wasClosed = wasClosed
        self.setAside = setAside
    }

    /// The events that declare this opening; the first thing to append. `stream` for a new one, `restart` for one that goes on.
    public func events(occurred: BootInstant, flush: Duration) -> [Event] {
        if isNewStream {
            var detail: [JSONValue.Member] = [
                .init("stream", .string(stream)), .init("cause", .string(cause.rawValue)),
                .init("previous", previousStream.map(JSONValue.string) ?? .null),
            ]
            if let setAside { detail.append(.init("set_aside", .string(setAside))) }
            let severity: Event.Severity = cause == .new ? .info : .warning
            return [Event(kind: "stream", severity: severity, detail: .object(detail), occurred: occurred)]
        }
        let detail: [JSONValue.Member] = [
            .init("last_committed", .integer(lastCommittedSequence)),
            .init("first", .integer(lastCommittedSequence + 1)),
            .init("boot", .string(boot)), .init("previous_boot", lastBoot.map(JSONValue.string) ?? .null),
            .init("orderly", .bool(wasClosed)),
            .init(
                "loss_bound_seconds",
                .number(wasClosed ? .zero : ExactDecimal(mantissa: flush.wholeMilliseconds, exponent: -3).normalized)),
        ]
        return [Event(kind: "restart", severity: .info, detail: .object(detail), occurred: occurred)]
    }
}
