import Telemetry
import Testing

@testable import Outbox

/// Events that stay on the gateway.
struct EventJournalTests {
    private func event(_ kind: String, device: String = "", day: Int64 = 0) -> StateStore.StoredEvent {
        .init(
            boot: "b1", occurred: BootInstant(nanoseconds: day),
            wall: UTCInstant(seconds: 1_800_000_000 + day * 86_400),
            kind: kind, device: device, severity: 2, active: true, detail: "{}")
    }

    private func withStore(_ body: (StateStore) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let store = try await StateStore.open(path: folder + "/state.sqlite")
            try await body(store)
            await store.close()
        }
    }

    @Test func `events come back in their order, of one device or of all`() async throws {
        try await withStore { store in
            #expect(try await store.events(device: nil, limit: 10).isEmpty)
            try await store.append(events: [event("one", device: "a"), event("two", device: "b")])
            try await store.append(events: [event("three", device: "a")])
            #expect(try await store.events(device: nil, limit: 10).map(\.kind) == ["one", "two", "three"])
            #expect(try await store.events(device: "a", limit: 10).map(\.kind) == ["one", "three"])
            #expect(try await store.events(device: nil, limit: 1) == [event("three", device: "a")])
        }
    }

    @Test func `thirty days are kept, and no more`() async throws {
        try await withStore { store in
            try await store.append(events: (0...40).map { event("day \($0)", day: $0) })
            let kinds = try await store.events(device: nil, limit: 100).map(\.kind)
            #expect(kinds.first == "day 10" && kinds.last == "day 40")
        }
    }
}
