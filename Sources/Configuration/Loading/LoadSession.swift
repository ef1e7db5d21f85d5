import Telemetry

/// One reading of a configuration, from the first byte to the last cross check.
final class LoadSession {
    static let sections = [
        "gateway", "board", "profiles", "clock", "buses", "devices", "lighting", "outbox", "uplinks", "include",
    ]

    private let boards: [String]
    private let drivers: DriverCatalog
    private let environment: @Sendable (String) -> String?
    private let collector = DiagnosticCollector()
    /// The configuration in force, section by section.
    private var effective: [YAMLEntry] = []

    init(environment: @escaping @Sendable (String) -> String?, boards: [String], drivers: DriverCatalog) {
        self.environment = environment
        self.boards = boards
        self.drivers = drivers
    }

    func load(path: String) -> ConfigurationLoad {
        let includes = IncludeResolver(collector: collector)
        guard let root = includes.load(path: path) else {
            return ConfigurationLoad(configuration: nil, diagnostics: collector.diagnostics.sorted(), disabled: [])
        }
        checkSections(root)
        let gateway = GatewayDecoding(collector: collector, root: root)
        let (identity, gatewayNode) = gateway.gateway()
        keep("gateway", root, gatewayNode)
        let board = board(root)
        let folders = profileFolders(root)
        let (clock, clockNode) = gateway.clock()
        keep("clock", root, clockNode)
        let buses = buses(root, board: board, isReadOnly: identity.isReadOnly)
        let (sources, devices) = devices(root, buses: buses)
        let profiles = ProfileLibrary(collector: collector, folders: folders, drivers: drivers)
        let lighting = lighting(root, hasLocation: identity.location != nil, devices: sources)
        let checks = CrossChecks(collector: collector)
        checks.check(buses: buses)
        checks.check(devices: devices, sources: sources)
        let sound = soundParts(buses: buses, devices: devices, sources: sources, profiles: profiles)
        let (outbox, outboxNode) = gateway.outbox()
        keep("outbox", root, outboxNode)
        let uplinks = uplinks(root, id: identity.id, devices: sound.devices, sources: sources, lighting: lighting)
        checks.check(lighting: lighting, devices: sound.devices, buses: sound.buses, isReadOnly: identity.isReadOnly)
        checks.check(
            watchdog: board?.lampWatchdog, lighting: lighting, devices: sound.devices, buses: sound.buses)
        let diagnostics = collector.diagnostics.sorted()
        guard !collector.isUnusable else {
            return ConfigurationLoad(configuration: nil, diagnostics: diagnostics, disabled: [])
        }
        let configuration = GatewayConfiguration(
            id: identity.id, location: identity.location, isReadOnly: identity.isReadOnly, board: board, clock: clock,
            buses: sound.buses, devices: sound.devices, profiles: profiles.documents, lighting: lighting,
            outbox: outbox,
            uplinks: uplinks.sound, profileFolders: folders, files: includes.files,
            effective: YAMLNode(.map(effective), at: root.position))
        let lamps = collector.failed.compactMap { part, diagnostic -> DisabledPart? in
            guard case .lighting = part else { return nil }
            return DisabledPart(part: part, position: diagnostic.position, reason: diagnostic.message)
        }
        let disabled = (sound.disabled + uplinks.disabled + lamps).sorted {
            ($0.position, "\($0.part)") < ($1.position, "\($1.part)")
        }
        return ConfigurationLoad(configuration: configuration, diagnostics: diagnostics, disabled: disabled)
    }

    private func keep(_ key: String, _ root: YAMLNode, _ value: YAMLNode) {
        effective.append(YAMLEntry(key: key, keyPosition: root.entry(key)?.keyPosition ?? .builtIn, value: value))
    }

    private func checkSections(_ root: YAMLNode) {
        for entry in root.entries ?? [] where !Self.sections.contains(entry.key) {
            collector.report(
                .error, at: entry.keyPosition,
                "unknown section \"\(ScalarParser.shown(entry.key))\"; expected a section that exists",
                hint: Spelling.hint(for: entry.key, among: Self.sections) ?? "sections: "
                    + Self.sections.joined(separator: ", "))
        }
    }

