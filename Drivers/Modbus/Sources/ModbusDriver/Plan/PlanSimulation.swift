internal import Telemetry

/// Runs a bus plan in virtual time, earliest deadline first, one request after the other, and counts what comes too late.
struct PlanSimulation: Sendable {
    struct Late: Sendable, Hashable {
        let device: String
        let interval: Duration
        /// How often it is read in fact; more than the interval.
        let achieved: Duration
    }

    /// Long enough for every interval to come round several times...
    static let rounds = 4
    /// ...at least this, so that what is late is seen to be late again and again...
    static let shortest: Duration = .seconds(60)
    /// ...and no longer than this: an hour of requests is simulated in milliseconds.
    static let longest: Duration = .seconds(3_600)
    /// A bus that cannot keep up shows it within so many exchanges.
    static let mostExchanges = 200_000

    let plan: BusPlan

    private struct Job {
        let device: Int
        let interval: Int64
        let takes: Int64
        var due: Int64
        var done = 0
    }

    /// Devices whose intervals cannot be met, worst first; empty when all can.
    func late() -> [Late] {
        var jobs: [Job] = []
        for (index, device) in plan.devices.enumerated() {
            for request in device.requests {
                jobs.append(
                    Job(
                        device: index, interval: request.interval.wholeNanoseconds,
                        takes: plan.duration(request, of: device).wholeNanoseconds, due: 0))
            }
        }
        guard let longestInterval = jobs.map(\.interval).max() else { return [] }
        let horizon = max(
            Self.shortest.wholeNanoseconds,
            min(longestInterval * Int64(Self.rounds), Self.longest.wholeNanoseconds), longestInterval + 1)
        var now: Int64 = 0
        var exchanges = 0
        while now < horizon, exchanges < Self.mostExchanges {
            let ready = jobs.indices.filter { jobs[$0].due <= now }
            guard let next = ready.min(by: { jobs[$0].due + jobs[$0].interval < jobs[$1].due + jobs[$1].interval })
            else {
                now = jobs.map(\.due).min() ?? horizon
                continue
            }
            now += jobs[next].takes
            jobs[next].done += 1
            exchanges += 1
            let missed = max(0, now - jobs[next].due) / jobs[next].interval
            jobs[next].due += (missed + 1) * jobs[next].interval
        }
        var worst: [Int: Late] = [:]
        for job in jobs {
            // What it should have done in the time that passed; one less is the last one under way.
            let wanted = Int(now / job.interval)
            guard wanted > 1, job.done < wanted - 1, job.done > 0 else { continue }
            let late = Late(
                device: plan.devices[job.device].name, interval: .nanoseconds(job.interval),
                achieved: .nanoseconds(now / Int64(job.done)))
            if let known = worst[job.device], Self.excess(known) >= Self.excess(late) { continue }
            worst[job.device] = late
        }
        return worst.values.sorted { (Self.excess($1), $0.device) < (Self.excess($0), $1.device) }
    }

    private static func excess(_ late: Late) -> Double { late.achieved.inSeconds / late.interval.inSeconds }
}
