import Configuration
import DriverProtocol
import Telemetry
import TestSupport
import Testing

@testable import Runtime

/// What a driver is told of windows and registers, and what is said of windows that do not fit.
struct ConfigureMessageTests {
    private static func configuration(_ device: String) throws -> GatewayConfiguration {
        let folder = TemporaryFolder()
        let path = folder.write(
            "gateway.yaml",
            """
            gateway: {id: g1}
            buses: {meters: {driver: modbus, port: "tcp://127.0.0.1:1"}}
            devices: {feeder: {bus: meters, address: 1, profile: eastron-sdm630, rating: 63 A, \(device)}}
            """ + "\n")
        let catalog = DriverCatalog.discover(folders: [Project.root + "/Drivers"]).catalog
        let load = ConfigurationLoader().load(path: path, boards: [], drivers: catalog)
        #expect(load.errors.isEmpty, "\(load.errors)")
        return try #require(load.configuration)
    }

    private static func requests(_ device: String) throws -> [String: DriverPointRequest] {
        let configuration = try configuration(device)
        let bus = try #require(configuration.buses.first)
        let message = ConfigureMessage.make(for: bus, in: configuration)
        let points = try #require(message.devices.first).points
        return Dictionary(points.map { ($0.point, $0) }, uniquingKeysWith: { first, _ in first })
    }

    @Test func `a register is read at each end of its periods, and at what divides several`() throws {
        let points = try Self.requests(
            """
            points: {active_energy_import: {raw: true, interval: 5s}, frequency: false}, windows: [
              {every: 15min, points: [active_energy_import, active_energy_export]},
              {every: 10min, points: [active_energy_import]},
              {every: 15min, points: [active_power], values: [average, maximum]}]
            """)
        #expect(points["active_energy_import"]?.boundaryMs == 300_000)
        #expect(points["active_energy_import"]?.raw == true && points["active_energy_import"]?.intervalMs == 5000)
        #expect(points["active_energy_export"]?.boundaryMs == 900_000)
        #expect(points["active_energy_export"]?.raw == false)
        // An average needs no reading at a boundary.
        #expect(points["active_power"] == nil)
        #expect(points["frequency"]?.excluded == true)
    }

    @Test func `a device without windows asks for nothing at boundaries`() throws {
        #expect(try Self.requests("points: {active_power: {interval: 1s}}").values.allSatisfy { $0.boundaryMs == 0 })
    }

    struct Misfit: Sendable, CustomTestStringConvertible {
        let window: String
        let said: String
        var testDescription: String { window }
    }

    @Test(arguments: [
        Misfit(
            window: "{every: 15min, points: [active_energy_improt]}", said: "did you mean \"active_energy_import\"?"),
        Misfit(
            window: "{every: 15min, points: [active_energy_import], values: [average]}",
            said: "average of active_energy_import: a counter only rises; expected register"),
        Misfit(
            window: "{every: 15min, points: [serial_number]}", said: "register of serial_number: a text has no windows"),
    ])
    func `a window that does not fit the device is an error at its place`(_ misfit: Misfit) throws {
        let configuration = try Self.configuration("windows: [\(misfit.window)]")
        let device = try #require(configuration.device("feeder"))
        let points = [
            PointDescriptor(name: "active_energy_import", kind: .counter, unit: "kW.h"),
            PointDescriptor(name: "serial_number", kind: .text, unit: ""),
        ]
        let found = BillingCheck.diagnostics(of: device, points: points)
        let only = try #require(found.first)
        #expect(found.count == 1 && only.severity == .error && only.subject == .device("feeder"))
        #expect(only.line == 3 && only.column > 60, "\(only)")
        #expect(only.description.contains(misfit.said), "\(only)")
    }

    @Test func `a household without windows is warned about, with what to write`() throws {
        let device = try #require(try Self.configuration("privacy: household").device("feeder"))
        let points = [PointDescriptor(name: "active_energy_import", kind: .counter, unit: "kW.h")]
        let found = BillingCheck.diagnostics(of: device, points: points)
        #expect(found.map(\.severity) == [.warning] && found[0].hint?.contains("windows:") == true, "\(found)")
        let with = try Self.configuration(
            "privacy: household, windows: [{every: 15min, points: [active_energy_import]}]")
        let sound = try #require(with.device("feeder"))
        #expect(sound.windowsOnly && BillingCheck.diagnostics(of: sound, points: points).isEmpty)
    }
}
