import ArgumentParser
import CLinux
import Configuration
import DriverProtocol
import Logging
import Runtime
import Supervision
import Synchronization
import Telemetry

/// A driver that runs for one question and is gone afterwards.
struct DriverSession {
    let supervisor: DriverSupervisor
    let configured: DriverConfigured

    /// Greeting (5 s), configuration (10 s) and opening the port (15 s) may each take their longest.
    private static let startLimit: Duration = .seconds(31)
    /// A slow meter's largest block behind others on the bus; the same as the daemon's.
    static let readLimit: Duration = .seconds(15)
    /// A meter's write and read-back on a slow bus; the same as the daemon's.
    static let writeLimit: Duration = .seconds(15)
    /// The longest fade of a gear is 90.5 s (IEC 62386-102, fade time 15); the read-back waits for its end.
    static let lampLimit: Duration = .seconds(100)

    /// Starts the bus's driver for `devices` alone, and ends it when `body` is through, however that goes.
    static func with<Result>(
        bus: BusConfiguration, devices: [DeviceConfiguration], in configuration: GatewayConfiguration,
        manifest: DriverManifest, _ body: (DriverSession) async throws -> Result
    ) async throws -> Result {
        var configure = ConfigureMessage.make(for: bus, in: configuration)
        let names = Set(devices.map(\.name))
        configure.devices.removeAll { !names.contains($0.name) }
        let profiles = Set(configure.devices.map(\.profile))
        configure.profiles.removeAll { !profiles.contains($0.name) }
        return try await with(configure, title: bus.name, manifest, body)
    }

    /// The same for a bus as a whole, or a bare port.
    ///
    /// - Parameters:
    ///   - configureOnly: the port is not opened.
    ///   - sink: hears what the driver says by itself.
    static func with<Result>(
        _ bus: DirectBus, configureOnly: Bool, sink: any DriverSink = SilentSink(),
        _ body: (DriverSession) async throws -> Result
    ) async throws -> Result {
        try await with(bus.configure, title: bus.name, bus.manifest, configureOnly: configureOnly, sink: sink, body)
    }

    private static func with<Result>(
        _ configure: DriverConfigure, title: String, _ manifest: DriverManifest, configureOnly: Bool = false,
        sink: any DriverSink = SilentSink(), _ body: (DriverSession) async throws -> Result
    ) async throws -> Result {
        let keeper = SessionMemory(passing: sink)
        let supervisor = DriverSupervisor(
            bus: configure.bus, executable: DriverPrograms.path(of: manifest), manifestName: manifest.driver,
            workingDirectory: manifest.folder, configure: configure, configureOnly: configureOnly, hasLamps: false,
            log: Logger(label: "driver", factory: { _ in SwiftLogNoOpLogHandler() }), sink: keeper)
        keeper.tell(supervisor)
        await supervisor.start()
        let state = await supervisor.settled(within: startLimit)
        guard state.condition == .running, let configured = await supervisor.configured else {
            await supervisor.stop()
            let place = title == configure.port ? title : "bus \(title) (\(configure.port))"
            throw CommandFailure(
                ExitStatus.failed, "\(place): \(state.detail)",
                hint: "one program at a time uses a port; candela config check asks the drivers about the configuration"
            )
        }
        let result: Result
        do {
            result = try await body(DriverSession(supervisor: supervisor, configured: configured))
        } catch {
            await supervisor.stop()
            throw error
        }
        await supervisor.stop()
        return result
    }

    /// The device as its driver knows it.
    ///
    /// - Throws: ``CommandFailure`` with the driver's words when it cannot use it.
    func description(of device: DeviceConfiguration, index: UInt32) throws -> DriverDeviceDescription {
        guard let found = configured.devices.first(where: { $0.index == index }), found.usable else {
            let said = configured.diagnostics.first { $0.severity == .error && $0.name == device.name }
            throw CommandFailure(
                ExitStatus.wrongUsage,
                "\(device.position): \(device.name): \(said?.message ?? "its driver cannot use it as configured")")
        }
        return found
    }

    /// Wall time of a moment of the boot clock, as this machine's clock stands now.
    static func wall(_ instant: BootInstant) -> UTCInstant {
        UTCInstant(nanoseconds: candela_realtime_nanoseconds() - candela_boottime_nanoseconds() + instant.nanoseconds)
    }
}

/// What a driver wants remembered lives as long as the session: the supervisor gives it back to a driver that starts again. Said to
/// be stored at once, for there is no disk here to wait for; a commissioning would not go on without it.
private final class SessionMemory: DriverSink {
    private struct Weak: Sendable {
        weak var supervisor: DriverSupervisor?
    }

    private let listener: any DriverSink
    private let held = Mutex(Weak())

    init(passing listener: any DriverSink) { self.listener = listener }

    /// Whom to tell; set once the supervisor is made.
    func tell(_ supervisor: DriverSupervisor) { held.withLock { $0.supervisor = supervisor } }

    func driver(_ bus: String, didReport report: DriverReport) async {
        if case .remember(let memory) = report {
            await held.withLock { $0.supervisor }?.remembered(device: memory.device, key: memory.key)
        }
        await listener.driver(bus, didReport: report)
    }
}

/// Nobody listens: only the answer to the question counts.
struct SilentSink: DriverSink {
    func driver(_ bus: String, didReport report: DriverReport) async {}
}
