import Glibc
import Telemetry
import TestSupport
import Testing

/// What the head-end sees when the daemon is stopped in order, and when it is not.
@Suite(.serialized)
struct OrderlyStopTests {
    private static let interval = 0.2

    private static func configuration(_ broker: Broker, _ field: Field, flush: String) throws -> String {
        Configurations.gateway(
            """
            buses:
              meters: {driver: modbus, port: "tcp://\(try field.server())"}
            devices:
              feeder: {bus: meters, address: 1, profile: eastron-sdm630, interval: 200ms, rating: 10000 A, points: [voltage.L1, active_energy_import]}
            """, broker: broker, flush: flush)
    }

    @Test
    func `a stop by SIGTERM loses nothing and says so at the next start`() async throws {
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker)
        let field = try await Field(["--meters", "1"])
        // Far longer than the test: what arrives of the last seconds arrives because the stop stores and sends it.
        let gateway = try GatewayProcess(try Self.configuration(broker, field, flush: "1h"))
        try await subscriber.message("the bus runs", on: "devices") { $0.body["devices"]?.items?.isEmpty == false }
        // Two seconds of acquisition that the flush interval alone would not store for an hour.
        try await Task.sleep(for: .seconds(2))
        let stopped = wallClock()
        #expect(try await gateway.terminate() == 0)
        let last = try await subscriber.first("the stored readings") { $0.readings.last }
        print(
            "orderly stop: \(subscriber.readings.count) readings, the last \(stopped - last.moment) s before the signal"
        )
        #expect(stopped - last.moment < Self.interval + 0.5, "acquired and not delivered: \(last)")
        #expect(
            subscriber.readings.allSatisfy { $0.isGood },
            "a stop is no fault: \(subscriber.readings.filter { !$0.isGood })"
        )
        #expect(Self.gaps(subscriber.readings(of: "feeder", "voltage.L1")) < 3 * Self.interval)
        try await subscriber.message("the goodbye", on: "state") { $0.body["state"]?.text == "stopping" }
        #expect(subscriber.messages("state").last?.body["state"]?.text == "stopping")
        let committed = subscriber.messages.map(\.sequence).max()
        try gateway.start()
        let restart = try await subscriber.event("restart") { $0.kind == "restart" }
        #expect(restart.detail["orderly"] == true && restart.detail["loss_bound_seconds"]?.number == ExactDecimal(0))
        #expect(restart.detail["last_committed"]?.integer == committed)
        #expect(restart.detail["first"]?.integer == restart.sequence)
        try await subscriber.first("online again") {
            $0.messages("state").last?.body["state"]?.text == "online" ? true : nil
        }
        #expect(try await gateway.terminate() == 0)
        #expect(Ledger(subscriber.messages).violations == [])
    }

    @Test
    func `a daemon that is killed is announced by its will, and the restart states the loss bound`() async throws {
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker)
        let field = try await Field(["--meters", "1"])
        let gateway = try GatewayProcess(try Self.configuration(broker, field, flush: "300ms"))
        try await subscriber.reading("a reading") { $0.isGood }
        try await gateway.kill()
        try await subscriber.message("the will", on: "state") { $0.body["state"]?.text == "offline" }
        // Who comes later sees it too.
        let late = try await Subscriber(broker, topic: "candela/e2e/state", persistent: false, id: "late")
        let retained = try await late.message("the retained state", on: "state") { $0.retained }
        #expect(retained.body["state"]?.text == "offline" && retained.body["gateway"]?.text == "e2e")
        try gateway.start()
        let restart = try await subscriber.event("restart") { $0.kind == "restart" }
        #expect(
            restart.detail["orderly"] == false && restart.detail["loss_bound_seconds"]?.number == ExactDecimal("0.3"))
        try await late.first("online") { $0.messages("state").last?.body["state"]?.text == "online" ? true : nil }
        try await subscriber.reading("a reading after the restart") { $0.sequence > restart.sequence && $0.isGood }
        #expect(try await gateway.terminate() == 0)
        #expect(Ledger(subscriber.messages).violations == [])
    }

    @Test
    func `a stop while the broker is away keeps everything for the next start`() async throws {
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker)
        let field = try await Field(["--meters", "1"])
        let gateway = try GatewayProcess(try Self.configuration(broker, field, flush: "1h"))
        try await subscriber.message("the bus runs", on: "devices") { $0.body["devices"]?.items?.isEmpty == false }
        await broker.stop()
        try await Task.sleep(for: .seconds(3))
        let stopped = wallClock()
        #expect(try await gateway.terminate() == 0)
        #expect(wallClock() - stopped < 10, "a stop waits for no broker")
        try await broker.start()
        try gateway.start()
        let restart = try await subscriber.event("restart", within: .seconds(40)) { $0.kind == "restart" }
        let kept = subscriber.readings.filter { $0.sequence < restart.sequence }
        // Taken while the broker was away; a loaded machine may be late with the last of them.
        #expect(stopped - (kept.map { $0.moment }.max() ?? 0) < Self.interval + 2)
        #expect(restart.detail["orderly"] == true)
        #expect(try await gateway.terminate() == 0)
        #expect(Ledger(subscriber.messages).violations == [])
    }

    private static func gaps(_ readings: [ReceivedReading]) -> Double {
        zip(readings.dropFirst(), readings).map { $0.moment - $1.moment }.max() ?? 0
    }
}
