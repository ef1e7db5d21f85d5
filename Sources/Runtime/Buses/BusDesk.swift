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

    func add(_ supervisor: DriverSupervisor) { supervisors[supervisor.bus] = supervisor }

    var all: [DriverSupervisor] { supervisors.values.sorted { $0.bus < $1.bus } }

    subscript(bus: String) -> DriverSupervisor? { supervisors[bus] }

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