    // MARK: sections

    private func board(_ root: YAMLNode) -> Board? {
        guard let node = root["board"] else { return nil }
        keep("board", root, node)
        return BoardLoader(collector: collector, folders: boards, environment: environment).load(node)
    }

    private func profileFolders(_ root: YAMLNode) -> [String] {
        guard let node = root["profiles"], !node.isNull else { return [] }
        guard let items = node.items ?? (node.scalar == nil ? nil : [node]) else {
            collector.report(
                .error, at: node.position,
                "`profiles` is \(node.kindName); expected a list of folders such as [./profiles]")
            return []
        }
        var folders: [YAMLNode] = []
        for item in items {
            guard let text = item.scalar, !text.isEmpty else {
                collector.report(
                    .error, at: item.position, "`profiles` holds \(item.kindName); expected a folder such as ./profiles"
                )
                continue
            }
            let folder = Files.join(Files.folder(of: item.position.file), text)
            if !Files.exists(folder) {
                collector.report(
                    .warning, at: item.position,
                    "`profiles`: there is no folder \(ScalarParser.shown(folder, longest: ScalarParser.longestPath))")
            }
            folders.append(YAMLNode(.text(folder), at: item.position))
        }
        keep("profiles", root, YAMLNode(.list(folders), at: node.position))
        return folders.compactMap(\.scalar)
    }

    /// The entries of a section of names; one that is no map makes the file unusable.
    private func named(_ key: String, _ root: YAMLNode) -> [YAMLEntry] {
        guard let node = root[key], !node.isNull else { return [] }
        guard let entries = node.entries else {
            collector.report(.error, at: node.position, "`\(key)` is \(node.kindName); expected a map of names")
            return []
        }
        return entries
    }

    private func buses(_ root: YAMLNode, board: Board?, isReadOnly: Bool) -> [BusPart] {
        let decoding = BusDecoding(collector: collector, board: board, drivers: drivers, gatewayIsReadOnly: isReadOnly)
        let parts = named("buses", root).map { entry in
            let (bus, effective) = decoding.decode(entry)
            return BusPart(
                name: entry.key, position: entry.keyPosition, bus: bus, defaults: entry.value["defaults"],
                effective: effective)
        }
        keep("buses", root, YAMLNode(.map(parts.map(\.effective)), at: root["buses"]?.position ?? .builtIn))
        return parts
    }

    private func devices(_ root: YAMLNode, buses: [BusPart]) -> ([DeviceSource], [DeviceConfiguration?]) {
        var defaults: [String: YAMLNode] = [:]
        for bus in buses where bus.defaults?.entries != nil { defaults[bus.name] = bus.defaults }
        let sources = DeviceExpansion(collector: collector, defaults: defaults).expand(named("devices", root))
        let groups = root["lighting"]?["groups"]?.entries.map { $0.map(\.key) }
        let decoding = DeviceDecoding(
            collector: collector,
            buses: Dictionary(buses.map { ($0.name, $0.bus?.driver) }, uniquingKeysWith: { first, _ in first }),
            groups: groups?.isEmpty == true ? nil : groups, drivers: drivers)
        let parts = sources.map { decoding.decode($0) }
        keep("devices", root, YAMLNode(.map(parts.map(\.effective)), at: root["devices"]?.position ?? .builtIn))
        return (sources, parts.map(\.device))
    }

    private func lighting(_ root: YAMLNode, hasLocation: Bool, devices: [DeviceSource]) -> LightingConfiguration? {
        guard let entry = root.entry("lighting"), !entry.value.isNull else { return nil }
        let decoding = LightingDecoding(
            collector: collector, hasLocation: hasLocation, devices: Set(devices.map(\.name)))
        let (lighting, node) = decoding.decode(entry)
        keep("lighting", root, node)
        return lighting
    }

