import ArgumentParser
import Configuration
import ControlProtocol
import DriverProtocol
import Glibc
import Runtime
import Supervision
import Telemetry

/// `read`, `write` and `lamp` without the daemon: the same checks, the driver started for the question alone.
struct DirectAccess {
    private let load: ConfigurationLoad
    private let configuration: GatewayConfiguration
    private let catalog: DriverCatalog

    init(_ options: SharedOptions) throws {
        let path = options.configurationPath
        if options.config == nil, access(path, R_OK) != 0 {
            throw CommandFailure(
                ExitStatus.daemonNotReachable,
                "no daemon is reachable at \(options.socketPath), and there is no \(path) to work without one",
                hint: "start the daemon, name its socket with --socket, or name the configuration with --config")
        }
        let keeper = options.keeper
        load = keeper.load()
        guard let configuration = load.configuration else {
            throw CommandFailure(
                ExitStatus.wrongUsage, load.errors.first?.description ?? "\(path) cannot be used",
                hint: "candela config check \(path) lists everything")
        }
        self.configuration = configuration
        catalog = keeper.catalog().catalog
        Output.complain("(no daemon: asking the device directly)")
    }

    // MARK: - Names

    /// - Throws: ``CommandFailure`` when the configuration has no such device.
    func checkKnown(_ name: String) throws { _ = try device(name) }

    private func device(_ name: String) throws -> DeviceConfiguration {
        if let device = configuration.device(name) { return device }
        if let part = load.disabled.first(where: { $0.part == .device(name) }) {
            throw CommandFailure(ExitStatus.wrongUsage, "\(part.position): \(name) is left out: \(part.reason)")
        }
        let nearest = NearestName.of(name, among: configuration.devices.map(\.name))
        throw CommandFailure(
            ExitStatus.wrongUsage, "there is no device \(name)",
            hint: nearest.map { "did you mean \($0)?" } ?? "candela config show lists them")
    }

