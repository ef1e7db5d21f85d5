import Logging
import Synchronization
import TestSupport

@testable import Uplinks

/// Any uplink with all it reports.
final class UplinkRecorder: Sendable {
    let uplink: any Uplink
    private let seen = Mutex<[UplinkEvent]>([])

    static let silentLog = Logger(label: "uplink", factory: { _ in SwiftLogNoOpLogHandler() })

    init(_ uplink: any Uplink) {
        self.uplink = uplink
        let events = uplink.events
        Task { [weak self] in for await event in events { self?.seen.withLock { $0.append(event) } } }
    }

    var events: [UplinkEvent] { seen.withLock { $0 } }

    func count(_ test: (UplinkEvent) -> Bool) -> Int { events.filter(test).count }

    func event(_ what: String, _ test: (UplinkEvent) -> Bool) async throws {
        do {
            try await eventually(what) { events.contains(where: test) }
        } catch {
            throw BrokerFailure(description: "\(what); seen: \(events)")
        }
    }

    func acknowledged(_ token: UInt64) async throws {
        try await event("acknowledgement of \(token)") { $0 == .acknowledged(token: token) }
    }

    func connected() async throws {
        uplink.start()
        try await event("connected") { if case .connected = $0 { true } else { false } }
    }

    /// Waits until it is connected for the `number`th time.
    func connected(times number: Int) async throws {
        try await eventually("connected \(number) times") {
            count { if case .connected = $0 { true } else { false } } >= number
        }
    }

    func send(_ token: UInt64, _ text: String = "{}", suffix: String = "readings", part: Int = 1) throws {
        try uplink.publish(
            EncodedMessage(
                topicSuffix: suffix, payload: Array(text.utf8), part: part, parts: part, stream: "s-1", sequence: token),
            token: token)
    }
}
