import Glibc
import Telemetry
import Testing

@testable import Outbox

struct OutboxFailureTests {
    private func gaps(_ batches: [Batch]) -> [JSONValue] {
        batches.flatMap(\.events).filter { $0.kind == "gap" }.map(\.detail)
    }

    @Test func `at its limit the oldest telemetry goes, billing stays, and what went is declared`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            let limit: Int64 = OutboxOptions.smallestLimitBytes
            let outbox = try await Outbox.open(path: path, options: options(limit: limit))
            try await outbox.register(uplink: "u")
            var largest: Int64 = 0
            let rounds = 400
            for round in 0..<rounds {
                // Texts are kept as they are: 46 bytes each and more.
                let telemetry = (0..<300).map { index in
                    Reading(
                        device: "a", point: "p", acquired: BootInstant(nanoseconds: Int64(round)),
                        value: .text(String(repeating: "x", count: 40) + "\(index)"), unit: "", quality: .good,
                        keep: .telemetry)
                }
                await outbox.append(
                    readings: telemetry + [reading("a", "energy", Int64(round), second: Int64(round), keep: .billing)])
                await outbox.flush()
                if round % 20 == 0, let status = await outbox.status() { largest = max(largest, status.bytesOnDisk) }
            }
            #expect(largest <= limit)
            let status = try #require(await outbox.status())
            #expect(status.droppedReadings > 10_000)
            #expect(status.disk == .ok)
            // The first thing offered is the declaration.
            let first = try #require(try await outbox.next(for: "u", limit: 1).first)
            let declared = gaps([first])
            #expect(declared.count == 1)
            let missing = UInt64(try #require(declared[0]["missing"]?.number?.integer))
            #expect(missing == status.droppedReadings)
            #expect(declared[0]["device"] == "a")
            #expect(declared[0]["reason"] == "retention")
            #expect(declared[0]["from_n"] == 1)
            #expect(declared[0]["uplinks"] == ["u"])
            var position = DeliveryPosition.start
            var received: Set<UInt64> = []
            var billing = 0
            while true {
                let batches = try await outbox.next(for: "u", after: position, limit: 64)
                if batches.isEmpty { break }
                for batch in batches {
                    position.advance(past: batch)
                    received.formUnion(batch.readings.map(\.n))
                    billing += batch.readings.filter { $0.keep == .billing }.count
                }
            }
            #expect(billing == rounds)
            #expect(UInt64(received.count) + missing == UInt64(rounds) * 301)
            await outbox.close()
        }
    }

    @Test func `a full file keeps what is new in memory, says so, and goes on when there is space`() async throws {
        try await withTemporaryFolder { folder in
            let outbox = try await Outbox.open(path: folder + "/o.sqlite", options: options(buffered: 2_000))
            try await outbox.register(uplink: "u")
            await outbox.append(events: [event("first")])
            try await outbox.setPageLimit(1)
            let text = Reading(
                device: "a", point: "serial", acquired: BootInstant(nanoseconds: 1),
                value: .text(String(repeating: "x", count: 60_000)),
                unit: "", quality: .good, keep: .billing)
            await outbox.append(readings: [text])
            guard case .delayed(let error) = await outbox.flush() else { throw TestFailure("the commit went through") }
            #expect(error.code == .full)
            #expect(error.description.contains("outbox.limit"))
            #expect(await outbox.disk.name == "full")
            #expect(await outbox.status()?.buffered == 1)
            // What was committed still leaves.
            #expect(try await outbox.next(for: "u").count <= 2)
            try await outbox.setPageLimit(nil)
            guard case .committed = await outbox.flush() else { throw TestFailure("no recovery") }
            #expect(await outbox.disk == .ok)
            #expect(try await outbox.next(for: "u").last?.readings.first?.value == text.value)
            await outbox.close()
        }
    }

    @Test func `while another program holds the file memory stays bounded, and what it cost is declared`() async throws
    {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            let outbox = try await Outbox.open(path: path, options: options(buffered: 1_000))
            try await outbox.register(uplink: "u")
            let other = try SQLiteDatabase(path: path)
            try other.execute("BEGIN IMMEDIATE")
            await outbox.append(readings: [reading("a", "energy", keep: .billing)])
            guard case .delayed(let error) = await outbox.flush() else { throw TestFailure("the lock held nobody") }
            #expect(error.code == .locked)
            for index in 0..<3_000 { await outbox.append(readings: [reading("a", "p", Int64(index))]) }
            let status = try #require(await outbox.status())
            #expect(status.buffered <= 1_000)
            #expect(status.disk.name == "locked")
            #expect(status.lastSequence == 0)
            try other.execute("ROLLBACK")
            guard case .committed = await outbox.flush() else { throw TestFailure("no recovery") }
            let batches = try await outbox.next(for: "u", limit: 100)
            let detail = try #require(gaps(batches).first)
            let missing = try #require(detail["missing"]?.number?.integer)
            let received = batches.flatMap(\.readings)
            #expect(detail["reason"] == "bufferFull")
            #expect(received.count + Int(missing) == 3_001)
            #expect(received.contains { $0.keep == .billing })
            #expect(
                received.last?.value == .number(ExactDecimal(mantissa: 2_999, exponent: -1))
                    || received.contains { $0.value == .number(ExactDecimal(mantissa: 2_999, exponent: -1)) })
            #expect(received.map(\.n).max() == 3_001)
            await outbox.close()
        }
    }

    @Test func `damage in any region of a stored batch is found, set aside and declared, and the rest goes on`()
        async throws
    {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            let outbox = try await Outbox.open(path: path, options: options())
            for index in 1...3 {
                await outbox.append(readings: (0..<20).map { reading("a", "p\($0)", $0 * 7, second: Int64(index)) })
                await outbox.flush()
            }
            await outbox.close()
            let content = try hexadecimal("SELECT hex(content) FROM batches WHERE sequence = 2", at: path)
            let broken = folder + "/broken.sqlite"
            let header = ["lane", "keep", "first_ns", "last_ns", "count", "dictionary", "format", "checksum", "boot"]
            let damages =
                content.indices.map { offset in
                    let other = content[offset] == "EE" ? "EF" : "EE"
                    return
                        "content = CAST(substr(content, 1, \(offset)) || x'\(other)' || substr(content, \(offset + 2)) AS BLOB)"
                } + header.map { "\($0) = \($0) + 1" } + ["content = x''", "count = 'x'"]
            for damage in damages {
                copyDatabase(from: path, to: broken)
                try execute("UPDATE batches SET \(damage) WHERE sequence = 2", at: broken)
                let damaged = try await Outbox.open(path: broken, options: options())
                try await damaged.register(uplink: "u")
                let batches = try await damaged.next(for: "u", limit: 100)
                let kinds = batches.flatMap(\.events).map(\.kind)
                #expect(batches.map(\.sequence).filter { $0 <= 3 } == [1, 3], "\(damage)")
                #expect(kinds.contains("batch_damaged") && kinds.contains("gap"), "\(damage)")
                #expect(await damaged.status()?.damagedBatches == 1, "\(damage)")
                if damage.hasPrefix("content = CAST") {
                    let detail = try #require(gaps(batches).first)
                    #expect(detail["device"] == "a" && detail["from_n"] == 21 && detail["to_n"] == 40)
                    #expect(detail["reason"] == "damaged")
                }
                await damaged.close()
                for suffix in ["", "-wal", "-reserve", "-shm"] { unlink(broken + suffix) }
            }
        }
    }

    @Test func `what a grown dictionary tells survives a restart, and a damaged part costs only what came with it`()
        async throws
    {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            for round in 0..<3 {
                let outbox = try await Outbox.open(path: path, options: options())
                try await outbox.register(uplink: "u")
                for part in 0..<2 {
                    await outbox.append(readings: [reading("d\(round)", "p\(part)"), reading("d0", "p0")])
                    await outbox.flush()
                }
                await outbox.close()
            }
            let whole = try await Outbox.open(path: path, options: options())
            let batches = try await whole.next(for: "u", limit: 100)
            #expect(batches.map { $0.readings.map { "\($0.device) \($0.point)" } }.count == 6)
            #expect(
                batches.flatMap(\.readings).map(\.device) == [
                    "d0", "d0", "d0", "d0", "d1", "d0", "d1", "d0", "d2", "d0", "d2", "d0",
                ])
            await whole.close()
            try execute(
                "UPDATE dictionary_parts SET checksum = checksum + 1 WHERE start = (SELECT max(start) FROM dictionary_parts)",
                at: path)
            let damaged = try await Outbox.open(path: path, options: options())
            let left = try await damaged.next(for: "u", limit: 100)
            #expect(left.flatMap(\.readings).count == 10)
            #expect(left.flatMap(\.events).map(\.kind).contains("batch_damaged"))
            await damaged.close()
        }
    }

    @Test func `what was delivered cannot be found in the files any more`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            let planted = "planted-household-value"
            func traces() -> Bool {
                [path, path + "-wal"].contains {
                    String(decoding: contents(of: $0), as: UTF8.self).contains(planted)
                }
            }
            let outbox = try await Outbox.open(path: path, options: options())
            try await outbox.register(uplink: "u")
            await outbox.append(readings: [
                Reading(
                    device: "flat-1", point: "status", acquired: BootInstant(nanoseconds: 1), value: .text(planted),
                    unit: "", quality: .good, keep: .telemetry)
            ])
            await outbox.flush()
            #expect(traces())
            try await outbox.acknowledge(uplink: "u", sequences: [1])
            await outbox.flush()
            await outbox.close()
            #expect(!traces())
        }
    }

    @Test(arguments: ["header", "nothing but noise", "cut short"])
    func `a destroyed file is set aside and a new stream begins`(how: String) async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            let outbox = try await Outbox.open(path: path, options: options())
            let stream = await outbox.opening.stream
            await outbox.append(events: [event("x")])
            await outbox.close()
            var bytes = contents(of: path)
            switch how {
            case "header": bytes.replaceSubrange(0..<100, with: Array(repeating: 0x55, count: 100))
            case "cut short": bytes.removeLast(bytes.count - 4_096)
            default:
                var dice = Dice(state: 9)
                bytes = bytes.map { _ in .random(in: 0...255, using: &dice) }
            }
            write(bytes, to: path)
            let again = try await Outbox.open(path: path, options: options())
            let opening = await again.opening
            #expect(opening.cause == .corrupt)
            #expect(opening.isNewStream && opening.stream != stream)
            #expect(opening.lastCommittedSequence == 0)
            let aside = try #require(opening.setAside)
            #expect(aside.hasPrefix(path + ".corrupt-"))
            #expect(contents(of: aside) == bytes)
            #expect(opening.events(occurred: BootInstant(nanoseconds: 0), flush: .seconds(5)).map(\.kind) == ["stream"])
            #expect(await again.append(events: [event("y")]) == .committed(lastSequence: 1))
            await again.close()
        }
    }

    @Test func `a file that is destroyed or removed while it is open costs its content and nothing else`() async throws
    {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            let outbox = try await Outbox.open(path: path, options: options())
            try await outbox.register(uplink: "u")
            let stream = await outbox.opening.stream
            await outbox.append(events: [event("x")])
            for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
            await outbox.append(readings: [reading()])
            guard case .committed = await outbox.flush() else { throw TestFailure("no recovery") }
            let opening = await outbox.opening
            #expect(opening.stream != stream && opening.previousStream == stream)
            let batches = try await outbox.next(for: "u")
            // The declaration was put before the reading that was in memory.
            guard case .committed = await outbox.flush() else { throw TestFailure("no second commit") }
            #expect(batches.flatMap(\.readings).map(\.n) == [1])
            #expect(try await outbox.next(for: "u").flatMap(\.events).map(\.kind) == ["stream"])
            await outbox.close()
        }
    }

    @Test func `a card in another machine begins a stream of its own`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            let outbox = try await Outbox.open(path: path, options: options(machine: "m1"))
            let stream = await outbox.opening.stream
            await outbox.close()
            let clone = try await Outbox.open(path: path, options: options(machine: "m2"))
            let opening = await clone.opening
            #expect(opening.cause == .clone)
            #expect(opening.previousStream == stream && opening.stream != stream)
            await clone.close()
        }
    }

    @Test func `a file of a newer version is refused, or set aside where lamps must go on`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            let outbox = try await Outbox.open(path: path, options: options())
            await outbox.close()
            try execute("PRAGMA user_version = 99", at: path)
            let error = await #expect(throws: StorageError.self) {
                try await Outbox.open(path: path, options: options())
            }
            #expect(error?.code == .newerVersion)
            let running = try await Outbox.open(path: path, options: options(newer: .setAside))
            #expect(await running.opening.cause == .newerVersion)
            await running.close()
            #expect(files(in: folder).contains { $0.contains("newerVersion") })
        }
    }

    @Test func `a folder that is not there is an error that says what to do`() async {
        let error = await #expect(throws: StorageError.self) {
            try await Outbox.open(path: "/nonexistent/outbox.sqlite", options: options())
        }
        #expect(error?.code == .cannotOpen)
        #expect(error?.description.contains("state directory") == true)
    }

    @Test func `only the newest files set aside are kept`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/o.sqlite"
            for _ in 0..<5 {
                write(Array("no database at all, but long enough to be looked at".utf8), to: path)
                let outbox = try await Outbox.open(path: path, options: options())
                await outbox.close()
            }
            #expect(
                files(in: folder).filter { $0.contains(".corrupt-") && !$0.hasSuffix("-wal") }.count
                    == DatabaseFile.mostSetAside)
        }
    }
}
