import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// What a person reads of a lamp.
struct LampQueryTests {
    static let points = ["level", "on", "active_power", "active_energy", "temperature", "led_failure_status", "identity"]

    static func read(
        _ bus: SimulatedBus, _ names: [String], atMost limit: Duration = .seconds(20)
    ) throws -> DriverQueryDone {
        var query = DriverQuery()
        query.device = 0
        query.points = names.compactMap { name in points.firstIndex(of: name).map(UInt32.init) }
        var done: DriverQueryDone?
        bus.engine.submit(query) { done = $0 }
        #expect(bus.run(atMost: limit) { done != nil })
        return try #require(done)
    }

    static func values(_ done: DriverQueryDone) throws -> [String: Sample] {
        let rows = try done.samples.rows(points: points.count)
        return Dictionary(uniqueKeysWithValues: rows.map { (points[$0.point], $0) })
    }

    static func bus(_ lamps: Int = 1, _ change: (inout GearDescription) -> Void = { _ in }) throws -> SimulatedBus {
        let bus = SimulatedBus(
            gear: SimulatedBus.lamps(lamps) { change(&$1) }, profilePoints: points)
        try bus.start()
        bus.run(for: .seconds(2))
        return bus
    }

    @Test func `what stands in the gear's memory is read when a person asks, not when it was due`() throws {
        let bus = try Self.bus()
        bus.run(for: .seconds(120))
        let begun = bus.clock.now
        let read = try Self.values(try Self.read(bus, ["active_power", "temperature"]))
        #expect(Set(read.keys) == ["active_power", "temperature"])
        for sample in read.values { #expect(sample.quality == .good && sample.acquired > begun) }
        let power = try #require(read["active_power"]?.value?.number?.approximation)
        #expect(abs(power - bus.gear("lamp-01").power(at: bus.clock.now)) < 0.5)
        // Priority 2, whose sender waits for no one else's poll: no poll of the lamp was needed.
        #expect(!bus.frames(since: begun).contains { $0.data == [0x01, 0x90] })
    }

    @Test func `without points all of the lamp is read`() throws {
        let read = try Self.values(try Self.read(try Self.bus(), []))
        #expect(Set(read.keys) == Set(Self.points))
        #expect(read.values.allSatisfy { $0.quality == .good }, "\(read)")
        guard case .text(let identity)? = read["identity"]?.value else { return #expect(Bool(false), "\(read)") }
        #expect(identity.hasPrefix("\(GearDescription.madeUpArticle)/"))
    }

    @Test func `what a gear does not have is said, and a gear that is not there is asked no more`() throws {
        let plain = try Self.bus { $0.isD4i = false }
        let read = try Self.values(try Self.read(plain, ["level", "active_power"]))
        #expect(read["level"]?.quality == .good && read["active_power"]?.quality == .bad(.notSupported))
        plain.gear("lamp-01").set(.silent, true, at: plain.clock.now)
        let before = plain.frames().count
        let done = try Self.read(plain, [])
        #expect(done.failure.contains("no answer"), "\(done.failure)")
        #expect(plain.frames().count - before < 6)
    }

    @Test func `a level for another lamp waits for no bank that is being read`() throws {
        let bus = try Self.bus(2)
        var query = DriverQuery()
        query.device = 0
        var isRead = false
        bus.engine.submit(query) { _ in isRead = true }
        bus.run(for: .milliseconds(700))
        let begun = bus.clock.now
        _ = bus.submit(1, value: .number(ExactDecimal(100)), priority: .schedule)
        let arrived = bus.run(atMost: .milliseconds(200)) { bus.bus.levelCommands.contains([2, 254]) }
        #expect(arrived && !isRead, "\(bus.clock.now.duration(since: begun))")
        #expect(bus.run(atMost: .seconds(20)) { isRead })
    }
}
