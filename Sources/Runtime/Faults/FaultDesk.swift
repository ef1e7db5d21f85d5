import Configuration
import Lighting
import Logging
import Outbox
import Supervision
import Telemetry

/// Wires the fault rules to the field: what lamps and feeders tell goes in, events and alarms come out, and the drivers hear which
/// lamps have no mains.
actor FaultDesk {
    /// How often the rules are asked what came of what they heard.
    private static let interval: Duration = .seconds(1)
    private static let storageKey = "lighting.faults"

    private var monitor: FaultMonitor
    private let buses: BusDesk
    private let events: EventDesk
    private let state: StateStore
    private let clock: GatewayClock
    private let log: Logger
    /// Bus and index of each lamp, as its driver counts.
    private let places: [String: (bus: String, index: UInt32)]
    private let inputs: Set<String>
    private let lamps: Set<String>
    private var toldUnpowered: [String: [[UInt32]]] = [:]
    private var storedRevision: UInt64 = 0

    init(
        monitor: FaultMonitor, configuration: GatewayConfiguration, buses: BusDesk, events: EventDesk,
        state: StateStore, clock: GatewayClock, log: Logger
    ) {
        self.monitor = monitor
        self.buses = buses
        self.events = events
        self.state = state
        self.clock = clock
        self.log = log
        inputs = monitor.inputs
        var places: [String: (bus: String, index: UInt32)] = [:]
        for bus in configuration.buses {
            for (index, device) in configuration.devices(onBus: bus.name).enumerated() {
                places[device.name] = (bus.name, UInt32(index))
            }
        }
        self.places = places
        lamps = Set(places.keys.filter { monitor.watches($0) })
    }

    /// What lasts, the oldest first.
    var active: [ActiveFault] { monitor.active }

    /// Lamps without mains, by feeder.
    var unpowered: [[String]] { monitor.unpowered }

    // MARK: - What is heard

    func commanded(lamp: String, percent: ExactDecimal, fade: Duration?) {
        monitor.commanded(lamp: lamp, percent: percent, fade: fade, at: clock.now())
    }

    func bus(_ bus: String, isUp: Bool) { monitor.bus(bus, isUp: isUp, at: clock.now()) }

    func hear(_ news: FieldNews) {
        if let polls = news.polls {
            monitor.observe(pollsOf: news.device, requests: polls.requests, failures: polls.failures, at: news.at)
        }
        if lamps.contains(news.device), !news.values.isEmpty {
            var seen = LampObservation(lamp: news.device, at: news.at)
            for value in news.values {
                seen.take(
                    point: value.point, value: value.sample.value, unit: Unit(symbol: value.unit),
                    quality: value.sample.quality)
            }
            monitor.observe(lamp: seen)
        }
        for value in news.values where inputs.contains("\(news.device).\(value.point)") {
            monitor.observe(
                feeder: FeederObservation(
                    device: news.device, point: value.point, value: value.sample.value,
                    unit: value.unit.isEmpty ? nil : Unit(symbol: value.unit), quality: value.sample.quality,
                    at: value.sample.acquired))
        }
    }

    // MARK: - What comes of it

    /// Judges until the task is cancelled.
    ///
    /// - Parameter isPowerBack: the gateway itself had lost its mains.
    func run(isPowerBack: Bool) async {
        if isPowerBack { monitor.gatewayReturned(at: clock.now()) }
        await restore()
        while !Task.isCancelled {
            await judge()
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func judge() async {
        let changes = monitor.tick(at: clock.now())
        if !changes.isEmpty { await events.take(changes.map(\.event)) }
        await tellPower()
        await store()
    }

    /// Each bus is told only of its own lamps: a feeder may reach over several.
    private func tellPower() async {
        var wanted: [String: [[UInt32]]] = [:]
        for feeder in monitor.unpowered {
            for (bus, lamps) in Dictionary(grouping: feeder.compactMap { places[$0] }, by: \.bus) {
                wanted[bus, default: []].append(lamps.map(\.index).sorted())
            }
        }
        for bus in Set(wanted.keys).union(toldUnpowered.keys) where wanted[bus] != toldUnpowered[bus] {
            await buses[bus]?.send(unpowered: wanted[bus] ?? [])
        }
        toldUnpowered = wanted
    }

    private func restore() async {
        guard let bytes = try? await state.value(key: Self.storageKey), let stored = try? JSONValue(parsing: bytes)
        else { return }
        for problem in monitor.restore(stored, clock: clock.forLighting()) { log.warning("\(problem)") }
        storedRevision = monitor.revision
        // They were told by the last run; now they only stand in the list again.
        await events.adopt(monitor.active.map(\.change.event))
    }

    private func store() async {
        guard monitor.revision != storedRevision else { return }
        storedRevision = monitor.revision
        do {
            try await state.put(
                key: Self.storageKey, value: Array(monitor.stored(clock.forLighting()).description.utf8))
        } catch {
            log.error("the faults that last could not be stored; a restart would tell them again: \(error)")
        }
    }
}
