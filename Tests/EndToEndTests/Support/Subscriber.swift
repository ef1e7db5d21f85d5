import Glibc
import Synchronization
import Telemetry
import TestSupport

/// The head-end: a client of the broker that keeps every message it got, in order.
///
/// With `persistent` it holds a session, so that the broker keeps for it what comes while the connection is gone.
final class Subscriber: Sendable {
    private struct State {
        var seenLines = 0
        var messages: [Message] = []
        /// Lines that should have been messages and are not.
        var unreadable: [String] = []
    }

    let process: ChildProcess
    private let state = Mutex(State())

    init(
        _ broker: Broker, topic: String = "candela/#", version: String = "5", persistent: Bool = true,
        id: String = "head-end", qualityOfService: Int = 1
    ) async throws {
        var arguments = [
            "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", "\(broker.port)", "-V", version, "-t", topic,
            "-q", "\(qualityOfService)", "-i", id, "-d", "-F", "message: %r %t %p",
        ]
        if persistent { arguments += version == "5" ? ["-c", "-x", "3600"] : ["-c"] }
        // Into a pipe it would keep its first lines to itself, hence stdbuf.
        process = try ChildProcess("stdbuf", arguments)
        try await process.line(containing: "Subscribed")
    }

    deinit { process.signal(SIGKILL) }

    func stop() async { await process.stop() }

    /// All messages so far.
    var messages: [Message] {
        let lines = process.lines
        return state.withLock { state in
            for line in lines[min(state.seenLines, lines.count)...] where line.hasPrefix("message: ") {
                let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
                // An empty payload clears a retained message and is no document.
                if parts.count == 4, parts[3].isEmpty { continue }
                guard parts.count == 4, let body = try? JSONValue(parsing: Array(parts[3].utf8)) else {
                    state.unreadable.append(line)
                    continue
                }
                state.messages.append(Message(topic: String(parts[2]), retained: parts[1] == "1", body: body))
            }
            state.seenLines = lines.count
            return state.messages
        }
    }

    var unreadable: [String] {
        _ = messages
        return state.withLock { $0.unreadable }
    }

    func messages(_ suffix: String) -> [Message] { messages.filter { $0.suffix == suffix } }
    var readings: [ReceivedReading] { messages("readings").flatMap(\.readings) }
    var events: [ReceivedEvent] { messages("events").flatMap(\.events) }
    func readings(of device: String) -> [ReceivedReading] { readings.filter { $0.device == device } }
    func readings(of device: String, _ point: String) -> [ReceivedReading] {
        readings.filter { $0.device == device && $0.point == point }
    }
    func events(_ kind: String) -> [ReceivedEvent] { events.filter { $0.kind == kind } }

    /// Waits until `find` gives something for what has come so far.
    @discardableResult
    func first<Found>(
        _ what: String, within limit: Duration = .seconds(20), _ find: (Subscriber) -> Found?
    ) async throws -> Found {
        var found: Found?
        do {
            try await eventually(what, within: limit) {
                found = find(self)
                return found != nil
            }
        } catch {
            let tail = messages.suffix(12).map { "\($0.topic) \(String("\($0.body)".prefix(600)))" }
            throw Failure(
                "not within \(limit): \(what). Last of \(messages.count) messages:\n" + tail.joined(separator: "\n"))
        }
        guard let found else { throw Failure("not found: \(what)") }
        return found
    }

    @discardableResult
    func reading(
        _ what: String, within limit: Duration = .seconds(20), _ test: (ReceivedReading) -> Bool
    ) async throws -> ReceivedReading {
        try await first(what, within: limit) { $0.readings.first(where: test) }
    }

    @discardableResult
    func event(
        _ what: String, within limit: Duration = .seconds(20), _ test: (ReceivedEvent) -> Bool
    ) async throws -> ReceivedEvent {
        try await first(what, within: limit) { $0.events.first(where: test) }
    }

    /// Waits for a message on a topic that ends in `suffix`.
    @discardableResult
    func message(
        _ what: String, on suffix: String, within limit: Duration = .seconds(20), _ test: (Message) -> Bool
    ) async throws -> Message {
        try await first(what, within: limit) { $0.messages(suffix).first(where: test) }
    }
}
