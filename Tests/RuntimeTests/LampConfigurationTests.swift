import Configuration
import DriverProtocol
import Outbox
import Telemetry
import TestSupport
import Testing

@testable import Runtime

/// What a driver is told of lamps, what a board says of their watchdog, and who waits before connecting.
struct LampConfigurationTests {
    private static func load(_ watchdog: String = "", devices: String = "") -> ConfigurationLoad {
        let folder = TemporaryFolder()
        folder.write(
            "boards/test.yaml",
            "board: test\nports: {rs232-1: {path: /dev/null, kind: rs232}}\n"
                + (watchdog.isEmpty ? "" : "lamp_watchdog: \(watchdog)\n"))
        let path = folder.write(
            "gateway.yaml",
            """
            gateway: {id: g1, location: {latitude: 51.4508, longitude: 6.7339, timezone: Etc/UTC}}
            board: test
            buses: {lamps: {driver: dali, port: rs232-1, interface: luba, defaults: {profile: dali-luminaire}}}
            devices:
              lamp-1: {bus: lamps, address: 0, groups: [yard, north]}
              lamp-2: {bus: lamps, address: 1, groups: [yard]}
            lighting:
              programs: {always: {steps: [{at: "00:00", level: 50%}]}}
              calendars: {standard: {default: always}}
              groups: {yard: {}, north: {calendar: standard, fallback: 60%}}
            """ + "\n" + devices)
        let catalog = DriverCatalog.discover(folders: [Project.root + "/Drivers"]).catalog
        return ConfigurationLoader().load(path: path, boards: [folder("boards")], drivers: catalog)
    }

    @Test func `a driver is told each lamp's fallback and groups`() throws {
        let configuration = try #require(Self.load().configuration)
        let bus = try #require(configuration.bus("lamps"))
        let devices = ConfigureMessage.make(for: bus, in: configuration).devices
        #expect(devices.map(\.fallbackPercent) == ["60", ""])
        #expect(devices.map(\.groups) == [["yard", "north"], ["yard"]])
    }

    @Test func `a board without a watchdog is said to leave lamps at their last level`() throws {
        let configuration = try #require(Self.load().configuration)
        #expect(configuration.board?.lampWatchdog == nil)
        #expect(
            NightShift.notes(of: configuration).first?.hasPrefix("lamps hold their last level if the gateway fails")
                == true)
    }

    @Test func `a board names what drops the lamps' supply`() throws {
        let configuration = try #require(Self.load("{path: /sys/class/gpio/gpio17/value, every: 2s}").configuration)
        let watchdog = try #require(configuration.board?.lampWatchdog)
        #expect(watchdog.output == .path("/sys/class/gpio/gpio17/value") && watchdog.every == .seconds(2))
        #expect(watchdog.feed == ["1", "0"])
        #expect(NightShift.notes(of: configuration).first?.contains("gpio17") == true)
        let relay = try #require(Self.load("{device: lamp-1, point: level}").configuration?.board?.lampWatchdog)
        #expect(relay.output == .point(device: "lamp-1", point: "level") && relay.feed == ["1"])
    }

    @Test(arguments: [
        ("{every: 5s}", "is needed"), ("{path: gpio17}", "no whole path"), ("{path: /a, every: 5}", "every"),
        ("{path: /a, evry: 5s}", "evry"), ("{path: /a, device: lamp-1, point: level}", "is needed"),
    ])
    func `a mistake in the watchdog is named and costs nothing else`(text: String, said: String) throws {
        let load = Self.load(text)
        #expect(load.errors.contains { "\($0)".contains(said) }, "\(load.diagnostics)")
        #expect(load.configuration?.devices.count == 2)
    }

    @Test(arguments: ["{device: nobody, point: output}", "{path: /a, buses: [lmaps]}"])
    func `a watchdog that names what is not there is warned of`(text: String) throws {
        let load = Self.load(text)
        #expect(
            load.errors.isEmpty && load.diagnostics.contains { "\($0)".contains("lamp_watchdog") },
            "\(load.diagnostics)")
    }

    @Test func `only the first start after a boot spreads its connection`() async throws {
        let folder = TemporaryFolder()
        let state = try await StateStore.open(path: folder("state.sqlite"))
        let first = await ConnectSpread.since(boot: "a", state: state)
        let again = await ConnectSpread.since(boot: "a", state: state)
        let next = await ConnectSpread.since(boot: "b", state: state)
        await state.close()
        let delays = [first, again, next].map { $0.delay(.seconds(100), random: 0.25) }
        #expect(delays == [.seconds(25), .zero, .seconds(25)])
    }
}
