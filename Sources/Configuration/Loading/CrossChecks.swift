/// What no part can check alone.
struct CrossChecks {
    let collector: DiagnosticCollector

    /// A port has one owner.
    func check(buses: [BusPart]) {
        var owners: [String: BusPart] = [:]
        for part in buses {
            guard let bus = part.bus, bus.port.kind == .serial else { continue }
            if let owner = owners[bus.port.resolved] {
                collector.report(
                    .error, at: part.position, title: "bus \(part.name)",
                    "it uses \(bus.port.resolved), as bus \(owner.name) does at \(owner.position); expected a port of its own",
                    subject: .bus(part.name))
            } else {
                owners[bus.port.resolved] = part
            }
        }
    }

    /// Earlier names belong to one device, and to none of today's.
    func check(devices: [DeviceConfiguration?], sources: [DeviceSource]) {
        let names = Dictionary(sources.map { ($0.name, $0.position) }, uniquingKeysWith: { first, _ in first })
        var owners: [String: (device: String, position: SourcePosition)] = [:]
        for case let device? in devices {
            let places = device.merged["was"]?.items
            for (index, name) in device.was.enumerated() {
                let place =
                    places.flatMap { $0.indices.contains(index) ? $0[index].position : nil } ?? device.merged["was"]?
                    .position ?? device.position
                func report(_ text: String) {
                    collector.report(
                        .error, at: place, title: "device \(device.name)", text, subject: .device(device.name))
                }
                if let other = names[name] {
                    report(
                        "`was`: \"\(name)\" is the name of a device at \(other); expected a name that is no longer used"
                    )
                } else if let owner = owners[name] {
                    report(
                        "`was`: \"\(name)\" is also an earlier name of \(owner.device) at \(owner.position); expected it once"
                    )
                } else {
                    owners[name] = (device.name, place)
                }
            }
        }
    }

    /// What a board's lamp_watchdog names must be there: otherwise nothing drops the supply, and nobody knows.
    func check(
        watchdog: LampWatchdog?, lighting: LightingConfiguration?, devices: [DeviceConfiguration],
        buses: [BusConfiguration]
    ) {
        guard let watchdog, lighting != nil else { return }
        func report(_ text: String, hint: String?) {
            collector.report(.warning, at: watchdog.position, title: "lamp_watchdog", text, hint: hint)
        }
        let devices = devices.map(\.name)
        if case .point(let device, _) = watchdog.output, !devices.contains(device) {
            report(
                "there is no device \"\(ScalarParser.shown(device))\": nothing feeds the output, and the lamps' supply stays off",
                hint: Spelling.hint(for: device, among: devices))
        }
        for bus in watchdog.buses where !buses.contains(where: { $0.name == bus }) {
            report(
                "`buses` names \"\(ScalarParser.shown(bus))\", which is not there",
                hint: Spelling.hint(for: bus, among: buses.map(\.name)))
        }
    }

    func check(
        lighting: LightingConfiguration?, devices: [DeviceConfiguration], buses: [BusConfiguration], isReadOnly: Bool
    ) {
        guard let lighting else { return }
        let ruled = lighting.groups.filter { $0.schedule != .none }
        for device in devices {
            let schedules = ruled.filter { device.groups.contains($0.name) }
            if schedules.count > 1 {
                collector.report(
                    .warning, at: device.merged["groups"]?.position ?? device.position, title: "device \(device.name)",
                    "groups \(schedules.map(\.name).joined(separator: " and ")) both have a calendar; the first of them rules the lamp",
                    subject: .device(device.name))
            }
        }
        guard !ruled.isEmpty else { return }
        if isReadOnly {
            collector.report(
                .warning, at: lighting.position, title: "lighting",
                "`gateway.read_only` is true, so no lamp is switched or dimmed: LAMPS NOT CONTROLLED",
                hint: "set it per bus to keep only the meters from being written")
            return
        }
        for bus in buses where bus.isReadOnly {
            let lamps = devices.filter { device in
                device.bus == bus.name && ruled.contains { device.groups.contains($0.name) }
            }
            if !lamps.isEmpty {
                collector.report(
                    .warning, at: bus.position, title: "bus \(bus.name)",
                    "`read_only` is true and \(lamps.count) lamps of it have a calendar: LAMPS NOT CONTROLLED",
                    subject: .bus(bus.name))
            }
        }
    }
}
