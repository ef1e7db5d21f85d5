import Configuration
import DriverProtocol
import Logging
import Outbox
import Supervision
import Telemetry

/// Takes what the supervisors report and hands each fact to whom it concerns.
struct GatewaySink: DriverSink {
    let configuration: GatewayConfiguration
    let devices: DeviceTable
    let buses: BusDesk
    let night: NightShift
    let news: FieldNewsDesk?
    let events: EventDesk
    let state: StateStore
    let traces: TraceDesk
    let clock: GatewayClock
    let log: Logger

    func driver(_ bus: String, didReport report: DriverReport) async {
        switch report {
        case .state(let state): await take(state, of: bus)
        case .configured(let answer):
            await tell(answer, of: bus)
            await devices.configured(bus: bus, answer)
        case .samples(let samples):
            do {
                try await devices.take(bus: bus, samples)
            } catch {
                await buses[bus]?.refuse(error.description)
            }
        case .deviceState(let state): await devices.deviceState(bus: bus, state)
        case .heartbeat(let heartbeat): await buses.note(heartbeat, bus: bus)
        case .event(let event): await take(event, of: bus)
        case .remember(let memory): await remember(memory, of: bus)
        case .trace(let record): traces.take(record, of: bus)
        case .gone(let reason):
            await night.bus(bus, isUp: false, lamps: lamps(of: bus))
            await devices.gone(bus: bus, reason: reason)
            await events.tell(
                Event(
                    kind: EventKind.driverRestart, severity: .warning,
                    detail: ["bus": .string(bus), "reason": .string(reason)], occurred: clock.now()))
        }
    }

    private func lamps(of bus: String) -> [String] { configuration.devices(onBus: bus).map(\.name) }

    private func take(_ busState: BusState, of bus: String) async {
        let before = await buses.state(bus)
        await buses.note(busState, bus: bus)
        let alarm = "bus:\(bus)"
        switch busState.condition {
        case .running:
            log.notice("bus \(bus): \(busState.detail)")
            await devices.portBack(bus: bus)
            await events.clear(alarm)
            if before?.condition != .running { await night.bus(bus, isUp: true, lamps: lamps(of: bus)) }
        case .portLost, .failed, .waiting:
            log.warning("bus \(bus): \(busState.detail)")
            // A driver that merely restarts is told by its own event; the alarm is for a bus that stays away.
            guard busState.condition != .waiting || busState.isAlarm else { break }
            if busState.condition == .portLost {
                await night.bus(bus, isUp: false, lamps: lamps(of: bus))
                await devices.portLost(bus: bus)
            }
            await events.raise(
                alarm, kind: EventKind.busDown,
                detail: [
                    "bus": .string(bus), "reason": .string(busState.detail),
                    "affected": .array(lamps(of: bus).map(JSONValue.string)),
                ])
        case .starting, .disabled: break
        }
    }

    /// What a driver finds wrong in its part of the file is an alarm like any other mistake there.
    private func tell(_ answer: DriverConfigured, of name: String) async {
        guard let bus = configuration.bus(name) else { return }
        let diagnostics = ConfigureMessage.diagnostics(of: answer, bus: bus, in: configuration)
        for diagnostic in diagnostics {
            diagnostic.severity == .error ? log.error("\(diagnostic)") : log.warning("\(diagnostic)")
        }
        let errors = diagnostics.filter { $0.severity == .error }
        let alarm = "configuration:\(name)"
        guard !errors.isEmpty else { return await events.clear(alarm) }
        let unusable = Set(answer.devices.filter { !$0.usable }.map(\.index))
        let devices = configuration.devices(onBus: name).enumerated().filter { unusable.contains(UInt32($0.offset)) }
        await events.raise(
            alarm, kind: EventKind.configuration,
            detail: [
                "last_good": false, "messages": .array(errors.prefix(20).map { .string($0.description) }),
                "disabled": .array(devices.map { .string("device \($0.element.name)") }),
            ])
    }

    private static let judgedByRules: Set<String> = [
        EventKind.lampFailure, EventKind.gearFailure, EventKind.deviceOffline,
    ]

    private func take(_ event: DriverEvent, of bus: String) async {
        let device = event.hasDevice_p ? await devices.name(bus: bus, index: event.device) : nil
        // The fault rules judge these themselves, with what they know of orders and feeders.
        if let device, news?.watches(device) == true, Self.judgedByRules.contains(event.kind) { return }
        if event.kind == EventKind.daliBusDown, event.phase != 0 {
            // Gear without bus voltage goes to its own system failure level: afterwards nobody knows where it stands.
            await night.bus(bus, isUp: event.phase == 2, lamps: lamps(of: bus))
        }
        let detail: JSONValue = ["bus": .string(bus), "detail": .string(event.detail)]
        let kind = EventKind.fromDrivers.contains(event.kind) ? event.kind : EventKind.driver
        let told: JSONValue =
            kind == event.kind
            ? detail : ["bus": .string(bus), "kind": .string(event.kind), "text": .string(event.detail)]
        let severity = Event.Severity(rawValue: UInt8(clamping: event.severity)) ?? .info
        let id = "\(event.kind):\(device ?? bus)"
        switch event.phase {
        case 1: await events.raise(id, kind: kind, device: device, severity: severity, detail: told)
        case 2: await events.clear(id, detail: told)
        default:
            await events.tell(
                Event(
                    kind: kind, device: device, severity: severity, detail: told,
                    occurred: BootInstant(nanoseconds: Int64(clamping: event.bootNs))))
        }
    }

    private func remember(_ memory: DriverMemory, of bus: String) async {
        do {
            if memory.value.isEmpty {
                try await state.removeMemory(bus: bus, device: memory.device, key: memory.key)
            } else {
                try await state.putMemory(
                    StateStore.Memory(bus: bus, device: memory.device, key: memory.key, value: Array(memory.value)))
            }
            await buses[bus]?.remembered(device: memory.device, key: memory.key)
        } catch {
            log.error("bus \(bus): what the driver learned (\(memory.key)) could not be stored: \(error)")
        }
    }
}
