import Configuration
import DriverProtocol
import Glibc
import Logging
import Supervision
import Telemetry

/// Feeds the board's `lamp_watchdog` while Lighting really rules the lamps. Starved, its hardware drops the lamps' supply.
///
/// Lighting reports each of its turns (``turned()``); without turns nothing is fed, whatever else of the daemon still runs.
actor LampWatchdogFeeder {
    /// A driver that restarts, at its crash limit too (tried again every 60 s), or a port that is plugged again is no reason to drop a
    /// street's supply.
    static let patience: Duration = .seconds(90)
    /// A relay on a busy bus; a write that takes longer is told as failed.
    private static let writeLimit: Duration = .seconds(5)
    private static let alarm = "lamp_watchdog"

    private let watchdog: LampWatchdog
    /// Those whose supply it drops.
    private let lampBuses: [String]
    private let buses: BusDesk
    private let devices: DeviceTable
    private let events: EventDesk
    private let clock: GatewayClock
    private let turns: AsyncStream<Void>
    private nonisolated let turn: AsyncStream<Void>.Continuation
    private var next = 0
    private var lastFed: BootInstant?
    /// Since when each bus has not run.
    private var away: [String: BootInstant] = [:]

    /// - Parameter lampBuses: buses with ruled lamps.
    init(
        watchdog: LampWatchdog, lampBuses: [String], buses: BusDesk, devices: DeviceTable, events: EventDesk,
        clock: GatewayClock
    ) {
        self.watchdog = watchdog
        self.lampBuses = watchdog.buses.isEmpty ? lampBuses : watchdog.buses
        self.buses = buses
        self.devices = devices
        self.events = events
        self.clock = clock
        (turns, turn) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Lighting has made a turn. It never waits: a write that hangs costs the watchdog its food and Lighting nothing.
    nonisolated func turned() { turn.yield() }

    /// Feeds until the task is cancelled.
    func run() async {
        for await _ in turns { await feedIfDue() }
    }

    private func feedIfDue() async {
        let now = clock.now()
        if let lastFed, now.duration(since: lastFed) < watchdog.every { return }
        if let lost = await lostBus(at: now) {
            await raise("bus \(lost) has not run for \(Self.patience.components.seconds) s: its lamps are not ruled")
            return
        }
        let text = watchdog.feed[next % watchdog.feed.count]
        next += 1
        lastFed = now
        if let problem = await write(text) {
            await raise(problem)
        } else {
            await events.clear(Self.alarm)
        }
    }

    private func raise(_ reason: String) async {
        await events.raise(Self.alarm, kind: EventKind.lampWatchdog, detail: ["reason": .string(reason)])
    }

    private func lostBus(at now: BootInstant) async -> String? {
        for bus in lampBuses {
            if await buses.state(bus)?.condition == .running {
                away[bus] = nil
            } else if let since = away[bus] {
                if now.duration(since: since) >= Self.patience { return bus }
            } else {
                away[bus] = now
            }
        }
        return nil
    }

    /// - Returns: what went wrong, in a sentence.
    private func write(_ text: String) async -> String? {
        switch watchdog.output {
        case .path(let path): return Self.write(text, to: path)
        case .point(let name, let point):
            guard let device = await devices[name], let index = device.pointIndex(point) else {
                return "\(watchdog.position): there is no point \(point) of \(name), or its bus has not started"
            }
            var command = DriverCommand()
            command.device = device.index
            command.action = "set"
            command.point = UInt32(index)
            let value: Value =
                device.points[index].kind == .state
                ? .flag(text != "0" && text != "false") : ExactDecimal(text).map(Value.number) ?? .text(text)
            command.value = DriverValue(value)
            command.priority = .person
            let done = await buses.command(command, bus: device.configuration.bus, within: Self.writeLimit)
            guard [.verified, .applied].contains(done.outcome) else {
                return "\(name) did not take \(text) at \(point): \(done.reason)"
            }
            return nil
        }
    }

    /// One write as GPIOs and watchdog devices want it: no temporary file, no longer text than given.
    private static func write(_ text: String, to path: String) -> String? {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_TRUNC)
        guard descriptor >= 0 else { return "\(path) cannot be opened: \(String(cString: strerror(errno)))" }
        defer { close(descriptor) }
        let bytes = Array((text + "\n").utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            return "\(path) cannot be written: \(String(cString: strerror(errno)))"
        }
        return nil
    }
}
