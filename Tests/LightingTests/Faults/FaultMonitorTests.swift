import Lighting
import Telemetry
import Testing

/// Reports of drivers, restarts, and the sums behind a feeder.
struct FaultMonitorTests {
    static func at(_ seconds: Int) -> BootInstant { BootInstant(nanoseconds: Int64(seconds) * 1_000_000_000) }

    static func clock(_ seconds: Int, trusted: Bool = true) -> LightingClock {
        LightingClock(utc: UTCInstant(seconds: 1_800_000_000 + Int64(seconds)), uptime: at(seconds), isTrusted: trusted)
    }

    static func pair() -> FaultMonitor {
        FaultMonitor(
            lamps: ["lamp-1", "lamp-2"].map { FaultLamp(name: $0, bus: "lamps") },
            feeders: [FaultFeeder(name: "f1", lamps: ["lamp-1", "lamp-2"])])
    }

    @Test(arguments: [
        // Requests and failures since the report before; a fault or none.
        (requests: 6, failures: 5, isFault: true), (requests: 6, failures: 4, isFault: false),
        (requests: 60, failures: 5, isFault: false), (requests: 60, failures: 55, isFault: true),
        (requests: 5, failures: 5, isFault: true), (requests: 4, failures: 4, isFault: false),
    ])
    func `polls are counted by the driver's counters`(row: (requests: Int, failures: Int, isFault: Bool)) {
        var monitor = Self.pair()
        _ = monitor.tick(at: Self.at(0))
        monitor.observe(pollsOf: "lamp-1", requests: 1000, failures: 900, at: Self.at(100))
        monitor.observe(pollsOf: "lamp-2", requests: 10, failures: 0, at: Self.at(100))
        // What came before the first report is not known to be new, and one report may hold many polls.
        _ = monitor.tick(at: Self.at(100))
        monitor.observe(
            pollsOf: "lamp-1", requests: UInt64(1000 + row.requests), failures: UInt64(900 + row.failures),
            at: Self.at(200))
        monitor.observe(pollsOf: "lamp-2", requests: 16, failures: 0, at: Self.at(201))
        monitor.observe(
            pollsOf: "lamp-1", requests: UInt64(1000 + row.requests), failures: UInt64(900 + row.failures),
            at: Self.at(202))
        monitor.observe(
            pollsOf: "lamp-1", requests: UInt64(1001 + row.requests),
            failures: UInt64(900 + row.failures + (row.isFault ? 1 : 0)), at: Self.at(230))
        #expect(monitor.tick(at: Self.at(231)).map(\.kind) == (row.isFault ? [.communicationFailure] : []))
    }

    @Test func `a driver that counts from the start again is not taken for a silent lamp`() {
        var monitor = Self.pair()
        _ = monitor.tick(at: Self.at(0))
        for (index, counters) in [(1000, 990), (3, 0), (6, 0)].enumerated() {
            let now = Self.at(100 + index * 60)
            monitor.observe(pollsOf: "lamp-1", requests: UInt64(counters.0), failures: UInt64(counters.1), at: now)
            monitor.observe(pollsOf: "lamp-2", requests: UInt64(counters.0), failures: 0, at: now)
        }
        #expect(monitor.tick(at: Self.at(400)).isEmpty)
    }

