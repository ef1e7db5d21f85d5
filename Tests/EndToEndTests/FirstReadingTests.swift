import Telemetry
import TestSupport
import Testing

/// How soon a head-end sees a gateway that was just started.
@Suite(.serialized)
struct FirstReadingTests {
    /// Generous against a debug build on a busy machine; scripts/bench measures the 2 s of a release build.
    private static let bound = Duration.seconds(15)

    @Test
    func `the first reading is at the broker soon after the start`() async throws {
        let broker = try await Broker()
        let subscriber = try await Subscriber(broker)
        let field = try await Field(["--meters", "1"])
        let began = ContinuousClock.now
        let gateway = try GatewayProcess(
            Configurations.gateway(
                """
                buses:
                  meters: {driver: modbus, port: "tcp://\(try field.server())"}
                devices:
                  feeder: {bus: meters, address: 1, profile: eastron-sdm630, interval: 1s, rating: 100 A}
                """, broker: broker))
        let first = try await subscriber.reading("a good reading", within: Self.bound) { $0.isGood }
        print("first reading \(first) after \(ContinuousClock.now - began)")
        #expect(first.n >= 1 && first.device == "feeder")
        #expect(try await gateway.terminate() == 0)
        #expect(subscriber.unreadable == [])
    }
}
