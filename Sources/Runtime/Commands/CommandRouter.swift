import Configuration
import DriverProtocol
import Lighting
import Logging
import Outbox
import Supervision
import Telemetry

/// The one way in which anything is changed in the field: checks, stores the id, sends, reads back, tells.
///
/// An id is on disk before anything is sent, so a command is never applied twice; one that a crash cut off is `failed`.
actor CommandRouter {
    /// Commands under way at once; a head-end that sends more is told `busy`. A street has fewer lamps than this on one bus.
    static let mostUnderWay = 128
    /// The longest fade of a gear is 90.5 s (IEC 62386-102, fade time 15); the read-back waits for its end.
    static let lampDeadline: Duration = .seconds(100)
    /// A meter's write and read-back on a slow and busy bus.
    static let deadline: Duration = .seconds(15)

    let configuration: GatewayConfiguration
    let devices: DeviceTable
    let buses: BusDesk
    let lighting: LightingService
    let faults: FaultDesk?
    let locks: LockView
    let events: EventDesk
    let outbox: Outbox
    let state: StateStore
    let clock: GatewayClock
    let log: Logger
    private var underWay = 0

    init(
        configuration: GatewayConfiguration, devices: DeviceTable, buses: BusDesk, night: NightShift,
        events: EventDesk, outbox: Outbox, state: StateStore, clock: GatewayClock, log: Logger
    ) {
        self.configuration = configuration
        self.devices = devices
        self.buses = buses
        lighting = night.lighting
        faults = night.faults
        locks = night.locks.view
        self.events = events
        self.outbox = outbox
        self.state = state
        self.clock = clock
        self.log = log
    }

    /// Commands that the last run of the daemon had begun and not finished: they are failed, and never repeated.
    func reportInterrupted(_ interrupted: [StateStore.Interrupted]) async {
        for command in interrupted {
            let context = try? JSONValue(parsing: command.context)
            var targets: [String] = []
            if case .array(let names)? = context?["devices"] { targets = names.compactMap(\.text) }
            let now = clock.now()
            let results = targets.map {
                CommandResult(
                    id: command.id, device: $0, status: .failed,
                    reason:
                        "interrupted: the gateway stopped while the command was under way; it may or may not have been applied",
                    finished: now)
            }
            await finish(command.id, results)
            await events.tell(
                Event(
                    kind: EventKind.commandInterrupted, severity: .warning,
                    detail: ["id": .string(command.id), "devices": .array(targets.map(JSONValue.string))], occurred: now
                ))
        }
    }

    /// A command from a head-end. Returns when its id is safe; what becomes of it arrives as results in the outbox.
    func accept(_ command: Command, from origin: CommandOrigin) async {
        let targets = await names(of: command.target)
        guard underWay < Self.mostUnderWay else {
            await tellResults(
                refused(command, targets, .rejected("busy", "too many commands are under way")), of: command)
            return
        }
        let context = JSONValue.object([.init("devices", .array(targets.map(JSONValue.string)))])
        do {
            switch try await state.reserve(
                id: command.id, expires: command.expires, now: clock.utc(clock.now())?.time,
                context: Array(context.description.utf8))
            {
            case .new: break
            case .seen(let before):
                await tellResults(duplicates(of: command, targets, before), of: command)
                return
            }
        } catch {
            // Without the id on disk nobody could tell after a crash whether it was applied.
            let refusal = CommandCheck.Refusal(status: .failed, word: "storage", explanation: "\(error)")
            await tellResults(refused(command, targets, refusal), of: command)
            return
        }
        underWay += 1
        Task {
            let results = await carryOut(command, from: origin)
            await finish(command.id, results)
            await tell(command, origin, results)
            underWay -= 1
        }
    }

    /// An order of a person at the gateway: carried out now, told in the events, answered to the person.
    func carryOutNow(_ command: Command, from origin: CommandOrigin) async -> [CommandResult] {
        let results = await carryOut(command, from: origin)
        if command.action != .read { await tell(command, origin, results) }
        return results
    }

    /// A driver's own action at a lamp (identify, recall_max, off), asked for by a person.
    func act(_ action: String, on name: String, from origin: CommandOrigin) async -> CommandResult {
        let id = "local"
        let result: CommandResult
        do throws(CommandCheck.Refusal) {
            let device = try await usableDevice(name)
            try checkWritable(device)
            var order = DriverCommand()
            order.device = device.index
            order.action = action
            order.priority = .person
            let done = await buses.command(order, bus: device.configuration.bus, within: Self.lampDeadline)
            result = Self.result(id: id, device: name, unit: "%", done, at: clock.now())
        } catch {
            result = CommandResult(
                id: id, device: name, status: error.status, reason: error.reason, finished: clock.now())
        }
        let command = Command(id: id, target: .device(name), action: .set, point: action, value: nil)
        await tell(command, origin, [result])
        return result
    }

    /// A person at the gateway read a household's values: the audit event that somebody did, without the values.
    func tellRead(of device: String, by origin: CommandOrigin) async {
        await events.tell(
            Event(
                kind: EventKind.householdRead, device: device, severity: .info,
                detail: ["by": .string(origin.by)], occurred: clock.now()))
    }

    // MARK: - Names

    /// The name that stands for every lamp of the gateway, unless a group is called so.
    static let everyLamp = "all"

    func names(of target: Command.Target) async -> [String] {
        switch target {
        case .device(let name): return [name]
        case .group(let name):
            let members = configuration.devices(inGroup: name).map(\.name)
            guard members.isEmpty, name == Self.everyLamp else { return members }
            return await lamps()
        }
    }

    /// Every lamp: those that Lighting rules, also while their bus has not started, and what drivers say is one.
    func lamps() async -> [String] {
        let ruled = Set(await lighting.ruledLamps)
        return await devices.all.filter { $0.isLamp || ruled.contains($0.name) }.map(\.name)
    }
}
