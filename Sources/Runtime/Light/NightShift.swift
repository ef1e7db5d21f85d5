public import Configuration
import Lighting
import Logging
import Outbox
import Telemetry

/// Everything that works for the lamps: Lighting, the fault rules, the locks, the watchdog, and what carries news to them.
public struct NightShift: Sendable {
    /// A stop waits this long for lamps to go to their fallback: 64 lamps one by one take 4 s of a DALI line.
    static let standDownLimit: Duration = .seconds(10)

    let lighting: LightingService
    let faults: FaultDesk?
    let locks: LockDesk
    let watchdog: LampWatchdogFeeder?
    private let news: FieldNewsDesk?
    private let log: Logger

    /// What is made before the device table, because it hears of it.
    struct Plans: Sendable {
        let plan: LightingPlan?
        let monitor: FaultMonitor?
        let news: FieldNewsDesk?

        init(of configuration: GatewayConfiguration, log: Logger) {
            let plan = LightingPlanBuilder.plan(of: configuration) { log.warning("lighting: \($0)") }
            let monitor = FaultPlanBuilder.monitor(of: configuration) { log.warning("fault rules: \($0)") }
            self.plan = plan
            self.monitor = monitor
            let watched = configuration.devices.map(\.name).filter { monitor?.watches($0) ?? false }
            let inputs = (monitor?.inputs ?? []).union(plan?.inputs ?? [])
            news =
                watched.isEmpty && inputs.isEmpty && plan == nil
                ? nil
                : FieldNewsDesk(lamps: Set(watched).union(plan?.lamps ?? []), watched: Set(watched), inputs: inputs)
        }
    }

    init(
        _ plans: Plans, configuration: GatewayConfiguration, devices: DeviceTable, buses: BusDesk, events: EventDesk,
        state: StateStore, locks view: LockView, clock: GatewayClock, log: Logger
    ) {
        faults = plans.monitor.map {
            FaultDesk(
                monitor: $0, configuration: configuration, buses: buses, events: events, state: state, clock: clock,
                log: log)
        }
        let ruled = Set(plans.plan?.lamps ?? [])
        let lampBuses = configuration.buses.map(\.name).filter { bus in
            configuration.devices(onBus: bus).contains { ruled.contains($0.name) }
        }
        watchdog =
            lampBuses.isEmpty
            ? nil
            : configuration.board?.lampWatchdog.map {
                LampWatchdogFeeder(
                    watchdog: $0, lampBuses: lampBuses, buses: buses, devices: devices, events: events, clock: clock)
            }
        let readOnlyBuses = Set(configuration.buses.filter(\.isReadOnly).map(\.name))
        lighting = LightingService(
            plan: plans.plan, devices: devices, buses: buses, events: events, state: state, clock: clock,
            faults: faults, watchdog: watchdog, zoneName: configuration.location?.timeZone, log: log,
            mayCommand: { lamp in
                guard !configuration.isReadOnly, let bus = configuration.device(lamp)?.bus else { return false }
                return !readOnlyBuses.contains(bus)
            })
        locks = LockDesk(view: view, lighting: lighting, events: events, state: state, clock: clock, log: log)
        news = plans.news
        self.log = log
    }

    /// Starts all of it; Lighting's first order waits for nothing but the stored overrides and locks.
    ///
    /// - Parameters:
    ///   - interrupted: ids of commands that a crash cut off.
    ///   - isPowerBack: the gateway itself had lost its mains.
    func begin(forgetting interrupted: [String], isPowerBack: Bool) async -> [Task<Void, Never>] {
        await locks.restore()
        var tasks = [Task { [lighting] in await lighting.run(forgetting: interrupted) }]
        if let watchdog { tasks.append(Task { await watchdog.run() }) }
        if let faults { tasks.append(Task { await faults.run(isPowerBack: isPowerBack) }) }
        if let news {
            tasks.append(
                Task { [lighting, faults] in
                    for await one in news.news {
                        await lighting.hear(one)
                        await faults?.hear(one)
                    }
                })
        }
        return tasks
    }

    /// Whether the fault rules watch this device.
    func watches(_ device: String) -> Bool { news?.watches(device) ?? false }

    /// A bus runs again, or does not.
    func bus(_ bus: String, isUp: Bool, lamps: [String]) async {
        await faults?.bus(bus, isUp: isUp)
        if isUp { await lighting.back(lamps: lamps) } else { await lighting.lost(lamps: lamps) }
    }

    /// Nobody will rule the lamps from now on: they go to their fallback.
    func standDown() async {
        let (took, all) = await lighting.standDown(within: Self.standDownLimit)
        guard all > 0 else { return }
        let text = "a lasting stop: \(took) of \(all) lamps are at their fallback"
        took == all ? log.notice("\(text)") : log.error("\(text); the others hold their last level")
    }

    /// What a person should know of this gateway's lamps.
    public static func notes(of configuration: GatewayConfiguration) -> [String] {
        let ruled = (configuration.lighting?.groups ?? []).filter { $0.schedule != .none }
        guard ruled.contains(where: { !configuration.devices(inGroup: $0.name).isEmpty }) else { return [] }
        guard let watchdog = configuration.board?.lampWatchdog else {
            return ["lamps hold their last level if the gateway fails: the board has no lamp_watchdog"]
        }
        let output =
            switch watchdog.output {
            case .path(let path): path
            case .point(let device, let point): "\(device).\(point)"
            }
        return [
            "lamps go to their gear's own fallback if the gateway fails: lamp_watchdog \(output), fed every "
                + "\(watchdog.every.components.seconds) s"
        ]
    }
}
