import DriverProtocol
import FieldSimulator
import Telemetry
import Testing

@testable import DALIDriver

/// What a scan says of its time, against the time it takes.
struct ScanEstimateTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let interface: LampInterface
        let lamps: Int
        var configured = 0
        var interval: UInt64 = 60_000
        var testDescription: String { "\(interface.rawValue), \(lamps) lamps, \(configured) of them polled every \(interval) ms" }
    }

    static let rows: [Row] =
        LampInterface.allCases.flatMap { [Row(interface: $0, lamps: 0), Row(interface: $0, lamps: 12)] } + [
            Row(interface: .luba, lamps: 64), Row(interface: .luba, lamps: 64, configured: 64),
            Row(interface: .luba, lamps: 40, configured: 32, interval: 10_000),
        ]

    @Test(arguments: rows) func `a scan takes what it says, within a tenth`(_ row: Row) throws {
        let gear = SimulatedBus.lamps(row.lamps)
        let devices = Array(SimulatedBus.devices(gear, interval: row.interval).prefix(row.configured))
        let bus = SimulatedBus(
            gear: gear, interface: row.interface.rawValue, devices: devices,
            profilePoints: ["level", "on", "active_power"])
        try bus.start()
        // First readings and what the gear keeps.
        bus.run(for: .seconds(row.configured == 0 ? 1 : 180))
        let estimate = try #require(
            bus.perform("scan", DriverNode(json: ["estimate": .bool(true)]), atMost: .seconds(1)))
        let seconds = try #require(estimate.result.json["seconds"]?.number?.approximation)
        let each = try #require(estimate.result.json["each_gear_seconds"]?.number?.approximation)
        let predicted = seconds + each * Double(row.lamps - row.configured)
        let begun = bus.clock.now
        let done = try #require(bus.perform("scan", atMost: .seconds(400)))
        #expect(done.failure.isEmpty)
        let took = bus.clock.now.duration(since: begun).inSeconds
        print("scan, \(row.testDescription): predicted \(predicted) s, took \(took) s")
        #expect(abs(predicted - took) <= took / 10, "predicted \(predicted) s, took \(took) s")
    }
}
