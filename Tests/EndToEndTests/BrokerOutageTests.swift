import Glibc
import Telemetry
import TestSupport
import Testing

/// A broker that goes and comes back, and one that takes messages for nobody.
@Suite(.serialized)
struct BrokerOutageTests {
    private static func gateway(_ broker: Broker, _ field: Field, version: String) throws -> GatewayProcess {
        try GatewayProcess(
            Configurations.gateway(
                """
                buses:
                  meters: {driver: modbus, port: "tcp://\(try field.server())"}
                devices:
                  feeder: {bus: meters, address: 1, profile: eastron-sdm630, interval: 200ms, rating: 10000 A, points: [voltage.L1, frequency, active_energy_import]}
                """, broker: broker, uplink: ", version: \"\(version)\""))
    }

    @Test(arguments: ["5", "3.1.1"])
    func `what is read while the broker is away arrives when it is back`(_ version: String) async throws {
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker, version: version == "5" ? "5" : "311")
        let field = try await Field(["--meters", "1"])
        let gateway = try Self.gateway(broker, field, version: version)
        try await subscriber.reading("a reading") { $0.isGood }
        await broker.stop()
        let away = wallClock()
        try await Task.sleep(for: .seconds(3))
        let back = wallClock()
        try await broker.start()
        try await subscriber.reading("live again", within: .seconds(30)) { $0.moment > back + 0.5 }
        let backlog = try await subscriber.first("the backlog", within: .seconds(30)) {
            subscriber -> [ReceivedReading]? in
            let own = subscriber.readings(of: "feeder", "voltage.L1").filter { $0.moment > away && $0.moment < back }
            // 200 ms apart: fifteen polls fit into three seconds; some less on a machine that is busy.
            return own.count >= 8 ? own : nil
        }
        #expect(try await gateway.terminate() == 0)
        let ledger = Ledger(subscriber.messages)
        #expect(ledger.violations == [])
        #expect(subscriber.readings.allSatisfy { $0.isGood }, "the field knows nothing of brokers")
        #expect(gateway.log.contains { $0.contains("connected, MQTT \(version)") })
        print("MQTT \(version): \(backlog.count) polls of the outage delivered; \(ledger.figures)")
    }

    @Test
    func `readings that nobody subscribed to are kept until somebody does`() async throws {
        let broker = try await Broker()
        let field = try await Field(["--meters", "1"])
        let gateway = try Self.gateway(broker, field, version: "5")
        try await eventually("the alarm in the log") { gateway.log.contains { $0.contains("no_subscriber") } }
        // The first rows are refused and later ones wait: none of them may go. A second gives some of both.
        try await Task.sleep(for: .seconds(1))
        let alone = wallClock()
        let subscriber = try await Subscriber(broker)
        let alarms = try await subscriber.message("the alarm, retained", on: "alarms") { $0.retained }
        #expect(alarms.body["alarms"]?.items?.first?["kind"]?.text == "no_subscriber", "\(alarms.body)")
        try await subscriber.reading("readings from before anybody listened", within: .seconds(40)) {
            $0.moment < alone
        }
        let raised = try await subscriber.event("the alarm raised", within: .seconds(20)) {
            $0.kind == "no_subscriber" && $0.active == true
        }
        let cleared = try await subscriber.event("the alarm cleared", within: .seconds(20)) {
            $0.kind == "no_subscriber" && $0.active == false
        }
        #expect(raised.whole["id"] == cleared.whole["id"] && raised.severity == "alarm")
        try await subscriber.first("no active alarm", within: .seconds(20)) {
            $0.messages("alarms").last?.body["alarms"]?.items?.isEmpty == true ? true : nil
        }
        #expect(try await gateway.terminate() == 0)
        // From the very first sequence: nothing was taken for delivered.
        #expect(Ledger(subscriber.messages).violations == [])
        #expect(subscriber.messages.contains { $0.sequence == 1 && !$0.events.isEmpty })
    }
}
