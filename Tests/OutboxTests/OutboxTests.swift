import Telemetry
import Testing

@testable import Outbox

struct OutboxTests {
    @Test func `readings leave in order, numbered without a gap, also after reopening`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/outbox.sqlite"
            var stream = ""
            for round in 0..<3 {
                let outbox = try await Outbox.open(path: path, options: options(boot: "boot-\(round)"))
                try await outbox.register(uplink: "head-end")
                let opening = await outbox.opening
                #expect(opening.cause == (round == 0 ? .new : .continued))
                #expect(opening.lastCommittedSequence == UInt64(round))
                #expect(opening.lastBoot == (round == 0 ? nil : "boot-\(round - 1)"))
                if round > 0 { #expect(opening.stream == stream) }
                stream = opening.stream
                #expect(
                    await outbox.append(readings: [reading("a", second: 1), reading("b"), reading("a", second: 2)])
                        == .buffered)
                #expect(try await outbox.next(for: "head-end").count == round)
                #expect(await outbox.flush() == .committed(lastSequence: UInt64(round) + 1))
                #expect(await outbox.close())
            }
            let outbox = try await Outbox.open(path: path, options: options())
            let batches = try await outbox.next(for: "head-end")
            #expect(batches.map(\.sequence) == [1, 2, 3])
            #expect(batches.map(\.boot) == ["boot-0", "boot-1", "boot-2"])
            #expect(batches.allSatisfy { $0.stream == stream && $0.lane == .live })
            #expect(batches.flatMap(\.readings).filter { $0.device == "a" }.map(\.n) == [1, 2, 3, 4, 5, 6])
            #expect(batches.flatMap(\.readings).filter { $0.device == "b" }.map(\.n) == [1, 2, 3])
            #expect(await outbox.status()?.lastN == ["a": 6, "b": 3])
            await outbox.close()
        }
    }

    @Test func `an event is on the disk when it is appended, and so is what came before it`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/outbox.sqlite"
            let outbox = try await Outbox.open(path: path, options: options())
            await outbox.append(readings: [reading()], counterStates: ["feeder-a/energy": [1, 2]])
            #expect(await outbox.append(events: [event("alarm")]) == .committed(lastSequence: 2))
            await outbox.append(readings: [reading()])
            // What a crash at this moment would leave.
            copyDatabase(from: path, to: folder + "/crashed.sqlite")
            await outbox.close()

            let crashed = try await Outbox.open(path: folder + "/crashed.sqlite", options: options())
            #expect(await crashed.opening.lastCommittedSequence == 2)
            #expect(await crashed.opening.wasClosed == false)
            #expect(try await crashed.counterStates() == ["feeder-a/energy": [1, 2]])
            try await crashed.register(uplink: "u")
            let batches = try await crashed.next(for: "u")
            #expect(batches.map(\.sequence) == [2, 1])
            #expect(batches.map(\.lane) == [.urgent, .live])
            #expect(batches[0].events.map(\.kind) == ["alarm"])
            await crashed.append(readings: [reading()])
            #expect(await crashed.flush() == .committed(lastSequence: 3))
            #expect(try await crashed.next(for: "u").last?.readings.map(\.n) == [2])
            await crashed.close()
        }
    }

    @Test func `a batch carries at most a thousand readings, and each class of keep its own`() async throws {
        try await withTemporaryFolder { folder in
            let outbox = try await Outbox.open(path: folder + "/o.sqlite", options: options())
            try await outbox.register(uplink: "u")
            let readings = (0..<2_500).map {
                reading("a", "p", Int64($0), second: Int64($0), keep: $0 % 2 == 0 ? .telemetry : .billing)
            }
            await outbox.append(readings: readings)
            let batches = try await outbox.next(for: "u", limit: 100)
            #expect(batches.allSatisfy { $0.readings.count <= 1_000 && Set($0.readings.map(\.keep)).count == 1 })
            #expect(batches.flatMap(\.readings).map(\.n) == Array(1...2_500))
            await outbox.close()
        }
    }

    @Test func `rows go when every uplink has acknowledged them, in any order and more than once`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            let outbox = try await Outbox.open(path: path, options: options())
            try await outbox.register(uplink: "a")
            try await outbox.register(uplink: "b")
            for index in 1...6 {
                await outbox.append(readings: [reading(second: Int64(index))])
                await outbox.flush()
            }
            try await outbox.acknowledge(uplink: "a", sequences: [2, 5, 2, 99, 0])
            #expect(try await outbox.next(for: "a").map(\.sequence) == [1, 3, 4, 6])
            try await outbox.acknowledge(uplink: "a", sequences: [6, 4, 3, 1])
            #expect(try await outbox.next(for: "a").isEmpty)
            await outbox.flush()
            #expect(try await outbox.next(for: "b", limit: 2).map(\.sequence) == [1, 2])
            #expect(await outbox.status()?.stored[.live]?.batches == 6)
            try await outbox.acknowledge(uplink: "b", sequences: [1, 2, 3])
            await outbox.close()

            let again = try await Outbox.open(path: path, options: options())
            #expect(try await again.next(for: "a").isEmpty)
            #expect(try await again.next(for: "b").map(\.sequence) == [4, 5, 6])
            let status = try #require(await again.status())
            #expect(status.stored[.live]?.batches == 3)
            #expect(status.uplinks.map(\.unsent.batches) == [0, 3])
            #expect(status.oldestUnsent?.time == BootInstant(nanoseconds: 4_000_000_000))
            // b leaves the configuration: only a counts from then on.
            try await again.keepOnly(uplinks: ["a"])
            #expect(await again.status()?.stored.isEmpty == true)
            await again.append(readings: [reading()])
            #expect(await again.flush() == .committed(lastSequence: 7))
            await again.close()
        }
    }

    @Test func `a position takes a connection forward, and a new one begins again with what was not acknowledged`()
        async throws
    {
        try await withTemporaryFolder { folder in
            let outbox = try await Outbox.open(path: folder + "/o.sqlite", options: options())
            try await outbox.register(uplink: "u")
            for index in 1...4 {
                await outbox.append(readings: [reading(second: Int64(index))])
                await outbox.append(events: [event("e\(index)")])
            }
            var position = DeliveryPosition.start
            var seen: [UInt64] = []
            while let batch = try await outbox.next(for: "u", after: position, limit: 1).first {
                seen.append(batch.sequence)
                position.advance(past: batch)
            }
            #expect(seen == [2, 4, 6, 8, 1, 3, 5, 7])
            try await outbox.acknowledge(uplink: "u", sequences: [2, 4, 6, 8, 1])
            #expect(try await outbox.next(for: "u").map(\.sequence) == [3, 5, 7])
            let split = try await outbox.next(for: "u", policy: .liveFirst(after: 4))
            #expect(split.map(\.sequence) == [5, 7, 3])
            #expect(split.map(\.lane) == [.live, .live, .backlog])
            await outbox.close()
        }
    }

    @Test func `an uplink that begins now gets nothing of what was stored before`() async throws {
        try await withTemporaryFolder { folder in
            let outbox = try await Outbox.open(path: folder + "/o.sqlite", options: options())
            await outbox.append(events: [event("old")])
            try await outbox.register(uplink: "new", from: .now)
            try await outbox.register(uplink: "old", from: .oldest)
            await outbox.append(events: [event("fresh")])
            #expect(try await outbox.next(for: "new").flatMap(\.events).map(\.kind) == ["fresh"])
            #expect(try await outbox.next(for: "old").flatMap(\.events).map(\.kind) == ["old", "fresh"])
            await #expect(throws: StorageError.self) { try await outbox.next(for: "unknown") }
            await outbox.close()
        }
    }

    @Test func `a cut is remembered, and the first one stands`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            let outbox = try await Outbox.open(path: path, options: options())
            try await outbox.register(uplink: "u")
            await outbox.append(readings: (0..<10).map { reading(second: $0) })
            await outbox.flush()
            try await outbox.recordCut(uplink: "u", sequence: 1, parts: [4, 6])
            try await outbox.recordCut(uplink: "u", sequence: 1, parts: [5, 5])
            await outbox.close()
            let again = try await Outbox.open(path: path, options: options())
            #expect(try await again.cut(uplink: "u", sequence: 1) == [4, 6])
            #expect(try await again.cut(uplink: "u", sequence: 2) == nil)
            try await again.acknowledge(uplink: "u", sequences: [1])
            await again.flush()
            #expect(try await again.cut(uplink: "u", sequence: 1) == nil)
            await again.close()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a commit wakes whoever waits for one`() async throws {
        try await withTemporaryFolder { folder in
            let outbox = try await Outbox.open(path: folder + "/o.sqlite", options: options())
            var waiting = await outbox.commits().makeAsyncIterator()
            #expect(await waiting.next() == 0)
            await outbox.append(events: [event("x")])
            #expect(await waiting.next() == 1)
            await outbox.close()
            #expect(await waiting.next() == nil)
            #expect(await outbox.append(events: [event("late")]) == .closed)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `readings are committed by themselves after the flush time`() async throws {
        try await withTemporaryFolder { folder in
            var quick = options()
            quick.flush = .milliseconds(20)
            let outbox = try await Outbox.open(path: folder + "/o.sqlite", options: quick)
            var waiting = await outbox.commits().makeAsyncIterator()
            #expect(await waiting.next() == 0)
            await outbox.append(readings: [reading()])
            #expect(await waiting.next() == 1)
            await outbox.close()
        }
    }

    @Test func `a renamed device keeps its count`() async throws {
        try await withTemporaryFolder { folder in
            let outbox = try await Outbox.open(path: folder + "/o.sqlite", options: options())
            await outbox.append(readings: [reading("old"), reading("old"), reading("other")])
            try await outbox.rename(device: "old", to: "new")
            await outbox.append(readings: [reading("new")])
            await outbox.flush()
            #expect(await outbox.status()?.lastN == ["new": 3, "other": 1])
            await #expect(throws: StorageError.self) { try await outbox.rename(device: "new", to: "other") }
            await outbox.close()
        }
    }
}
