import Configuration
import DriverProtocol
import Logging
import Normalization
import Outbox
import Supervision
import Telemetry
import Uplinks

/// Keeps the retained documents of every uplink true: `/state`, `/devices`, `/alarms`.
actor Publisher {
    private let configuration: GatewayConfiguration
    private let devices: DeviceTable
    private let buses: BusDesk
    private let events: EventDesk
    private let outbox: Outbox
    private let state: StateStore
    private let clock: GatewayClock
    private let started: BootInstant
    private let notices: [String]
    private let locks: LockView
    private let log: Logger
    private var uplinks: [AssembledUplink] = []
    private(set) var revision: String?
    private var turns = PublishingTurns()
    private static let hashesKey = "devices.hashes"

    init(
        configuration: GatewayConfiguration, devices: DeviceTable, buses: BusDesk, events: EventDesk, outbox: Outbox,
        state: StateStore, clock: GatewayClock, started: BootInstant, notices: [String], locks: LockView,
        log: Logger
    ) {
        self.locks = locks
        self.configuration = configuration
        self.devices = devices
        self.buses = buses
        self.events = events
        self.outbox = outbox
        self.state = state
        self.clock = clock
        self.started = started
        self.notices = notices
        self.log = log
    }

    func use(_ uplinks: [AssembledUplink]) { self.uplinks = uplinks }

    /// What stands at the broker when this gateway is gone without a word.
    static func will(gateway: String, boot: String) -> [UInt8] {
        GatewayState(gateway: gateway, state: .offline, version: CandelaVersion.current, boot: boot).document()
    }

    /// `/state` as it is now.
    func stateDocument(_ word: GatewayState.State = .online, for uplink: String?) async -> [UInt8] {
        let clockStatus = clock.status()
        var buses: [GatewayState.Bus] = []
        for bus in configuration.buses {
            let list = await devices.devices(onBus: bus.name)
            let busState = await self.buses.state(bus.name)
            buses.append(
                GatewayState.Bus(
                    name: bus.name, driver: bus.driver, state: busState?.condition.rawValue ?? "starting",
                    devices: list.count,
                    devicesFailing: list.filter { $0.condition != .online }.count,
                    reason: busState.flatMap { $0.condition == .running ? nil : $0.detail }))
        }
        let stored = await outbox.status()
        let mine = stored?.uplinks.first { $0.name == uplink }
        return GatewayState(
            gateway: configuration.id, state: word, version: CandelaVersion.current, boot: clock.boot,
            since: clock.utc(started)?.time, devicesRevision: revision,
            clock: GatewayState.Clock(
                quality: clockStatus.quality, source: clockStatus.source,
                errorSeconds: clockStatus.error.map {
                    ExactDecimal(mantissa: $0.wholeMilliseconds, exponent: -3).normalized
                }),
            buses: buses,
            outbox: stored.map {
                GatewayState.Outbox(
                    stream: $0.stream, lastSequence: $0.lastSequence, oldestUnsent: mine?.oldestUnsentSequence,
                    batches: $0.stored.values.reduce(0) { $0 + $1.batches }, bytes: $0.bytesUsed,
                    limitBytes: $0.bytesLimit)
            },
            alarms: await events.alarms.count, readOnly: configuration.isReadOnly, notices: notices,
            extra: locks.all.isEmpty ? [] : [.init("locks", .array(locks.all.map(\.detail)))]
        ).document()
    }

    func publishState() async {
        guard turns.begin(.state) else { return }
        repeat {
            for uplink in uplinks {
                uplink.uplink.setDocument(.state, payload: await stateDocument(for: uplink.configuration.name))
            }
        } while turns.isAskedAgain(.state)
    }

    func publishAlarms() async {
        guard turns.begin(.alarms) else { return }
        repeat { await setAlarms() } while turns.isAskedAgain(.alarms)
    }

    private func setAlarms() async {
        let stored = await outbox.status()
        let alarms = await events.alarms.map { alarm in
            ActiveAlarms.Alarm(
                id: alarm.event.id, kind: alarm.event.kind, device: alarm.event.device, point: alarm.event.point,
                severity: alarm.event.severity, since: clock.utc(alarm.since)?.time, detail: alarm.event.detail)
        }
        let document = ActiveAlarms(
            gateway: configuration.id, stream: stored?.stream ?? "", sequence: stored?.lastSequence ?? 0, alarms: alarms
        )
        for uplink in uplinks {
            uplink.uplink.setDocument(.alarms, payload: document.document(selection: uplink.selection))
        }
    }

    /// Describes the devices anew; when anything changed, the documents are replaced and an event per changed device is told.
    func publishDevices() async {
        guard turns.begin(.devices) else { return }
        repeat { await setDevices() } while turns.isAskedAgain(.devices)
    }

    private func setDevices() async {
        var described: [DeviceDirectory.Device] = []
        for record in await devices.all where !record.points.isEmpty {
            described.append(Self.describe(record, configuration))
        }
        let directory = DeviceDirectory(gateway: configuration.id, devices: described)
        guard directory.revision != revision else { return }
        revision = directory.revision
        for uplink in uplinks {
            let selection = uplink.selection
            uplink.uplink.setDocument(.devices) { directory.document(selection: selection).payload }
        }
        await tellChanges(described, revision: directory.revision)
        await publishState()
    }

    private func tellChanges(_ described: [DeviceDirectory.Device], revision: String) async {
        var known: [String: String] = [:]
        if let bytes = try? await state.value(key: Self.hashesKey),
            case .object(let members)? = try? JSONValue(parsing: bytes)
        {
            for member in members { known[member.key] = member.value.text }
        }
        var changes: [Event] = []
        let now = clock.now()
        for device in described {
            let single = DeviceDirectory(gateway: configuration.id, devices: [device])
            guard known[device.name] != single.revision else { continue }
            known[device.name] = single.revision
            guard let document = try? JSONValue(parsing: single.document().payload),
                case .array(let list)? = document["devices"],
                let description = list.first
            else { continue }
            changes.append(
                Event(
                    kind: EventKind.devices, device: device.name, severity: .info,
                    detail: ["revision": .string(revision), "description": description], occurred: now))
        }
        guard !changes.isEmpty else { return }
        await outbox.append(events: changes)
        log.info("described \(changes.count) devices, revision \(revision)")
        let stored = JSONValue.object(known.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })
        do {
            try await state.put(key: Self.hashesKey, value: Array(stored.description.utf8))
        } catch {
            log.error("what was told of the devices could not be stored, so it is told again after a restart: \(error)")
        }
    }

    private static func describe(_ record: DeviceRecord, _ configuration: GatewayConfiguration)
        -> DeviceDirectory.Device
    {
        let device = record.configuration
        var extra: [JSONValue.Member] = [.init("address", .string(record.address))]
        if let rating = device.rating { extra.append(.init("rating", .string(rating.description))) }
        // Facts that a bill depends on; the driver names those in force, whether a person or the profile set them.
        let reserved = Set(extra.map(\.key) + ["windows", "window_tolerance", "privacy"])
        for fact in record.facts where !reserved.contains(fact.name) {
            extra.append(.init(fact.name, .string(fact.value)))
        }
        if let privacy = device.privacy { extra.append(.init("privacy", .string(privacy.rawValue))) }
        if !device.windows.isEmpty {
            extra.append(.init("windows", .array(device.windows.map(Self.describe))))
            extra.append(.init("window_tolerance", Self.seconds(device.windowTolerance)))
        }
        return DeviceDirectory.Device(
            name: device.name, was: device.was, bus: device.bus, driver: configuration.bus(device.bus)?.driver ?? "",
            profile: device.profile ?? "", profileVersion: record.profileVersion.isEmpty ? nil : record.profileVersion,
            labels: device.labels.map { .init($0.name, .string($0.value)) }, serial: record.serial,
            groups: device.groups,
            points: record.points, extra: extra)
    }

    private static func describe(_ window: WindowConfiguration) -> JSONValue {
        [
            "every": seconds(window.every), "points": .array(window.points.map(JSONValue.string)),
            "values": .array(window.values.map { .string($0.rawValue) }),
        ]
    }

    private static func seconds(_ duration: Duration) -> JSONValue {
        .number(ExactDecimal(mantissa: duration.wholeMilliseconds, exponent: -3).normalized)
    }
}
