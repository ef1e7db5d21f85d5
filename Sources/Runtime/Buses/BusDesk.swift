import Configuration
import DriverProtocol
import Supervision
import Telemetry

/// The supervisors of all buses, by name.
///
/// It is filled once, before anything asks.
actor BusDesk {
    private var supervisors: [String: DriverSupervisor] = [:]
    private var heartbeats: [String: DriverHeartbeat] = [:]
    private var states: [String: BusState] = [:]
    private var toldClock: ClockStatus?

    func add(_ supervisor: DriverSupervisor) { supervisors[supervisor.bus] = supervisor }

    var all: [DriverSupervisor] { supervisors.values.sorted { $0.bus < $1.bus } }

    subscript(bus: String) -> DriverSupervisor? { supervisors[bus] }

    /// Drivers align what they read to UTC; nobody corrects them in between.
    private static let clockTolerance: Int64 = 1_000_000

    /// Tells every driver where UTC stands, when that has changed.
    func tell(clock: ClockStatus) async {
        if let told = toldClock, told.isTrusted == clock.isTrusted,
            abs(told.offset - clock.offset) <= Self.clockTolerance
        {
            return
        }
        toldClock = clock
        var message = DriverSetClock()
        message.utcMinusBootNs = clock.offset
        message.trusted = clock.isTrusted
        for supervisor in all { await supervisor.send(clock: message) }
    }

    func note(_ heartbeat: DriverHeartbeat, bus: String) { heartbeats[bus] = heartbeat }
    func note(_ state: BusState, bus: String) { states[bus] = state }

    func state(_ bus: String) -> BusState? { states[bus] }
    func heartbeat(_ bus: String) -> DriverHeartbeat? { heartbeats[bus] }

    func command(_ command: DriverCommand, bus: String, within limit: Duration) async -> DriverCommandDone {
        guard let supervisor = supervisors[bus] else {
            var done = DriverCommandDone()
            done.outcome = .failed
            done.reason = "bus \(bus) does not run"
            return done
        }
        return await supervisor.command(command, within: limit)
    }

    func query(device: DeviceRecord, points: [UInt32], within limit: Duration) async -> DriverQueryDone {
        guard let supervisor = supervisors[device.configuration.bus] else {
            var done = DriverQueryDone()
            done.failure = "bus \(device.configuration.bus) does not run"
            return done
        }
        var query = DriverQuery()
        query.device = device.index
        query.points = points
        return await supervisor.query(query, within: limit)
    }
}
