import Configuration
import Lighting
import Telemetry
import TestSupport
import Testing

@testable import Runtime

/// Hands in the cabinet: who is covered, until when, and what a restart makes of it.
struct LockBookTests {
    static func book() throws -> LockBook {
        let folder = TemporaryFolder()
        let path = folder.write(
            "gateway.yaml",
            """
            gateway: {id: g1}
            buses: {meters: {driver: modbus, port: "tcp://127.0.0.1:1"}, other: {driver: modbus, port: "tcp://127.0.0.1:2"}}
            devices:
              feeder: {bus: meters, address: 1, profile: eastron-sdm630, rating: 63 A, groups: [north]}
              pump: {bus: meters, address: 2, profile: eastron-sdm630, rating: 63 A}
              far: {bus: other, address: 1, profile: eastron-sdm630, rating: 63 A, groups: [north]}
            """ + "\n")
        let catalog = DriverCatalog.discover(folders: [Project.root + "/Drivers"]).catalog
        let load = ConfigurationLoader().load(path: path, boards: [], drivers: catalog)
        return LockBook(configuration: try #require(load.configuration))
    }

    static func clock(_ seconds: Int64, isTrusted: Bool = true, boot: Int64 = 0) -> LightingClock {
        let start = CivilTime(year: 2026, month: 11, day: 21, hour: 20).instant
        return LightingClock(
            utc: start.advanced(by: .seconds(seconds)),
            uptime: BootInstant(nanoseconds: (boot + seconds) * 1_000_000_000), isTrusted: isTrusted)
    }

    @Test(arguments: [
        ("feeder", ["feeder"]), ("north", ["far", "feeder"]), ("meters", ["feeder", "pump"]),
        ("all", ["far", "feeder", "pump"]),
    ])
    func `a lock covers exactly what its name means`(target: String, covered: [String]) throws {
        var book = try Self.book()
        let scope = try #require(book.scope(named: target))
        _ = try book.place(scope, for: .seconds(60), level: nil, reason: "work", by: "me", clock: Self.clock(0))
        #expect(["far", "feeder", "pump"].filter { book.lock(on: $0) != nil } == covered)
        #expect(book.devices(in: scope) == covered)
        #expect((book.lock(onBus: "meters") != nil) == ["meters", "all"].contains(target))
    }

    @Test func `what is not there cannot be locked, nor without a reason, nor for ever`() throws {
        var book = try Self.book()
        #expect(book.scope(named: "nobody") == nil)
        let now = Self.clock(0)
        #expect(throws: LockBook.Refusal.self) {
            try book.place(.all, for: .seconds(60), level: nil, reason: "", by: "me", clock: now)
        }
        #expect(throws: LockBook.Refusal.self) {
            try book.place(.all, for: .seconds(32 * 86_400), level: nil, reason: "work", by: "me", clock: now)
        }
        #expect(throws: LockBook.Refusal.self) {
            try book.place(.all, for: nil, level: ExactDecimal(300), reason: "work", by: "me", clock: now)
        }
        #expect(book.isEmpty)
    }

    @Test func `the narrowest lock rules, and each ends by itself`() throws {
        var book = try Self.book()
        let now = Self.clock(0)
        _ = try book.place(.all, for: .seconds(60), level: nil, reason: "wide", by: "me", clock: now)
        _ = try book.place(.device("feeder"), for: .seconds(30), level: .zero, reason: "narrow", by: "me", clock: now)
        #expect(book.lock(on: "feeder")?.reason == "narrow" && book.lock(on: "pump")?.reason == "wide")
        #expect(book.expire(Self.clock(29)).over.isEmpty)
        #expect(book.expire(Self.clock(30)).over.map(\.reason) == ["narrow"])
        #expect(book.lock(on: "feeder")?.reason == "wide")
        #expect(book.expire(Self.clock(60)).over.map(\.reason) == ["wide"] && book.isEmpty)
    }

    @Test func `a restart keeps locks with their end, by the clock or by running time`() throws {
        var book = try Self.book()
        _ = try book.place(
            .bus("meters"), for: .seconds(600), level: .zero, reason: "work", by: "me", clock: Self.clock(0))
        let stored = try JSONValue(parsing: Array(book.stored(Self.clock(100)).description.utf8))
        var trusted = try Self.book()
        #expect(trusted.restore(stored, clock: Self.clock(300, boot: -250)).isEmpty)
        #expect(trusted.lock(on: "pump")?.level == .zero)
        #expect(trusted.lock(on: "pump")?.remaining(Self.clock(300, boot: -250)) == .seconds(300))
        // Without a clock what was left when it was stored runs on from the start.
        var dark = try Self.book()
        let start = Self.clock(5, isTrusted: false, boot: 0)
        #expect(dark.restore(stored, clock: start).isEmpty)
        #expect(dark.lock(on: "pump")?.remaining(start) == .seconds(500))
        var late = try Self.book()
        #expect(late.restore(stored, clock: Self.clock(601)).map(\.reason) == ["work"], "its end is still to be told")
        #expect(late.isEmpty)
        var broken = try Self.book()
        let nonsense: JSONValue = ["scope", 4, ["scope": "bus", "target": "gone", "remaining_s": 5]]
        #expect(broken.restore(nonsense, clock: start).isEmpty && broken.isEmpty)
    }

    @Test func `a lock placed without a clock gets its end when the clock is trusted`() throws {
        var book = try Self.book()
        _ = try book.place(
            .all, for: .seconds(600), level: nil, reason: "work", by: "me", clock: Self.clock(0, isTrusted: false))
        #expect(book.all.first?.until == nil)
        #expect(book.expire(Self.clock(100)).isChanged, "its end is to be stored")
        #expect(!book.expire(Self.clock(101)).isChanged)
        #expect(book.all.first?.until == Self.clock(600).utc)
    }
}
