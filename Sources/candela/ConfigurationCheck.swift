import Configuration
import DriverProtocol
import Logging
import Runtime
import Supervision

/// Everything that can be said of a configuration without touching the field.
struct ConfigurationCheck {
    /// What came of it.
    struct Outcome {
        let path: String
        let configuration: GatewayConfiguration?
        /// By place; each is said once.
        let diagnostics: [Diagnostic]

        var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

        /// One line for people.
        var summary: String {
            let errors = diagnostics.count { $0.severity == .error }
            let warnings = diagnostics.count - errors
            var counts: [String] = []
            if errors > 0 { counts.append(Formats.count(errors, "error")) }
            if warnings > 0 { counts.append(Formats.count(warnings, "warning")) }
            if errors > 0 { return "\(path): \(counts.joined(separator: ", "))" }
            guard let configuration else { return "\(path): it cannot be used" }
            let what = [
                Formats.count(configuration.devices.count, "device") + " on "
                    + Formats.count(configuration.buses.count, "bus", "buses"),
                Formats.count(configuration.uplinks.count, "uplink"),
            ]
            return "\(path): ok: \(what.joined(separator: ", "))" + (counts.isEmpty ? "" : "; \(counts[0])")
        }
    }

    private let keeper: ConfigurationKeeper

    init(_ keeper: ConfigurationKeeper) { self.keeper = keeper }

    func run() async -> Outcome {
        let load = keeper.load()
        let (catalog, manifestProblems) = keeper.catalog()
        var found = Set(load.diagnostics + manifestProblems)
        if let configuration = load.configuration {
            await withTaskGroup(of: [Diagnostic].self) { group in
                for bus in configuration.buses {
                    guard let manifest = catalog[bus.driver] else { continue }
                    group.addTask { await Self.ask(manifest, bus, configuration) }
                }
                for await said in group { found.formUnion(said) }
            }
        }
        return Outcome(path: keeper.path, configuration: load.configuration, diagnostics: found.sorted())
    }

    private static func ask(
        _ manifest: DriverManifest, _ bus: BusConfiguration, _ configuration: GatewayConfiguration
    ) async -> [Diagnostic] {
        do {
            let answer = try await DriverProbe.check(
                executable: DriverPrograms.path(of: manifest), manifestName: manifest.driver,
                workingDirectory: manifest.folder,
                configure: ConfigureMessage.make(for: bus, in: configuration, checkOnly: true),
                log: Logger(label: "driver", factory: { _ in SwiftLogNoOpLogHandler() }))
            let devices = configuration.devices(onBus: bus.name)
            let counting = answer.configured.devices.filter { $0.usable && $0.points.contains { $0.kind == .counter } }
            let names = counting.compactMap { device in
                Int(device.index) < devices.count ? devices[Int(device.index)].name : nil
            }
            return ConfigureMessage.diagnostics(of: answer.configured, bus: bus, in: configuration)
                + configuration.warningsAboutRatings(devicesWithCounters: names)
        } catch {
            return [
                Diagnostic(
                    .error, at: bus.position, "bus \(bus.name): its driver could not be asked: \(error)",
                    hint: "the rest was checked without it", subject: .bus(bus.name))
            ]
        }
    }
}