    private func withDriver<Result>(
        of devices: [DeviceConfiguration], _ body: (DriverSession) async throws -> Result
    ) async throws -> Result {
        guard let name = devices.first?.bus, let bus = configuration.bus(name), let manifest = catalog[bus.driver]
        else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "bus \(devices.first?.bus ?? "") cannot be used",
                hint: "candela config check says why")
        }
        return try await DriverSession.with(
            bus: bus, devices: devices, in: configuration, manifest: manifest, body)
    }

    private func index(of device: DeviceConfiguration) -> UInt32 {
        UInt32(configuration.devices(onBus: device.bus).firstIndex { $0.name == device.name } ?? 0)
    }

    // MARK: - Reading

    func read(_ name: String, points: [String], household: Bool) async throws -> ControlReadings {
        let device = try device(name)
        guard device.privacy != .household || household else {
            throw CommandFailure(
                ExitStatus.wrongUsage, "\(name) is a household's: its values show how people live",
                hint: "ask for them with --household")
        }
        let index = index(of: device)
        return try await withDriver(of: [device]) { session in
            let known = try session.description(of: device, index: index).points.map(\.telemetry)
            var query = DriverQuery()
            query.device = index
            query.points = try points.map { point in
                guard let position = known.firstIndex(where: { $0.name == point }) else {
                    throw Self.unknown(point, of: name, known)
                }
                return UInt32(position)
            }
            let answer = await session.supervisor.query(query, within: DriverSession.readLimit)
            guard answer.failure.isEmpty else {
                throw CommandFailure(ExitStatus.noAnswer, "\(name) did not answer: \(answer.failure)")
            }
            var readings = ControlReadings()
            readings.device = name
            do {
                readings.values = try answer.samples.rows(points: known.count).map {
                    ControlPointValue($0, point: known[$0.point], time: DriverSession.wall($0.acquired))
                }
            } catch {
                throw CommandFailure(ExitStatus.failed, "the driver of \(name) answered nonsense: \(error)")
            }
            return readings
        }
    }

    private static func unknown(_ point: String, of device: String, _ known: [PointDescriptor]) -> CommandFailure {
        let nearest = NearestName.of(point, among: known.map(\.name))
        return CommandFailure(
            ExitStatus.wrongUsage, "\(device) has no point \(point)",
            hint: nearest.map { "did you mean \($0)?" } ?? "candela read \(device) shows them all")
    }

    // MARK: - Writing

    func write(_ name: String, point: String, value: String) async throws -> ControlResults {
        let device = try device(name)
        var results = ControlResults()
        if let refusal = refusal(device) {
            results.results = [refusal]
        } else {
            warnOfCalendar([device])
            results.results = [
                try await withDriver(of: [device]) { try await set(device, point, TypedValue.parse(value), in: $0) }
            ]
        }
        return results
    }

    func lamp(_ order: LampOrder) async throws -> ControlResults {
        let lamps = try targets(order.target)
        if order.action == "release" || order.span != nil {
            throw CommandFailure(
                ExitStatus.daemonNotReachable,
                order.action == "release"
                    ? "without the daemon no calendar rules the lamps: there is nothing to release them to"
                    : "without the daemon nobody ends an order after --for", hint: "start the daemon")
        }
        var level: (value: Value, unit: String?)?
        switch order.action {
        case "off": level = (.number(.zero), "%")
        case "max": level = (.number(ExactDecimal(100)), "%")
        case "set":
            guard let (parsed, unit) = TypedValue.parse(order.level), unit == nil || unit == "%", case .number = parsed
            else {
                throw CommandFailure(
                    ExitStatus.wrongUsage, "\"\(order.level)\" is no level",
                    hint: "write a percentage from 0 to 100: 60%")
            }
            level = (parsed, "%")
        default: break
        }
        warnOfCalendar(lamps)
        var results = ControlResults()
        results.results = lamps.compactMap(refusal)
        let allowed = lamps.filter { lamp in !results.results.contains { $0.device == lamp.name } }
        // One bus after the other; their order is that of the configuration.
        for bus in configuration.buses {
            let mine = allowed.filter { $0.bus == bus.name }
            if mine.isEmpty { continue }
            results.results += try await withDriver(of: mine) { session in
                var made: [ControlResult] = []
                for lamp in mine {
                    made.append(
                        level == nil
                            ? try await act(order.action, lamp, in: session)
                            : try await set(lamp, "level", level, in: session))
                }
                return made
            }
        }
        return results
    }

    private func targets(_ target: String) throws -> [DeviceConfiguration] {
        if let device = configuration.device(target) { return [device] }
        let members = configuration.devices(inGroup: target)
        guard members.isEmpty else { return members }
        let names = configuration.devices.map(\.name) + (configuration.lighting?.groups.map(\.name) ?? [])
        throw CommandFailure(
            ExitStatus.wrongUsage, "there is no lamp or group \(target)",
            hint: NearestName.of(target, among: names).map { "did you mean \($0)?" } ?? "candela config show lists them"
        )
    }

    /// The daemon's own rule: nothing is written to what is configured read_only.
    private func refusal(_ device: DeviceConfiguration) -> ControlResult? {
        if configuration.isReadOnly {
            return Self.result(
                device, "rejected", "readOnly: this gateway is configured read_only: it writes nothing to the field")
        }
        if configuration.bus(device.bus)?.isReadOnly == true {
            return Self.result(
                device, "rejected", "readOnly: bus \(device.bus) is configured read_only: nothing is written to it")
        }
        return nil
    }

    private func warnOfCalendar(_ devices: [DeviceConfiguration]) {
        let ruling = configuration.lighting?.groups.filter { $0.schedule != .none }.map(\.name) ?? []
        let ruled = devices.filter { !Set($0.groups).isDisjoint(with: ruling) }
        guard let first = ruled.first else { return }
        let others = ruled.count > 1 ? " and \(ruled.count - 1) more" : ""
        Output.complain(
            "(\(first.name)\(others): a calendar rules this in the daemon; without it none applies, and at its start the daemon commands the light anew)"
        )
    }

    private func set(
        _ device: DeviceConfiguration, _ point: String, _ typed: (value: Value, unit: String?)?,
        in session: DriverSession
    ) async throws -> ControlResult {
        let index = index(of: device)
        let description = try session.description(of: device, index: index)
        let known = description.points.map(\.telemetry)
        guard let position = known.firstIndex(where: { $0.name == point }) else {
            throw Self.unknown(point, of: device.name, known)
        }
        var command = DriverCommand()
        command.device = index
        command.action = "set"
        command.point = UInt32(position)
        command.priority = .person
        do throws(CommandCheck.Refusal) {
            command.value = DriverValue(try CommandCheck.value(typed?.value, unit: typed?.unit, for: known[position]))
        } catch {
            return Self.result(device, error.status.rawValue, error.reason)
        }
        let limit = description.isLamp ? DriverSession.lampLimit : DriverSession.writeLimit
        return Self.result(device, known[position].unit, await session.supervisor.command(command, within: limit))
    }

    private func act(_ action: String, _ device: DeviceConfiguration, in session: DriverSession) async throws
        -> ControlResult
    {
        let index = index(of: device)
        _ = try session.description(of: device, index: index)
        var command = DriverCommand()
        command.device = index
        command.action = action
        command.priority = .person
        return Self.result(device, "%", await session.supervisor.command(command, within: DriverSession.lampLimit))
    }

    private static func result(_ device: DeviceConfiguration, _ status: String, _ reason: String) -> ControlResult {
        var made = ControlResult()
        made.device = device.name
        made.status = status
        made.reason = reason
        return made
    }

    private static func result(_ device: DeviceConfiguration, _ unit: String, _ done: DriverCommandDone)
        -> ControlResult
    {
        let status: CommandResult.Status =
            switch done.outcome {
            case .verified: .verified
            case .applied: .applied
            case .rejected: .rejected
            case .expired: .expired
            case .failed, .noAnswer, .unspecified, .UNRECOGNIZED: .failed
            }
        var made = result(device, status.rawValue, done.reason)
        if done.outcome == .noAnswer { made.reason = "noAnswer" + (done.reason.isEmpty ? "" : ": \(done.reason)") }
        if done.hasReadBack {
            made.value = JSONValue(done.readBack.telemetry).description
            made.unit = unit
        }
        return made
    }
}
