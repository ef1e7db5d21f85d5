import Configuration
import DriverProtocol
import Logging
import Normalization
import Outbox
import Supervision
import Telemetry

/// What lasts longer than a message: memory over restarts, windows that nobody reads, and which meter hangs there.
extension DeviceTable {
    /// How often the end of a window is looked for at least: a device that is configured meanwhile is not overlooked.
    private static let longestPause: Duration = .seconds(1)
    /// A window is never closed sooner than this after the last look; it bounds what a table of a thousand devices costs.
    private static let shortestPause: Duration = .milliseconds(50)
    /// A device is not asked for its serial number more often than this; while a counter is in doubt each reading asks.
    private static let identityPause: Duration = .seconds(1)
    /// A person's patience with a bus is the measure; here it only bounds a forgotten question.
    private static let identityLimit: Duration = .seconds(15)

    /// Gives each device back what it remembered when the last run ended; before any driver starts.
    func restore() async {
        let states: [String: [UInt8]]
        do {
            states = try await outbox.counterStates()
        } catch {
            log.error("what counters and windows stood at cannot be read, so they begin anew: \(error)")
            return
        }
        for place in records.indices {
            let device = records[place].configuration
            // A renamed device finds what it remembered under its old name.
            guard let state = ([device.name] + device.was).lazy.compactMap({ states[$0] }).first else { continue }
            do {
                try records[place].normalizer.restore(state, clock: normalizerClock())
            } catch {
                log.error("device \(device.name): what its counters stood at cannot be used, they begin anew: \(error)")
            }
        }
    }

    /// Closes windows when their time is over, whether anything was read or not. Until cancelled.
    func run() async {
        while !Task.isCancelled {
            let now = clock.now()
            var next = now.advanced(by: Self.longestPause)
            for place in records.indices {
                let current = normalizerClock()
                if let due = records[place].normalizer.nextTick(clock: current) {
                    if due <= now { await tick(place, at: now) } else { next = min(next, due) }
                }
                if records[place].isStateOwed,
                    records[place].stateGiven.map({ now.duration(since: $0) >= Self.stateInterval }) ?? true
                {
                    await outbox.append(readings: [], counterStates: [records[place].name: stateToGive(place, at: now)])
                }
            }
            try? await Task.sleep(for: max(Self.shortestPause, next.duration(since: clock.now())))
        }
    }

    func tick(_ place: Int, at now: BootInstant) async {
        await handOver(records[place].normalizer.tick(at: now, clock: normalizerClock()), of: place, at: now)
    }

    /// Everything remembered into the outbox: the last thing before it is closed.
    func keepStates() async {
        let now = clock.now()
        for place in records.indices where records[place].isStateOwed {
            await outbox.append(readings: [], counterStates: [records[place].name: stateToGive(place, at: now)])
        }
    }

    /// Reads the serial number out of turn: a counter's step can only be judged by it.
    ///
    /// Not within the driver's own report, which would wait for itself.
    func askIdentity(of place: Int, at now: BootInstant) {
        let record = records[place]
        let points = record.normalizer.identityPoints.compactMap { record.pointIndex($0) }.map(UInt32.init)
        guard !points.isEmpty,
            record.identityAsked.map({ now.duration(since: $0) >= Self.identityPause }) ?? true
        else { return }
        records[place].identityAsked = now
        Task {
            let answer = await buses.query(device: record, points: points, within: Self.identityLimit)
            guard answer.failure.isEmpty, let rows = try? answer.samples.rows(points: record.points.count) else {
                log.warning(
                    "device \(record.name): which meter it is could not be read after a step of its counter: \(answer.failure)"
                )
                return
            }
            await take(rows, at: place)
        }
    }
}
