internal import DriverKit
internal import DriverProtocol
internal import Telemetry

extension BusEngine: SweepBench {
    func isReadable(_ position: Int) -> Bool { gear[position].condition == .online && !gear[position].isUnpowered }

    func change(_ position: Int, _ body: (inout Gear) -> Void) { body(&gear[position]) }

    func report(_ position: Int, _ samples: [Sample]) {
        if !samples.isEmpty { outlet.samples(device: gear[position].index, samples) }
    }

    /// One unit of a sweep. The sources take turns.
    ///
    /// - Returns: nil when something was done; otherwise when a source has something to do.
    func runSweep(_ connection: DALIConnection, at now: BootInstant) -> BootInstant? {
        var earliest = BootInstant(nanoseconds: .max)
        for offset in sweeps.indices {
            let place = (nextSweep + offset) % sweeps.count
            switch sweeps[place].next(self) {
            case .idle(let until): earliest = min(earliest, until ?? earliest)
            case .exchange(let requests):
                nextSweep = (place + 1) % sweeps.count
                let outcomes = exchangeAll(requests, on: connection)
                if let last = outcomes.last { judge(last, at: world.now()) }
                sweeps[place].received(outcomes, self)
                return nil
            }
        }
        return earliest
    }

    /// Puts into the port's line how much of the bus polling needs as it is configured, and so what is left. In steps, so that the line
    /// changes only when something has changed.
    func tellBudget() {
        guard let connection, !greeting.isEmpty else { return }
        let needed = Int((scheduler.predictedLoad * 20).rounded(.up)) * 5
        let budget =
            needed > 100
            ? "polling needs more than the bus has (\(needed) %): intervals are not kept"
            : "polling needs \(needed) % of the bus"
        portDetail = "\(connection.summary), \(greeting); \(budget)"
    }
}
