import CLinux
public import Configuration
import ControlProtocol
import DriverProtocol
import Glibc
import Lighting
public import Logging
import Outbox
import Supervision
import Telemetry
import Uplinks

/// Where a gateway finds and keeps its things.
public struct GatewayPlaces: Sendable {
    public var configuration: String
    public var stateDirectory: String
    public var socket: String
    public var driverFolders: [String]
    public var boardFolders: [String]
    /// Members of this group may use the control socket.
    public var group: String

    public init(
        configuration: String, stateDirectory: String, socket: String, driverFolders: [String], boardFolders: [String],
        group: String = "candela"
    ) {
        self.configuration = configuration
        self.stateDirectory = stateDirectory
        self.socket = socket
        self.driverFolders = driverFolders
        self.boardFolders = boardFolders
        self.group = group
    }
}

/// Why a gateway did not start.
public enum GatewayStartFailure: Error, Sendable {
    /// Neither the file nor a last good one can be used.
    case configuration([Diagnostic])
    /// Another daemon runs, or a folder cannot be written.
    case place(String)
}

/// The whole gateway: built once from its configuration, run, and stopped without losing anything.
public actor Gateway {
    /// `/state` is sent anew at least this often, so that a head-end can tell a live gateway from a hung one.
    private static let stateInterval: Duration = .seconds(60)
    /// How often the clock is looked at and the watchdog is fed.
    private static let pulseInterval: Duration = .seconds(1)
    /// A stop waits this long for acknowledgements: a modem's round trip several times over, and no service manager gets impatient.
    private static let drainLimit: Duration = .seconds(3)
    /// Descriptions of devices settle this long before they are told: at a start all buses come up at once.
    private static let descriptionPause: Duration = .milliseconds(500)

    private let configuration: GatewayConfiguration
    private let clock: GatewayClock
    private let storage: GatewayStorage
    private let events: EventDesk
    private let devices: DeviceTable
    private let buses: BusDesk
    private let night: NightShift
    private let router: CommandRouter
    private let publisher: Publisher
    private let report: StatusReport
    private let uplinks: [AssembledUplink]
    private let senders = CommandSenders()
    private let control: ControlServer
    private let notifier = ServiceNotifier()
    private let log: Logger
    private let choice: ConfigurationKeeper.Choice
    /// Lighting and command intake.
    private var tasks: [Task<Void, Never>] = []
    /// They end by themselves when their uplink has said goodbye.
    private var pumps: [Task<Void, Never>] = []
    /// Documents, clock, watchdog: they end first.
    private var housekeeping: [Task<Void, Never>] = []
    private var lastClock: ClockStatus?

    // MARK: - Building

    /// Loads the configuration, opens what must be open, and starts everything.
    public static func start(_ places: GatewayPlaces, log: Logger) async throws(GatewayStartFailure) -> Gateway {
        signal(SIGPIPE, SIG_IGN)
        SmallFile.makeFolder(places.stateDirectory)
        let keeper = ConfigurationKeeper(
            path: places.configuration, driverFolders: places.driverFolders, boardFolders: places.boardFolders)
        var choice: ConfigurationKeeper.Choice
        do {
            choice = try keeper.choose(stateDirectory: places.stateDirectory)
            choice.dropTrees()
        } catch {
            throw .configuration(error.diagnostics)
        }
        for diagnostic in choice.refused + choice.load.diagnostics {
            diagnostic.severity == .error ? log.error("\(diagnostic)") : log.warning("\(diagnostic)")
        }
        let gateway = try await Gateway(places, choice, keeper.catalog().catalog, log)
        await gateway.begin()
        return gateway
    }

    private init(
        _ places: GatewayPlaces, _ choice: ConfigurationKeeper.Choice, _ catalog: DriverCatalog, _ log: Logger
    ) async throws(GatewayStartFailure) {
        let configuration = choice.configuration
        self.configuration = configuration
        self.choice = choice
        self.log = log
        clock = GatewayClock(
            policy: ClockPolicy(
                sources: Set(configuration.clock.sources.map(\.rawValue)),
                lightingError: configuration.clock.lightingError,
                driftPartsPerMillion: configuration.clock.driftPartsPerMillion))
        let started = clock.now()
        storage = try await GatewayStorage.open(
            configuration.outbox, stateDirectory: places.stateDirectory, boot: clock.boot, log: log)
        let outbox = storage.outbox
        let journal = EventJournal(state: storage.state, clock: clock, log: log)
        let households = Set(configuration.devices.filter { $0.privacy == .household }.map(\.name))
        let locks = LockView(configuration: configuration)
        events = EventDesk(
            households: households, outbox: outbox, journal: journal, locks: locks, clock: clock, log: log)
        buses = BusDesk()
        let plans = NightShift.Plans(of: configuration, log: log)
        devices = DeviceTable(
            configuration: configuration, outbox: outbox, buses: buses, events: events, clock: clock,
            news: plans.news, log: log)
        night = NightShift(
            plans, configuration: configuration, devices: devices, buses: buses, events: events, state: storage.state,
            locks: locks, clock: clock, log: log)
        router = CommandRouter(
            configuration: configuration, devices: devices, buses: buses, night: night, events: events,
            outbox: outbox, state: storage.state, clock: clock, log: log)
        let note = Self.note(choice)
        let warnings = Self.warnings(configuration) + storage.warnings
        publisher = Publisher(
            configuration: configuration, devices: devices, buses: buses, events: events, outbox: outbox,
            state: storage.state, clock: clock, started: started, notices: (note.isEmpty ? [] : [note]) + warnings,
            locks: locks, log: log)
        report = StatusReport(
            configuration: configuration, disabled: choice.load.disabled, note: note, warnings: warnings,
            devices: devices, buses: buses, night: night, events: events, outbox: outbox, clock: clock,
            started: started, outboxPath: storage.path)
        uplinks = Self.assemble(configuration, outbox, events, publisher, clock, senders, places.stateDirectory, log)
        let traces = TraceDesk(configuration: configuration)
        let service = ControlService(
            configuration: configuration, devices: devices, router: router, buses: buses, report: report,
            night: night, events: events, journal: journal, traces: traces, clock: clock, catalog: catalog)
        do {
            control = try ControlServer(path: places.socket, group: places.group) { request, peer, send in
                await service.answer(request, peer, send)
            }
        } catch {
            await storage.close()
            throw .place("\(error)")
        }
        if let note = control.note { log.notice("control socket: \(note)") }
        let sink = GatewaySink(
            configuration: configuration, devices: devices, buses: buses, night: night, news: plans.news,
            events: events, state: storage.state, traces: traces, clock: clock, log: log)
        await addSupervisors(catalog, lamps: Set(plans.plan?.lamps ?? []), sink)
    }

    private func addSupervisors(_ catalog: DriverCatalog, lamps: Set<String>, _ sink: GatewaySink) async {
        for bus in configuration.buses {
            guard let manifest = catalog[bus.driver] else { continue }
            let memories = (try? await storage.state.memories(bus: bus.name)) ?? []
            let configure = ConfigureMessage.make(
                for: bus, in: configuration, memories: memories.map { ConfigureMessage.memory($0) })
            let ruled = configuration.devices(onBus: bus.name).contains { lamps.contains($0.name) }
            await buses.add(
                DriverSupervisor(
                    bus: bus.name, executable: DriverPrograms.path(of: manifest), manifestName: manifest.driver,
                    workingDirectory: manifest.folder, configure: configure, hasLamps: ruled, log: log, sink: sink))
        }
    }

    private static func assemble(
        _ configuration: GatewayConfiguration, _ outbox: Outbox, _ events: EventDesk, _ publisher: Publisher,
        _ clock: GatewayClock, _ senders: CommandSenders, _ stateDirectory: String, _ log: Logger
    ) -> [AssembledUplink] {
        let will = Publisher.will(gateway: configuration.id, boot: clock.boot)
        return configuration.uplinks.compactMap { uplink in
            do {
                let settings = try UplinkAssembly.settings(
                    of: uplink, gateway: configuration.id, will: will, stateDirectory: stateDirectory)
                guard let kind = UplinkFactory.kind(named: settings.type),
                    let encoding = UplinkFactory.encoding(named: uplink.encoding.rawValue)
                else { return nil }
                let selection = UplinkAssembly.selection(of: uplink, in: configuration)
                let made = try kind.make(settings, log) { clock.utc(clock.now())?.time }
                let pump = UplinkPump(
                    uplink: made, encoding: encoding, outbox: outbox, events: events, log: log,
                    makeContext: {
                        EncodingContext(
                            gateway: configuration.id, devicesRevision: await publisher.revision, devices: selection,
                            isOwnCommand: { senders.uplink(of: $0) == uplink.name }
                        ) { instant, boot in
                            guard let (time, quality) = clock.utc(instant, boot: boot) else {
                                return ResolvedTime(utc: nil, quality: .unsynchronised)
                            }
                            return ResolvedTime(utc: time, quality: quality)
                        }
                    })
                return AssembledUplink(configuration: uplink, uplink: made, pump: pump, selection: selection)
            } catch {
                log.error("\(uplink.position): uplink \(uplink.name) is left out: \(error)")
                return nil
            }
        }
    }

    private static func note(_ choice: ConfigurationKeeper.Choice) -> String {
        if let first = choice.refused.first {
            return "THE LAST GOOD CONFIGURATION RUNS: the file cannot be used, \(first)"
        }
        guard !choice.load.disabled.isEmpty else { return "" }
        let parts = choice.load.disabled.prefix(5).map { "\($0.part)" }.joined(separator: ", ")
        let more = choice.load.disabled.count > 5 ? " and \(choice.load.disabled.count - 5) more" : ""
        return "left out because of errors in the configuration: \(parts)\(more); candela config check names them"
    }

    private static func warnings(_ configuration: GatewayConfiguration) -> [String] {
        guard let lighting = configuration.lighting, lighting.groups.contains(where: { $0.schedule != .none }) else {
            return []
        }
        if configuration.isReadOnly { return ["LAMPS NOT CONTROLLED: the gateway is read_only, calendars do nothing"] }
        return configuration.buses.filter { bus in
            bus.isReadOnly && configuration.devices(onBus: bus.name).contains { !$0.groups.isEmpty }
        }.map { "LAMPS NOT CONTROLLED: bus \($0.name) is read_only, calendars do nothing there" }
    }

    // MARK: - Running

    private func begin() async {
        let now = clock.now()
        await recallClock()
        for uplink in uplinks { await register(uplink.configuration.name) }
        do {
            try await storage.outbox.keepOnly(uplinks: uplinks.map(\.configuration.name))
        } catch {
            log.error("cursors of removed uplinks stay: \(error)")
        }
        await publisher.use(uplinks)
        await report.use(uplinks)
        await events.tell(await storage.outbox.opening.events(occurred: now, flush: configuration.outbox.flush))
        await rename()
        await devices.restore()
        let interrupted = await storage.state.opening.interrupted
        await router.reportInterrupted(interrupted)
        await raiseStandingAlarms()
        // Lighting first: it needs none of what follows.
        tasks += await night.begin(forgetting: interrupted.map(\.id))
        await buses.tell(clock: clock.status())
        for supervisor in await buses.all { await supervisor.start() }
        tasks.append(Task { [devices] in await devices.run() })
        let spread = await ConnectSpread.since(boot: clock.boot, state: storage.state)
        for uplink in uplinks {
            let delay = spread.delay(uplink.configuration.connectSpread)
            pumps.append(Task { await uplink.pump.run(after: delay) })
            tasks.append(Task { await self.takeCommands(of: uplink) })
        }
        housekeeping.append(Task { await self.keepState() })
        housekeeping.append(Task { await self.keepAlarms() })
        housekeeping.append(Task { await self.keepDevices() })
        housekeeping.append(Task { await self.pulse() })
        housekeeping.append(Task { await GatewayMemory.keepTrimmed() })
        notifier.ready("\(configuration.devices.count) devices on \(configuration.buses.count) buses")
        log.notice(
            "gateway \(configuration.id) runs: \(configuration.devices.count) devices on \(configuration.buses.count) buses, \(uplinks.count) uplinks"
        )
    }

    private func register(_ uplink: String) async {
        do {
            try await storage.outbox.register(uplink: uplink)
        } catch {
            log.error("uplink \(uplink) has no cursor and gets nothing: \(error)")
        }
    }

    private func rename() async {
        let known = await storage.outbox.status()?.lastN ?? [:]
        for device in configuration.devices {
            for old in device.was where known[old] != nil && known[device.name] == nil {
                do {
                    try await storage.outbox.rename(device: old, to: device.name)
                    await events.tell(
                        Event(
                            kind: EventKind.renamed, device: device.name, severity: .info,
                            detail: ["was": .string(old)],
                            occurred: clock.now()))
                } catch {
                    log.error("\(device.position): \(old) could not be renamed to \(device.name): \(error)")
                }
            }
        }
    }

    private func raiseStandingAlarms() async {
        if choice.runsLastGood || !choice.load.disabled.isEmpty {
            let messages = (choice.refused + choice.load.errors).prefix(20).map { JSONValue.string($0.description) }
            await events.raise(
                "configuration", kind: EventKind.configuration,
                detail: [
                    "last_good": .bool(choice.runsLastGood), "messages": .array(Array(messages)),
                    "disabled": .array(choice.load.disabled.map { .string($0.part.description) }),
                ])
        }
        for (index, warning) in Self.warnings(configuration).enumerated() {
            await events.raise(
                "lamps_not_controlled" + (index == 0 ? "" : ":\(index + 1)"), kind: EventKind.lampsNotControlled,
                severity: .alarm, detail: ["detail": .string(warning)])
        }
        for warning in storage.warnings {
            await events.raise("storage:volatile", kind: EventKind.storage, detail: ["problem": .string(warning)])
        }
    }

    private func takeCommands(of uplink: AssembledUplink) async {
        for await delivery in uplink.uplink.commands {
            switch delivery {
            case .command(let delivered):
                senders.remember(delivered.command.id, uplink: delivered.uplink)
                await router.accept(
                    delivered.command,
                    from: .uplink(
                        delivered.uplink, permission: uplink.configuration.commands, visible: uplink.selection,
                        brokerExpiry: delivered.brokerExpiry))
            case .rejected(let rejection):
                log.warning("uplink \(uplink.configuration.name): \(rejection)")
                if let id = rejection.id { senders.remember(id, uplink: uplink.configuration.name) }
                if let result = rejection.result(finished: clock.now()) {
                    await storage.outbox.append(results: [result])
                }
            }
        }
    }

    private func keepState() async {
        while !Task.isCancelled {
            await publisher.publishState()
            try? await Task.sleep(for: Self.stateInterval)
        }
    }

    private func keepAlarms() async {
        let changes = await events.changes()
        await publisher.publishAlarms()
        for await _ in changes {
            await publisher.publishAlarms()
            await publisher.publishState()
        }
    }

    private func keepDevices() async {
        let changes = await devices.descriptionChanges()
        for await _ in changes {
            try? await Task.sleep(for: Self.descriptionPause)
            await publisher.publishDevices()
        }
    }

    /// The daemon's own heartbeat: feeds systemd's watchdog, follows the clock and the disk.
    private func pulse() async {
        var turns = 0
        while !Task.isCancelled {
            // Each of these asks the actor whose loop must turn; a stuck one starves the watchdog.
            _ = await events.alarms.count
            let status = await storage.outbox.status()
            notifier.feedWatchdog()
            await followClock()
            await night.locks.expire()
            if case .failing(let error)? = status?.disk {
                await events.raise("storage", kind: EventKind.storage, detail: ["problem": .string("\(error)")])
            } else {
                await events.clear("storage")
            }
            await report.noteCounters()
            turns += 1
            if turns % 3600 == 0, let now = clock.utc(clock.now())?.time { try? await storage.state.prune(now: now) }
            try? await Task.sleep(for: min(Self.pulseInterval, notifier.watchdogInterval ?? Self.pulseInterval))
        }
    }

    // MARK: - Clock

    private static let clockKey = "clock.offsets"

    private func recallClock() async {
        guard let bytes = try? await storage.state.value(key: Self.clockKey),
            case .object(let members)? = try? JSONValue(parsing: bytes)
        else { return }
        var offsets: [String: Int64] = [:]
        var lastKnown: UTCInstant?
        for member in members {
            if member.key == "last_known" {
                lastKnown = member.value.text.flatMap { UTCInstant($0) }
            } else if let text = member.value.text, let offset = Int64(text) {
                offsets[member.key] = offset
            }
        }
        clock.recall(offsets: offsets, lastKnown: lastKnown)
    }

    /// Tells when the clock became trusted, and leaves this boot's offset behind for readings that a later boot will send.
    private func followClock() async {
        let status = clock.status()
        await buses.tell(clock: status)
        let before = lastClock
        // A step of more than a second is news; drift is not.
        let stepped = before.map { abs($0.offset - status.offset) > 1_000_000_000 } ?? true
        guard before?.quality != status.quality || before?.source != status.source || stepped else { return }
        lastClock = status
        if before != nil || status.isTrusted {
            await events.tell(
                Event(
                    kind: EventKind.clock, severity: .info,
                    detail: [
                        "boot": .string(clock.boot), "offset_ns": .string(String(status.offset)),
                        "quality": .string(status.quality.name), "source": .string(status.source),
                    ], occurred: clock.now()))
        }
        guard status.isTrusted else { return }
        var members: [JSONValue.Member] = []
        // Ten boots back: older backlogs do not exist within any sensible limit of the outbox.
        if let bytes = try? await storage.state.value(key: Self.clockKey),
            case .object(let old)? = try? JSONValue(parsing: bytes)
        {
            members = old.filter { $0.key != clock.boot && $0.key != "last_known" }.suffix(9)
        }
        members.append(.init(clock.boot, .string(String(status.offset))))
        members.append(.init("last_known", .string(clock.wall(clock.now()).description)))
        try? await storage.state.put(key: Self.clockKey, value: Array(JSONValue.object(members).description.utf8))
    }

    // MARK: - Stopping

    /// Ends drivers, stores what is in memory, says goodbye at every broker, and closes the files. Nothing is lost.
    ///
    /// - Parameter isLasting: nobody is about to start it again, so the lamps go to their fallback first.
    public func stop(isLasting: Bool = true) async {
        log.notice(isLasting ? "stopping" : "stopping for a restart: the lamps keep their level")
        notifier.stopping()
        for task in housekeeping { task.cancel() }
        await control.stop()
        for uplink in uplinks { await uplink.pump.callOff() }
        if isLasting { await night.standDown() }
        await withDiscardingTaskGroup { group in
            for supervisor in await buses.all { group.addTask { await supervisor.stop() } }
        }
        await devices.keepStates()
        await storage.outbox.flush()
        // What was in memory is on the disk now; a head-end that listens gets it before the goodbye, the others after the next start.
        await withDiscardingTaskGroup { group in
            for uplink in uplinks { group.addTask { await uplink.pump.drain(within: Self.drainLimit) } }
        }
        for uplink in uplinks {
            let last = await publisher.stateDocument(.stopping, for: uplink.configuration.name)
            await uplink.uplink.stop(finalState: last)
        }
        for task in tasks { task.cancel() }
        // Each stores the acknowledgements that came with the goodbye.
        for pump in pumps { await pump.value }
        await storage.close()
        log.notice("stopped")
    }
}
