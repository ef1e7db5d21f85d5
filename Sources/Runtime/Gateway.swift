import CLinux
import Configuration
import ControlProtocol
import DriverProtocol
import Glibc
import Lighting
public import Logging
import Outbox
import Supervision
import Telemetry
import Uplinks

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

    let configuration: GatewayConfiguration
    let clock: GatewayClock
    let storage: GatewayStorage
    let events: EventDesk
    private let devices: DeviceTable
    let buses: BusDesk
    private let night: NightShift
    let router: CommandRouter
    let publisher: Publisher
    private let report: StatusReport
    private let uplinks: [AssembledUplink]
    let senders = CommandSenders()
    private let control: ControlServer
    private let notifier = ServiceNotifier()
    let log: Logger
    let choice: ConfigurationKeeper.Choice
    /// Lighting and command intake.
    private var tasks: [Task<Void, Never>] = []
    /// They end by themselves when their uplink has said goodbye.
    private var pumps: [Task<Void, Never>] = []
    /// Documents, clock, watchdog: they end first.
    private var housekeeping: [Task<Void, Never>] = []
    var lastClock: ClockStatus?

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
        let opening = await storage.outbox.opening
        await events.tell(opening.events(occurred: now, flush: configuration.outbox.flush))
        await rename()
        await devices.restore()
        let interrupted = await storage.state.opening.interrupted
        await router.reportInterrupted(interrupted)
        await raiseStandingAlarms()
        // Lighting first: it needs none of what follows.
        let isPowerBack = !opening.wasClosed && opening.lastBoot.map { $0 != opening.boot } ?? false
        tasks += await night.begin(forgetting: interrupted.map(\.id), isPowerBack: isPowerBack)
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