    @Test func `what lasts survives a restart and is not told twice`() throws {
        var street = Street()
        street.order(100)
        street.run(.seconds(600))
        street.trouble(.lampFailure, lamp: 0)
        street.run(.seconds(600))
        #expect(street.words == ["+lamp_failure lamp-1"])
        let stored = try JSONValue(parsing: Array(street.monitor.stored(Self.clock(street.second)).description.utf8))
        let since = try #require(street.monitor.active.first?.since)

        var after = Street()
        #expect(
            after.monitor.restore(stored, clock: Self.clock(street.second + 100).restarted(uptime: Self.at(0))) == [])
        after.order(100)
        let restored = try #require(after.monitor.active.first)
        #expect(restored.kind == .lampFailure)
        // Before this boot, as long ago as it was.
        #expect(restored.since.duration(since: Self.at(0)) == since.duration(since: Self.at(street.second + 100)))
        #expect(restored.change.event.id == "lamp_failure:lamp-1")
        after.trouble(.lampFailure, lamp: 0)
        after.run(.seconds(600))
        #expect(after.words == [])
        after.trouble(.none, lamp: 0)
        after.run(.seconds(600))
        #expect(after.words == ["-lamp_failure lamp-1"])
    }

    @Test func `a fault of a lamp that is configured no more ends, and damaged entries are named`() throws {
        var monitor = Self.pair()
        let stored: JSONValue = [
            "format": 1,
            "faults": [
                [
                    "kind": "lamp_failure", "subject": "lamp", "name": "lamp-9", "since": nil, "detail": [:],
                    "affected": [],
                ],
                [
                    "kind": "gear_failure", "subject": "lamp", "name": "lamp-1", "since": nil, "detail": [:],
                    "affected": [],
                ],
                ["kind": "witchcraft", "subject": "lamp", "name": "lamp-1"], 7,
            ],
        ]
        let problems = monitor.restore(stored, clock: Self.clock(0, trusted: false))
        #expect(problems.count == 2)
        #expect(monitor.active.map(\.id) == ["gear_failure:lamp-1"])
        let told = monitor.tick(at: Self.at(1))
        #expect(told.map(\.id) == ["lamp_failure:lamp-9"])
        #expect(told.map(\.isActive) == [false])
        #expect(monitor.restore("nonsense", clock: Self.clock(0)).count == 1)
    }

    @Test func `the inputs are the points of meter, sign and contactor`() {
        let street = Street()
        #expect(
            street.monitor.inputs == ["feeder-a.active_power.L1", "feeder-a.voltage.L1", "cabinet.output.1"])
    }

    @Test func `what is of no lamp and no feeder is left alone`() {
        var monitor = Self.pair()
        monitor.observe(lamp: LampObservation(lamp: "stranger", at: Self.at(1), answer: .answered))
        monitor.observe(pollsOf: "stranger", requests: 1, failures: 1, at: Self.at(1))
        monitor.commanded(lamp: "stranger", percent: .zero, fade: nil, at: Self.at(1))
        monitor.observe(
            feeder: FeederObservation(device: "x", point: "y", value: .flag(true), unit: nil, at: Self.at(1)))
        monitor.bus("nowhere", isUp: false, at: Self.at(1))
        #expect(monitor.tick(at: Self.at(1000)).isEmpty)
        #expect(!monitor.watches("stranger"))
        #expect(monitor.watches("lamp-1"))
    }

    @Test func `every fault is a kind of event of the catalogue`() {
        let kinds: Set<String> = [
            EventKind.lampFailure, EventKind.gearFailure, EventKind.communicationFailure, EventKind.dayBurner,
            EventKind.cycling, EventKind.dimmingFailure, EventKind.lampPowerLow, EventKind.lampPowerHigh,
            EventKind.supplyLoss, EventKind.feederDead, EventKind.feederLoadLow, EventKind.feederLoadHigh,
            EventKind.contactorStuckOn, EventKind.contactorStuckOff,
        ]
        #expect(Set(FaultKind.allCases.map(\.rawValue)) == kinds)
    }

    // MARK: Expected power

    @Test(arguments: [
        // Rated W, gradient, light %, expected W: rated x (1 - (1 - light) / gradient), by hand.
        (100, "1", 100, 100.0), (100, "1", 50, 50.0), (100, "1", 0, 0.5), (100, "1.25", 100, 100.0),
        (100, "1.25", 50, 60.0), (100, "1.25", 1, 20.8), (42, "1.1", 100, 42.0), (42, "1.1", 45, 21.0),
        (42, "1.1", 0, 0.5), (1, "1", 10, 0.5), (80, "0.5", 50, 40.0),
    ])
    func `the power of a lamp follows its light`(rated: Int64, gradient: String, light: Int64, expected: Double) throws
    {
        let power = LampPower(rated: ExactDecimal(rated), gradient: try #require(ExactDecimal(gradient)))
        #expect(abs(power.expected(light: ExactDecimal(light)) - expected) < 1e-9)
    }

    @Test func `the load of a feeder is the sum of its lamps and what else it feeds`() {
        let large = LampPower(rated: ExactDecimal(100), gradient: ExactDecimal(1))
        let small = LampPower(rated: ExactDecimal(30), gradient: ExactDecimal(1))
        var load = ExpectedLoad(other: ExactDecimal(40))
        load.add(large, light: ExactDecimal(100))
        load.add(large, light: ExactDecimal(50))
        load.add(small, light: ExactDecimal(60))
        // 100 + 50 + 18 + 40; half of the smallest that burns is 9 W, 5 % of 208 W are 10.4 W.
        #expect(abs(load.total - 208) < 1e-9)
        #expect(abs(load.limit(percent: ExactDecimal(5)) - 10.4) < 1e-9)
        #expect(abs(load.limit(percent: ExactDecimal(1)) - 9) < 1e-9)
        #expect(load.lamps(worth: -50) == 1)
        #expect(load.lamps(worth: -112) == 2)
        // One that does not answer counts half and may be either.
        load.add(large, light: ExactDecimal(100), isCertain: false)
        #expect(abs(load.total - 258) < 1e-9)
        #expect(abs(load.limit(percent: ExactDecimal(5)) - 62.9) < 1e-9)
    }

    @Test func `of a dark feeder half the smallest lamp is the limit`() {
        var load = ExpectedLoad(other: .zero)
        load.add(LampPower(rated: ExactDecimal(42)), light: .zero)
        load.add(LampPower(rated: ExactDecimal(100)), light: .zero)
        #expect(abs(load.total - 1) < 1e-9)
        #expect(abs(load.limit(percent: ExactDecimal(5)) - 21) < 1e-9)
        #expect(load.lamps(worth: 50) == nil)
    }
}

extension LightingClock {
    /// The same time in another boot.
    func restarted(uptime: BootInstant) -> LightingClock {
        LightingClock(utc: utc, uptime: uptime, isTrusted: isTrusted)
    }
}
