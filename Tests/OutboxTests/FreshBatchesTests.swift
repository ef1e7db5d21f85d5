import Telemetry
import Testing

@testable import Outbox

struct FreshBatchesTests {
    /// Values of every kind, stamps finer than a microsecond, two classes of keep.
    private func mixed(_ round: Int64) -> [Reading] {
        let moment = BootInstant(nanoseconds: round * 1_000_000_000 + 123_456_789)
        var readings: [Reading] = []
        for index in 0..<40 {
            let value: Value? =
                switch index % 4 {
                case 0: .number(ExactDecimal(mantissa: 23_010, exponent: -2))
                case 1: .flag(true)
                case 2: .text("MS-4711")
                default: nil
                }
            let quality = value == nil ? Quality.bad(.communication) : Quality.good
            let period = index % 8 == 0 ? ReadingPeriod(start: 900, end: 1_800, kind: .register) : nil
            let raw: [UInt8] = index % 8 == 1 ? [1, 2] : []
            readings.append(
                Reading(
                    device: "meter-\(index % 3)", point: "point-\(index)", acquired: moment, value: value, unit: "V",
                    quality: quality, keep: index % 2 == 0 ? .telemetry : .billing, epoch: UInt32(index % 2),
                    period: period, raw: raw))
        }
        return readings
    }

    @Test func `what an uplink gets from memory is what it gets from the medium, to the last digit`() async throws {
        try await withTemporaryFolder { folder in
            let outbox = try await Outbox.open(path: folder + "/o.sqlite", options: options())
            for uplink in ["a", "b"] { try await outbox.register(uplink: uplink) }
            var fromMemory: [Batch] = []
            var position = DeliveryPosition.start
            for round in 1...3 {
                // An uplink that has come to the end is handed the next commit.
                let rest = try await outbox.next(for: "a", after: position, limit: 100)
                fromMemory += rest
                for batch in rest { position.advance(past: batch) }
                await outbox.append(readings: mixed(Int64(round)))
                await outbox.flush()
            }
            fromMemory += try await outbox.next(for: "a", after: position, limit: 100)
            await outbox.close()
            let again = try await Outbox.open(path: folder + "/o.sqlite", options: options())
            let fromMedium = try await again.next(for: "b", limit: 100)
            #expect(fromMemory.count == 6)
            #expect(fromMemory == fromMedium)
            await again.close()
        }
    }

    @Test func `an uplink that begins anew, and a second one, get everything again`() async throws {
        try await withTemporaryFolder { folder in
            let outbox = try await Outbox.open(path: folder + "/o.sqlite", options: options())
            for uplink in ["a", "b"] { try await outbox.register(uplink: uplink) }
            #expect(try await outbox.next(for: "a").isEmpty)
            await outbox.append(readings: mixed(1))
            await outbox.flush()
            let first = try await outbox.next(for: "a")
            #expect(first.count == 2)
            for _ in 0..<3 { #expect(try await outbox.next(for: "a") == first) }
            #expect(try await outbox.next(for: "b") == first)
            try await outbox.acknowledge(uplink: "a", sequences: first.map(\.sequence))
            #expect(try await outbox.next(for: "a").isEmpty)
            #expect(try await outbox.next(for: "b") == first)
            await outbox.close()
        }
    }

    @Test func `one commit is kept, for as many uplinks as there are, and only while one keeps up`() {
        func batch(_ sequence: UInt64) -> OutboxBuffer.Readings {
            OutboxBuffer.Readings(keep: .telemetry, items: [reading()], bytes: 1, sequence: sequence)
        }
        var fresh = FreshBatches()
        fresh.replace(with: [batch(1)], uplinks: 2)
        #expect(fresh.take(1) == nil, "nobody had asked for more")
        fresh.noteEnd()
        fresh.replace(with: [batch(2), batch(3)], uplinks: 2)
        #expect(fresh.take(2) != nil && fresh.take(2) != nil && fresh.take(2) == nil)
        // A commit of acknowledgements alone changes nothing.
        fresh.replace(with: [], uplinks: 2)
        #expect(fresh.take(3) != nil)
        // Nobody came to the end since: what follows is left to the medium.
        fresh.replace(with: [batch(4)], uplinks: 2)
        #expect(fresh.take(3) == nil && fresh.take(4) == nil)
    }

    @Test func `a commit that failed numbers the same readings again, once`() async throws {
        try await withTemporaryFolder { folder in
            let outbox = try await Outbox.open(path: folder + "/o.sqlite", options: options())
            try await outbox.register(uplink: "u")
            await outbox.append(events: [event("first")])
            try await outbox.setPageLimit(1)
            let text = Value.text(String(repeating: "x", count: 60_000))
            let moment = BootInstant(nanoseconds: 1)
            await outbox.append(
                readings: (0..<5).map { index in
                    Reading(
                        device: "bulk", point: "p\(index)", acquired: moment, value: text, unit: "", quality: .good,
                        keep: .billing)
                })
            guard case .delayed = await outbox.flush() else { throw TestFailure("the commit went through") }
            try await outbox.setPageLimit(nil)
            await outbox.flush()
            let bulk = try await outbox.next(for: "u", limit: 100).flatMap(\.readings).filter { $0.device == "bulk" }
            #expect(bulk.map(\.n) == (1...5).map { UInt64($0) })
            await outbox.close()
        }
    }
}
