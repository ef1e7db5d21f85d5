import Configuration
import Telemetry
import Testing

struct ExampleTests {
    static let folder = Fixtures.package + "/docs/examples"

    @Test(arguments: ["first", "city", "simulated"])
    func `a shipped example has no error and no warning`(name: String) throws {
        let result = load(Self.folder + "/\(name).yaml")
        #expect(result.diagnostics.isEmpty, "\(result.diagnostics)")
        #expect(result.disabled.isEmpty)
        #expect(result.configuration != nil)
    }

    @Test func `64 lamps and 30 meters fit in under 60 lines`() throws {
        let text = try #require(Fixtures.text(Self.folder + "/city.yaml"))
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count < 60)
        let configuration = try #require(load(Self.folder + "/city.yaml").configuration)
        #expect(configuration.devices.filter { $0.bus == "street" }.count == 64)
        #expect(configuration.devices.filter { $0.bus != "street" }.count == 30)
        #expect(configuration.uplink("city")?.selection?.devices.count == 64)
        #expect(configuration.uplink("utility")?.selection?.devices.count == 30)
        #expect(configuration.uplink("utility")?.commands == CommandPermission.none)
        #expect(configuration.device("flat-07")?.privacy == .household)
        #expect(configuration.device("flat-07")?.was == ["shop-front"])
    }

    @Test func `the simulated example is what scripts run`() throws {
        let result = ConfigurationLoader(environment: { $0 == "CANDELA_SIM_DIR" ? "/run/sim" : nil }).load(
            path: Self.folder + "/simulated.yaml", boards: [Fixtures.folder + "/boards"], drivers: Fixtures.drivers)
        let configuration = try #require(result.configuration)
        #expect(configuration.bus("meters")?.port.resolved == "/run/sim/rs485-1")
        #expect(configuration.bus("lamps")?.port.resolved == "/run/sim/rs232-1")
        #expect(
            configuration.devices(onBus: "meters").map { $0.options["address"]?.scalar } == ["1", "2", "3", "4", "5"])
        #expect(
            configuration.devices(inGroup: "north-side").map { $0.options["address"]?.scalar }
                == (0...7).map(String.init))
        #expect(configuration.profiles.count == 6)
        let url = try #require(configuration.uplink("head-end")?.url)
        #expect(url.description == "mqtt://127.0.0.1:1883")
    }

    @Test(arguments: ["first", "city", "simulated"])
    func `what is explained can be read again and means the same`(name: String) throws {
        let first = try #require(load(Self.folder + "/\(name).yaml").configuration)
        let again = load(yaml: first.explained())
        let second = try #require(again.configuration, "\(again.diagnostics)")
        #expect(again.diagnostics.isEmpty, "\(again.diagnostics)")
        #expect(second.explained() == first.explained())
        #expect(second.devices.map(\.name) == first.devices.map(\.name))
        #expect(second.devices.map(\.rating) == first.devices.map(\.rating))
        #expect(second.outbox == first.outbox)
        #expect(second.clock == first.clock)
        #expect(second.buses.map(\.port.resolved) == first.buses.map(\.port.resolved))
        let commented = load(yaml: first.explained(origin: true))
        #expect(commented.configuration?.explained() == first.explained())
    }

    @Test func `defaults are those of the documentation`() throws {
        let configuration = try #require(load(Self.folder + "/first.yaml").configuration)
        #expect(configuration.outbox.flush == .seconds(5))
        #expect(configuration.outbox.limit == 512_000_000)
        #expect(configuration.outbox.keepAcknowledged == .seconds(40 * 86_400))
        #expect(configuration.outbox.backlogRate == 5000)
        #expect(configuration.clock.sources == [.ntp, .rtc])
        #expect(configuration.clock.lightingError == .seconds(900))
        #expect(configuration.clock.billingError == .seconds(10))
        #expect(!configuration.isReadOnly)
        let uplink = try #require(configuration.uplinks.first)
        #expect(uplink.topic == "candela")
        #expect(uplink.version == .v5)
        #expect(uplink.requireSubscriber)
        #expect(uplink.commands == CommandPermission.none)
        #expect(uplink.selection == nil)
    }
}
