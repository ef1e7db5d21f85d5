import Glibc
import Telemetry
import TestSupport
import Testing

/// What the head-end sees when a driver is killed while another bus works.
@Suite(.serialized)
struct DriverCrashTests {
    /// Issue and architecture: back within two seconds of the restart.
    private static let recovery = 2.0
    /// A poll of the other bus may be late by scheduling of a busy test machine, and no more.
    private static let pollInterval = 0.5

    @Test
    func `a killed driver costs its own bus a moment and the other bus nothing`() async throws {
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker)
        let field = try await Field()
        let gateway = try GatewayProcess(
            Configurations.gateway(
                """
                board: simulated
                buses:
                  meters: {driver: modbus, port: rs485-1, baud: 9600, parity: even}
                  network: {driver: modbus, port: "tcp://\(try field.server())"}
                devices:
                  pump: {bus: meters, address: 2, profile: eastron-sdm120, interval: 500ms, rating: 63 A, points: [voltage.L1, frequency, active_energy_import]}
                  station: {bus: network, address: 1, profile: eastron-sdm630, interval: 500ms, rating: 100 A, points: [voltage.L1, frequency]}
                """, broker: broker), field: field)
        try await subscriber.first("both buses deliver") { subscriber -> Bool? in
            subscriber.readings(of: "pump", "voltage.L1").filter(\.isGood).count >= 3
                && subscriber.readings(of: "station", "frequency").filter(\.isGood).count >= 3 ? true : nil
        }
        let victim = try #require(
            gateway.drivers.first { Self.holds($0.process, of: "/dev/pts/") }, "the driver of the serial bus")
        Glibc.kill(victim.process, SIGKILL)
        let event = try await subscriber.event("driver_restart") { $0.kind == "driver_restart" }
        #expect(event.detail["bus"]?.text == "meters" && event.severity == "warning", "\(event)")
        let bad = try await subscriber.reading("a bad reading") { $0.device == "pump" && $0.quality == "bad" }
        try await subscriber.reading("good again") { $0.device == "pump" && $0.isGood && $0.n > bad.n }
        // Enough of the other bus after the accident to see a poll that was missed.
        let polls = subscriber.readings(of: "station", "frequency").count
        try await subscriber.first("six further polls of the other bus") { subscriber -> Bool? in
            subscriber.readings(of: "station", "frequency").count >= polls + 6 ? true : nil
        }
        try Self.judge(pump: subscriber.readings(of: "pump"), killedAt: event.moment)
        Self.judge(station: subscriber.readings(of: "station", "frequency"))
        #expect(try await gateway.terminate() == 0)
        let reasons = Set(subscriber.readings.filter { !$0.isGood }.map { $0.reason ?? "" })
        #expect(reasons == ["communication"])
    }

    private static func judge(pump readings: [ReceivedReading], killedAt: Double) throws {
        for point in ["voltage.L1", "frequency", "active_energy_import"] {
            let own = readings.filter { $0.point == point }
            let bad = own.filter { !$0.isGood }
            #expect(bad.count == 1, "\(point) is bad once: \(bad)")
            #expect(bad.first?.quality == "bad" && bad.first?.reason == "communication" && bad.first?.value == .null)
            let lost = try #require(bad.first)
            let back = try #require(own.first { $0.isGood && $0.n > lost.n })
            let took = back.moment - killedAt
            print("driver killed: \(point) bad at +\(lost.moment - killedAt) s, good again at +\(took) s")
            #expect(took < recovery, "\(point) was away for \(took) s")
        }
    }

    private static func judge(station readings: [ReceivedReading]) {
        #expect(readings.allSatisfy { $0.isGood })
        let intervals = zip(readings.dropFirst(), readings).map { $0.moment - $1.moment }
        print("other bus: longest interval \(intervals.max() ?? 0) s of \(pollInterval) s, \(readings.count) polls")
        // A missed poll would make an interval of twice the length.
        #expect(intervals.allSatisfy { $0 < 2 * pollInterval - 0.1 }, "\(intervals)")
    }

    /// Whether a process has a file open whose path begins so.
    private static func holds(_ process: Int32, of path: String) -> Bool {
        TestFiles.names(in: "/proc/\(process)/fd").contains { name in
            var buffer = [CChar](repeating: 0, count: 4096)
            let length = readlink("/proc/\(process)/fd/\(name)", &buffer, buffer.count - 1)
            guard length > 0 else { return false }
            return String(decoding: buffer[0..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self).hasPrefix(path)
        }
    }
}