    private func uplinks(
        _ root: YAMLNode, id: String, devices: [DeviceConfiguration], sources: [DeviceSource],
        lighting: LightingConfiguration?
    ) -> (sound: [UplinkConfiguration], disabled: [DisabledPart]) {
        let groups = Set(devices.flatMap(\.groups) + (lighting?.groups.map(\.name) ?? []))
        let decoding = UplinkDecoding(
            collector: collector, gatewayID: id, devices: devices, deviceNames: sources.map(\.name),
            groupNames: groups.sorted(),
            busNames: named("buses", root).map(\.key))
        var sound: [UplinkConfiguration] = []
        var disabled: [DisabledPart] = []
        var writers: [String: String] = [:]
        var nodes: [YAMLEntry] = []
        for entry in named("uplinks", root) {
            let (uplink, effective) = decoding.decode(entry)
            nodes.append(effective)
            if let path = uplink?.file?.path {
                if let other = writers[path] {
                    collector.report(
                        .error, at: entry.keyPosition, title: "uplink \(entry.key)",
                        "writes the same file as uplink \(other); expected a `path` of its own", hint: nil,
                        subject: .uplink(entry.key))
                }
                writers[path] = entry.key
            }
            if let failure = collector.failed[.uplink(entry.key)] {
                disabled.append(
                    DisabledPart(part: .uplink(entry.key), position: entry.keyPosition, reason: failure.message))
            } else if let uplink {
                sound.append(uplink)
            }
        }
        keep("uplinks", root, YAMLNode(.map(nodes), at: root["uplinks"]?.position ?? .builtIn))
        return (sound, disabled)
    }

    // MARK: what is left to run

    private struct SoundParts {
        var buses: [BusConfiguration] = []
        var devices: [DeviceConfiguration] = []
        var disabled: [DisabledPart] = []
    }

    private func soundParts(
        buses: [BusPart], devices: [DeviceConfiguration?], sources: [DeviceSource], profiles: ProfileLibrary
    ) -> SoundParts {
        var parts = SoundParts()
        for part in buses {
            if let failure = collector.failed[.bus(part.name)] {
                parts.disabled.append(
                    DisabledPart(part: .bus(part.name), position: part.position, reason: failure.message))
            } else if let bus = part.bus {
                parts.buses.append(bus)
            }
        }
        for (source, device) in zip(sources, devices) {
            let reason = failure(of: source, device, buses: parts.buses, profiles: profiles)
            if let reason {
                parts.disabled.append(
                    DisabledPart(part: .device(source.name), position: source.position, reason: reason))
            } else if let device {
                parts.devices.append(device)
            }
        }
        // What never became a device: a range too long, a name that stands twice.
        let covered = Set(sources.flatMap(\.keys))
        for (part, failure) in collector.failed {
            guard case .device(let name) = part, !covered.contains(name) else { continue }
            parts.disabled.append(DisabledPart(part: part, position: failure.position, reason: failure.message))
        }
        return parts
    }

    /// Why a device cannot run; nil when it can.
    private func failure(
        of source: DeviceSource, _ device: DeviceConfiguration?, buses: [BusConfiguration], profiles: ProfileLibrary
    ) -> String? {
        let busName = device?.bus ?? source.merged["bus"]?.scalar ?? ""
        let bus = buses.first { $0.name == busName }
        var profileFailure: String?
        if let device, let bus, let profile = device.profile,
            !profiles.use(driver: bus.driver, name: profile, device: source)
        {
            profileFailure = collector.failed[.profile(driver: bus.driver, name: profile)]?.message
        }
        for key in source.keys {
            if let failure = collector.failed[.device(key)] { return failure.message }
        }
        if let profileFailure { return profileFailure }
        guard device != nil else { return "it has no bus" }
        return bus == nil ? "its bus \(busName) is disabled" : nil
    }
}

/// A bus as far as it was understood.
struct BusPart {
    let name: String
    let position: SourcePosition
    let bus: BusConfiguration?
    let defaults: YAMLNode?
    let effective: YAMLEntry
}
