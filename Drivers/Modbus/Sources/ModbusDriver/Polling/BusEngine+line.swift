internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// The shell of a serial line: one blocking exchange per turn.
extension BusEngine {
    /// One exchange at most.
    ///
    /// - Returns: when there is something to do again.
    func turn() -> BootInstant {
        let now = clock()
        tellStatesIfDue(at: now)
        guard let line, !lanes.isEmpty else { return nextStates }
        if portFailure != nil, !isSuspended {
            guard reopenPort(line, at: now) else { return min(lanes[0].reopen.notBefore ?? now, nextStates) }
        }
        switch next(lane: 0, at: now) {
        case .exchange(let work):
            make(work, on: line)
            return clock()
        case .wait(let until): return min(until ?? nextStates, nextStates)
        }
    }

    /// One exchange with everything that follows from it.
    func make(_ work: Work, on line: any ModbusLink) {
        completed(
            work, line.exchange(work.request, unit: work.unit, timeout: work.timeout, pause: work.pause))
    }

    private func reopenPort(_ line: any ModbusLink, at now: BootInstant) -> Bool {
        guard lanes[0].reopen.isDue(at: now) else { return false }
        do {
            try line.open()
        } catch {
            lanes[0].reopen.failed(at: clock())
            portFailure = error.message
            return false
        }
        outlet.log("\(line.title): open again")
        portFailure = nil
        lanes[0].reopen.succeeded()
        for device in devices.indices where devices[device].isOffline {
            // They were never asked; each gets its chance at once.
            devices[device].condition = .unknown
            devices[device].misses = 0
            devices[device].probe.succeeded()
        }
        return true
    }

    /// The port is away. On a serial line that is one event for all its devices.
    func portGone(_ exchange: Exchange, _ reason: String) {
        guard portFailure == nil else { return }
        outlet.log("\(reason); trying to open it again")
        portFailure = reason
        lanes[0].reopen.failed(at: clock())
        for device in devices.indices {
            devices[device].lastFailure = reason
            if !devices[device].isOffline { goOffline(device, at: exchange.ended) }
        }
    }
}
