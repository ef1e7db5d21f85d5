import Glibc
import Telemetry
import Testing

@testable import Outbox

struct StateStoreTests {
    private let noon = UTCInstant(seconds: 1_800_000_000)

    private func result(_ id: String) -> CommandResult {
        CommandResult(
            id: id, device: "lamp-001", status: .verified, value: .number(ExactDecimal(60)), unit: "%",
            finished: BootInstant(nanoseconds: 1))
    }

    @Test func `an id is new once, and answered with its results from then on`() async throws {
        try await withTemporaryFolder { folder in
            let store = try await StateStore.open(path: folder + "/state.sqlite")
            #expect(try await store.reserve(id: "c1", expires: nil, now: noon) == .new)
            #expect(try await store.reserve(id: "c1", expires: nil, now: noon) == .seen(.reserved))
            try await store.finish(id: "c1", results: [result("c1")])
            #expect(try await store.reserve(id: "c1", expires: nil, now: noon) == .seen(.finished([result("c1")])))
            await #expect(throws: StorageError.self) { try await store.finish(id: "unknown", results: []) }
            await #expect(throws: StorageError.self) {
                try await store.reserve(id: String(repeating: "x", count: 300), expires: nil, now: noon)
            }
            await store.close()
            await #expect(throws: StorageError.self) { try await store.reserve(id: "c2", expires: nil, now: noon) }
        }
    }

    @Test func `a command that a crash broke off is told at the next start and stays seen`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/state.sqlite"
            let store = try await StateStore.open(path: path)
            #expect(try await store.reserve(id: "broken-off", expires: nil, now: noon, context: [7]) == .new)
            #expect(try await store.reserve(id: "done", expires: nil, now: noon) == .new)
            try await store.finish(id: "done", results: [])
            copyDatabase(from: path, to: folder + "/crashed.sqlite")
            await store.close()
            let crashed = try await StateStore.open(path: folder + "/crashed.sqlite")
            #expect(await crashed.opening.interrupted.map(\.id) == ["broken-off"])
            #expect(await crashed.opening.interrupted.map(\.context) == [[7]])
            #expect(try await crashed.reserve(id: "broken-off", expires: nil, now: noon) == .seen(.reserved))
            try await crashed.finish(id: "broken-off", results: [result("broken-off")])
            await crashed.close()
            let third = try await StateStore.open(path: folder + "/crashed.sqlite")
            #expect(await third.opening.interrupted.isEmpty)
            await third.close()
        }
    }

    @Test func `ids are forgotten 48 hours after their command expired, also when the clock was wrong when they came`()
        async throws
    {
        try await withTemporaryFolder { folder in
            let store = try await StateStore.open(path: folder + "/state.sqlite")
            let hour = Duration.seconds(3_600)
            _ = try await store.reserve(id: "expires", expires: noon.advanced(by: hour), now: noon)
            _ = try await store.reserve(id: "no expiry", expires: nil, now: noon)
            _ = try await store.reserve(id: "no clock", expires: nil, now: nil)
            _ = try await store.reserve(id: "open", expires: noon, now: noon)
            for id in ["expires", "no expiry", "no clock"] { try await store.finish(id: id, results: []) }
            func known(_ id: String) async throws -> Bool {
                try await store.reserve(id: id, expires: noon, now: noon) != .new
            }
            try await store.prune(now: noon.advanced(by: hour * 48))
            #expect(try await known("expires"))
            try await store.prune(now: noon.advanced(by: hour * 50))
            #expect(try await known("no expiry"))
            #expect(try await known("no clock"))
            #expect(try await !known("expires"))
            try await store.prune(now: noon.advanced(by: hour * (48 + 24 + 48 + 1)))
            #expect(try await !known("no expiry"))
            #expect(try await !known("no clock"))
            // What has no result yet is never forgotten.
            #expect(try await known("open"))
            await store.close()
        }
    }

    @Test func `memories, overrides and items survive`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/state.sqlite"
            let store = try await StateStore.open(path: path)
            #expect(await store.opening.cause == .new)
            try await store.putMemory(.init(bus: "meters", device: "feeder-a", key: "refused", value: [1]))
            try await store.putMemory(.init(bus: "meters", device: "feeder-a", key: "refused", value: [2]))
            try await store.putMemory(.init(bus: "meters", device: "", key: "speed", value: []))
            try await store.putMemory(.init(bus: "lamps", device: "lamp-001", key: "identity", value: [3]))
            try await store.removeMemory(bus: "lamps", device: "lamp-001", key: "identity")
            try await store.putOverride(key: "lamp-001", value: [9])
            try await store.putOverride(key: "lamp-002", value: [8])
            try await store.removeOverride(key: "lamp-002")
            try await store.put(key: "last-good", value: [5])
            copyDatabase(from: path, to: folder + "/crashed.sqlite")
            await store.close()
            let again = try await StateStore.open(path: folder + "/crashed.sqlite")
            #expect(await again.opening.cause == .continued)
            #expect(try await again.memories(bus: "meters").map(\.key) == ["speed", "refused"])
            #expect(try await again.memories(bus: "meters").map(\.value) == [[], [2]])
            #expect(try await again.memories(bus: "lamps").isEmpty)
            #expect(try await again.overrides() == ["lamp-001": [9]])
            #expect(try await again.value(key: "last-good") == [5])
            try await again.put(key: "last-good", value: nil)
            #expect(try await again.value(key: "last-good") == nil)
            await again.close()
        }
    }

    @Test func `a destroyed state file is set aside, and the opening says that ids are lost`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/state.sqlite"
            write(Array(repeating: 0x41, count: 5_000), to: path)
            let store = try await StateStore.open(path: path)
            #expect(await store.opening.cause == .corrupt)
            #expect(await store.opening.setAside?.hasPrefix(path + ".corrupt-") == true)
            #expect(try await store.reserve(id: "c", expires: nil, now: nil) == .new)
            await store.close()
        }
    }
}
