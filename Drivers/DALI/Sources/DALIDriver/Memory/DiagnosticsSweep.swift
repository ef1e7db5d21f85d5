internal import Telemetry

/// Reads what lamps tell beyond status and level - energy, diagnostics, colour, identity - through the time that polling and
/// commands leave free: one lamp after the other, one bank at a time, never more than 100 ms of bus at once.
///
/// How often is up to the points' intervals. What a gear does not have is reported bad `notSupported` once and not asked for
/// again until the gear was away or its mains returned: another one may sit there then.
final class DiagnosticsSweep: SweepSource {
    /// A gear that answers its polls and not this is left alone for so long.
    static let retry: Duration = .seconds(30)
    /// Gear that cannot be read now is looked at again so often.
    static let look: Duration = .seconds(2)

    /// What was learned of one gear and when its points want to be read.
    private struct Knowledge {
        var lastLocations: [UInt8: UInt8] = [:]
        var due: [BootInstant]
        var notBefore = BootInstant(nanoseconds: .min)
        var wasAway = false
        var sawPowerCycle: Bool?

        init(points: Int) { due = Array(repeating: BootInstant(nanoseconds: .min), count: points) }

        mutating func forget() { self = Knowledge(points: due.count, sawPowerCycle: sawPowerCycle) }

        private init(points: Int, sawPowerCycle: Bool?) {
            self.init(points: points)
            self.sawPowerCycle = sawPowerCycle
        }
    }

    private struct Run {
        let position: Int
        /// Places of the points that it answers.
        let points: [Int]
        var reading: SweepReading
    }

    private var known: [Int: Knowledge] = [:]
    private var run: Run?
    private var last = -1
    private var registers = TransferRegisters()
    private var uses: UInt64 = 0
    private var frames: [ForwardFrame] = []

    func next(_ bench: any SweepBench) -> SweepStep {
        let isUndisturbed = bench.registerUses == uses
        if !isUndisturbed {
            registers.forget()
            uses = bench.registerUses
        }
        if let current = run, !bench.isReadable(current.position) { run = nil }
        if run == nil {
            switch begin(bench) {
            case .begun(let begun): run = begun
            case .idle(let until): return .idle(until: until)
            }
        }
        guard var current = run else { return .idle(until: nil) }
        let step = current.reading.next(registers, isUndisturbed: isUndisturbed)
        run = current
        guard case .exchange(let requests) = step else {
            run = nil
            return .idle(until: bench.now)
        }
        frames = requests.map(\.frame)
        return .exchange(requests)
    }

    func received(_ outcomes: [DALIOutcome], _ bench: any SweepBench) {
        for frame in frames.prefix(outcomes.count) { registers.note(frame) }
        if case .error? = outcomes.last { registers.forget() }
        uses = bench.registerUses
        guard var current = run else { return }
        current.reading.received(outcomes)
        run = current
        if let result = current.reading.result {
            run = nil
            finish(current, result, bench)
        }
    }

    // MARK: choosing

    private enum Choice {
        case begun(Run)
        case idle(until: BootInstant?)
    }

    private func begin(_ bench: any SweepBench) -> Choice {
        let now = bench.now
        let gear = bench.gear
        var earliest: BootInstant?
        func consider(_ moment: BootInstant) { earliest = earliest.map { min($0, moment) } ?? moment }
        for offset in 1...max(1, gear.count) where !gear.isEmpty {
            let position = (last + offset) % gear.count
            let one = gear[position]
            guard one.points.contains(where: { $0.kind.isSwept }) else { continue }
            var knowledge = known[position] ?? Knowledge(points: one.points.count)
            defer { known[position] = knowledge }
            guard bench.isReadable(position) else {
                knowledge.wasAway = true
                consider(now.advanced(by: Self.look))
                continue
            }
            let sawPowerCycle = one.lastStatus?.contains(.powerCycleSeen)
            if knowledge.wasAway || (sawPowerCycle == true && knowledge.sawPowerCycle == false) {
                knowledge.forget()
            }
            knowledge.sawPowerCycle = sawPowerCycle
            guard knowledge.notBefore <= now else {
                consider(knowledge.notBefore)
                continue
            }
            let due = one.points.indices.filter { one.points[$0].kind.isSwept && knowledge.due[$0] <= now }
            if let first = due.first {
                last = position
                let source = SweepReading.Source(one.points[first].kind)
                let together = due.filter { SweepReading.Source(one.points[$0].kind) == source }
                return .begun(
                    Run(
                        position: position, points: together,
                        reading: SweepReading(
                            source, of: one.address, points: together.map { one.points[$0].kind },
                            lastLocation: source.bank.flatMap { knowledge.lastLocations[$0] },
                            mayWrite: !bench.isReadOnly)))
            }
            if let next = one.points.indices.filter({ one.points[$0].kind.isSwept }).map({ knowledge.due[$0] }).min() {
                consider(next)
            }
        }
        return .idle(until: earliest)
    }

    // MARK: results

    private func finish(_ run: Run, _ result: SweepReading.Result, _ bench: any SweepBench) {
        let now = bench.now
        let one = bench.gear[run.position]
        var knowledge = known[run.position] ?? Knowledge(points: one.points.count)
        defer { known[run.position] = knowledge }
        var values: [LampPoint: (value: Value?, quality: Quality)] = [:]
        switch result {
        case .unreadable:
            knowledge.notBefore = now.advanced(by: Self.retry)
            return
        case .collision:
            knowledge.notBefore = now.advanced(by: Self.retry)
            for place in run.points { values[one.points[place].kind] = (nil, .bad(.collision)) }
        case .values(let read, let lastLocation):
            values = read
            if let bank = SweepReading.Source(one.points[run.points[0]].kind).bank {
                knowledge.lastLocations[bank] = lastLocation
            }
        }
        for place in run.points {
            let point = one.points[place]
            let isMissing = values[point.kind]?.quality.reason == .notSupported
            knowledge.due[place] = isMissing ? BootInstant(nanoseconds: .max) : now.advanced(by: point.interval)
        }
        var samples: [Sample] = []
        bench.change(run.position) { gear in
            samples = gear.samples({ values[$0] != nil }, at: now, all: false) {
                values[$0] ?? (nil, .bad(.notSupported))
            }
        }
        if !samples.isEmpty { bench.report(run.position, samples) }
    }
}
