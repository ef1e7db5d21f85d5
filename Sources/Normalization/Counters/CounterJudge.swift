import Telemetry

/// Decides what a counter's register means: consumption, or a reset, an exchange, a rollover, a damaged value.
///
/// docs/counters.md has the rules as a table; the tests go through it row by row. The register itself is never changed.
struct CounterJudge: Sendable {
    /// Odd readings that must agree before a new level is believed without the serial number.
    static let confirmations = 3
    /// The same where the serial number says that it is still the same meter, and the register is not 0.
    static let confirmationsWithSerial = 2
    /// Nobody exchanges a meter faster; a longer silence than this (beyond the reading interval) may hide an exchange.
    static let exchangeTime: Duration = .seconds(60)
    /// Readings that wait for the serial number after an interruption; then the device seems unable to give it.
    static let heldForSerial = 3
    /// Meters on batteries renew their registers this seldom: an advance may be that much older than the last reading.
    static let renewal: Duration = .seconds(3_600)

    /// What is known of the device's serial number at the moment of a reading.
    struct Serial: Sendable, Hashable {
        /// nil: the device gives none, or none was ever read.
        var text: String?
        /// When it was last read in this run; nil: not yet.
        var seen: BootInstant?
        /// When another one than before was read, in this run.
        var changed: BootInstant?

        /// Read at that moment or later, and the same as ever: another one would have begun an epoch.
        func isConfirmed(since moment: BootInstant) -> Bool { text != nil && seen.map { $0 >= moment } ?? false }

        /// There is one, but it was not read since: the device may be another by now.
        func isOutdated(since moment: BootInstant) -> Bool { text != nil && !isConfirmed(since: moment) }
    }

    /// What may be told of a counter; the raw value stands in an event's `detail.kind`.
    enum FindingKind: String, Sendable, Hashable {
        case reset
        case exchange
        case rollover
        case basis
        /// More than the rating allows, once.
        case spike
        case zero
        /// Less than before, once.
        case dip
        /// A new level for which there is no explanation.
        case step

        var event: String {
            switch self {
            case .reset: EventKind.counterReset
            case .exchange: EventKind.meterExchanged
            case .rollover: EventKind.counterRollover
            case .basis: EventKind.counterBasisChanged
            case .spike, .zero, .dip: EventKind.counterImplausible
            case .step: EventKind.counterDiscontinuity
            }
        }

        var severity: Event.Severity {
            switch self {
            case .exchange, .rollover: .info
            case .reset, .basis, .spike, .zero, .dip, .step: .warning
            }
        }
    }

    struct Finding: Sendable, Hashable {
        var kind: FindingKind
        var before: ExactDecimal?
        var after: ExactDecimal?
        /// Serial numbers of an exchange, or the two bases.
        var from: String?
        var to: String?
        var epoch: UInt32
    }

    struct Verdict: Sendable, Hashable {
        var quality: Quality = .good
        var finding: Finding?
        var wantsSerial = false
    }

    /// The most it can gain in an hour, in the point's unit; nil: unknown.
    let hourlyLimit: Double?
    /// The register that starts again from 0 does so at this value.
    let rollover: ExactDecimal?
    /// No register of this product is larger.
    let maximum: ExactDecimal?
    /// A silence of more than this many nanoseconds may hide an exchange.
    let patience: Int64

    /// - Parameter interval: how often it is read.
    init(hourlyLimit: Double?, rollover: ExactDecimal?, maximum: ExactDecimal?, interval: Duration) {
        self.hourlyLimit = hourlyLimit
        self.rollover = rollover
        self.maximum = maximum
        patience = (Self.exchangeTime + interval * 2).wholeNanoseconds
    }

    /// Judges one good register and notes it in `state`.
    func judge(
        _ value: ExactDecimal, at moment: BootInstant, state: inout CounterState, serial: Serial,
        clock: NormalizerClock
    ) -> Verdict {
        guard let base = state.base else { return first(value, at: moment, state: &state) }
        // A driver may deliver a late answer after a newer one: it was true, and says nothing of what came since.
        if case .boot(let newest) = base.at, moment < newest { return Verdict(quality: .uncertain(.stale)) }
        let elapsed = base.at.elapsed(until: moment, clock: clock)
        if let pending = state.pending {
            // Read just before the serial number that told of the other meter, it may be the old one's last.
            if let changed = serial.changed, moment < changed, case .exchange = pending,
                case .advance = step(
                    from: base.value, to: value, elapsed: elapsed, state: state, at: moment, clock: clock)
            {
                state.believe(value, at: moment)
                return Verdict()
            }
            return begin(value, at: moment, because: pending, base: base, state: &state)
        }
        if state.suspicion == nil, !state.isInterrupted,
            elapsed.map({ $0 > .nanoseconds(patience) }) ?? true
        {
            state.isInterrupted = true
        }
        // Nobody exchanges a meter between two readings that are closer than this.
        let recently = BootInstant(nanoseconds: moment.nanoseconds &- patience)
        if state.isInterrupted, serial.isOutdated(since: recently), state.held < Self.heldForSerial {
            state.held += 1
            return Verdict(quality: .uncertain(.discontinuity), wantsSerial: true)
        }
        let step = step(from: base.value, to: value, elapsed: elapsed, state: state, at: moment, clock: clock)
        switch step {
        case .advance:
            let finding = returned(from: state.suspicion, base: base, epoch: state.epoch)
            state.believe(value, at: moment)
            return Verdict(finding: finding)
        case .rollover:
            return begin(value, at: moment, as: .rollover, base: base, state: &state)
        case .odd(let kind):
            return suspect(value, at: moment, kind: kind, base: base, state: &state, serial: serial, clock: clock)
        }
    }

    // MARK: - The way of nearly all registers

    /// What became of a register without closer judgement.
    enum Course: Sendable, Hashable {
        /// It is consumption, and noted.
        case advanced
        /// It stands where it stood, which is noted too.
        case stood
        /// ``judge(_:at:state:serial:clock:)`` must say.
        case open
    }

    /// Settles the plain case: nothing in doubt, read in time, no less than before, within the rating.
    func settle(_ value: ExactDecimal, at moment: BootInstant, state: inout CounterState) -> Course {
        guard let base = state.base, case .boot(let last) = base.at, !state.isInterrupted, state.isClear,
            value.exponent == base.value.exponent, maximum == nil
        else { return .open }
        let elapsed = moment.nanoseconds &- last.nanoseconds
        guard elapsed >= 0, elapsed <= patience else { return .open }
        let (advance, overflow) = value.mantissa.subtractingReportingOverflow(base.value.mantissa)
        guard !overflow, advance >= 0 else { return .open }
        if advance == 0 {
            state.base?.at = .boot(moment)
            return .stood
        }
        if let hourlyLimit {
            var nanoseconds = Double(elapsed)
            if case .boot(let changed) = state.changed {
                nanoseconds += Double(min(max(last.nanoseconds &- changed.nanoseconds, 0), Self.renewalNanoseconds))
            } else {
                nanoseconds += Double(Self.renewalNanoseconds)
            }
            let unit = ExactDecimal(mantissa: 1, exponent: value.exponent).quickApproximation
            guard Double(advance) * unit <= hourlyLimit * nanoseconds / 3.6e12 + 2 * unit else { return .open }
        } else if state.left != nil {
            return .open
        }
        state.base = .init(value: value, at: .boot(moment))
        state.changed = .boot(moment)
        return .advanced
    }

    private static let renewalNanoseconds = renewal.wholeNanoseconds

    // MARK: - Steps

    private enum Step {
        case advance
        case rollover
        case odd(CounterState.Suspicion.Kind)
    }

    private func step(
        from old: ExactDecimal, to new: ExactDecimal, elapsed: Duration?, state: CounterState, at moment: BootInstant,
        clock: NormalizerClock
    ) -> Step {
        if let maximum, new > maximum { return .odd(.spike) }
        guard new >= old else {
            if let rollover, old < rollover, let elapsed, hourlyLimit != nil, let rest = rollover.subtracting(old),
                let advance = rest.adding(new),
                isPossible(advance, in: elapsed, stood: stood(state, at: moment, clock: clock))
            {
                return .rollover
            }
            return .odd(new.mantissa == 0 ? .zero : .stepBack)
        }
        guard let advance = new.subtracting(old) else { return .odd(.spike) }
        if hourlyLimit == nil {
            // Without a rating a register that was believed lost comes back: that is no consumption.
            if let left = state.left, new >= left, let twice = old.adding(old), twice < left { return .odd(.spike) }
            return .advance
        }
        guard let elapsed else { return advance.mantissa == 0 ? .advance : .odd(.gap) }
        return isPossible(advance, in: elapsed, stood: stood(state, at: moment, clock: clock))
            ? .advance : .odd(.spike)
    }

    /// How long the register stood still before it was last read, at most ``renewal``.
    private func stood(_ state: CounterState, at moment: BootInstant, clock: NormalizerClock) -> Duration {
        guard let base = state.base, let whole = state.changed.elapsed(until: moment, clock: clock),
            let since = base.at.elapsed(until: moment, clock: clock)
        else { return Self.renewal }
        return min(max(whole - since, .zero), Self.renewal)
    }

    /// Whether the meter can have passed `advance` in that time. Two units of the last place are its resolution.
    private func isPossible(_ advance: ExactDecimal, in elapsed: Duration, stood: Duration) -> Bool {
        guard let hourlyLimit else { return true }
        let hours = (elapsed + stood).inSeconds / 3_600
        let resolution = ExactDecimal(mantissa: 2, exponent: advance.exponent).quickApproximation
        return advance.quickApproximation <= hourlyLimit * hours + resolution
    }

    // MARK: - Beginnings

    /// The very first register. A 0 may be a device that is still starting, and would be followed by false energy.
    private func first(_ value: ExactDecimal, at moment: BootInstant, state: inout CounterState) -> Verdict {
        if value.mantissa == 0, zeros(value, at: moment, state: &state) < Self.confirmations {
            return Verdict(quality: .uncertain(.implausible))
        }
        state.pending = nil
        state.believe(value, at: moment)
        return Verdict()
    }

    /// Counts zeros that came one after the other where any value could begin.
    private func zeros(_ value: ExactDecimal, at moment: BootInstant, state: inout CounterState) -> Int {
        let count = (state.suspicion?.kind == .zero ? state.suspicion?.count ?? 0 : 0) + 1
        state.suspicion = CounterState.Suspicion(
            kind: .zero, first: value, level: .init(value: value, at: .boot(moment)), count: count, isTold: true)
        return count
    }

    /// A new epoch of which the cause was known before the register came.
    private func begin(
        _ value: ExactDecimal, at moment: BootInstant, because pending: CounterState.Pending,
        base: CounterState.Register, state: inout CounterState
    ) -> Verdict {
        if value.mantissa == 0, base.value.mantissa != 0,
            zeros(value, at: moment, state: &state) < Self.confirmations
        {
            return Verdict(quality: .uncertain(.implausible))
        }
        state.pending = nil
        switch pending {
        case .exchangedByHand:
            state.left = nil
            state.believe(value, at: moment)
            return Verdict()
        case .exchange(let before, let after):
            return begin(value, at: moment, as: .exchange, base: base, state: &state, from: before, to: after)
        case .basis(let before, let after):
            return begin(value, at: moment, as: .basis, base: base, state: &state, from: before, to: after)
        }
    }

    private func begin(
        _ value: ExactDecimal, at moment: BootInstant, as kind: FindingKind, base: CounterState.Register,
        state: inout CounterState, from: String? = nil, to: String? = nil, quality: Quality = .good
    ) -> Verdict {
        state.epoch &+= 1
        state.left = kind == .reset || kind == .step ? base.value : nil
        state.believe(value, at: moment)
        return Verdict(
            quality: quality,
            finding: Finding(
                kind: kind, before: base.value, after: value, from: from, to: to, epoch: state.epoch))
    }

    // MARK: - Doubt

    private func suspect(
        _ value: ExactDecimal, at moment: BootInstant, kind: CounterState.Suspicion.Kind,
        base: CounterState.Register, state: inout CounterState, serial: Serial, clock: NormalizerClock
    ) -> Verdict {
        var suspicion =
            state.suspicion
            ?? CounterState.Suspicion(
                kind: kind, first: value, level: .init(value: value, at: .boot(moment)), count: 0, isTold: false)
        let agrees = suspicion.count > 0 && self.agrees(value, at: moment, kind: kind, with: suspicion, clock: clock)
        suspicion.count = agrees ? suspicion.count + 1 : 1
        if !agrees { suspicion.began = moment }
        suspicion.kind = kind
        suspicion.level = .init(value: value, at: .boot(moment))
        state.suspicion = suspicion

        // What was read before the first odd register says nothing of the device that gave it.
        let began = suspicion.began ?? BootInstant(nanoseconds: .min)
        let isConfirmed = serial.isConfirmed(since: began)
        let isOutdated = serial.isOutdated(since: began)
        let needed: Int
        switch kind {
        case .gap: needed = Self.confirmationsWithSerial
        case .stepBack: needed = isConfirmed ? Self.confirmationsWithSerial : Self.confirmations
        case .spike, .zero: needed = Self.confirmations
        }
        // The serial number has been asked for: what it says comes before a guess.
        let patience = kind != .gap && isOutdated ? Self.heldForSerial : 0
        if suspicion.count >= needed + patience {
            switch kind {
            case .gap:
                state.believe(value, at: moment)
                return Verdict()
            case .stepBack, .zero:
                if isConfirmed {
                    return begin(value, at: moment, as: .reset, base: base, state: &state)
                }
                return begin(
                    value, at: moment, as: .step, base: base, state: &state, quality: .uncertain(.discontinuity))
            case .spike:
                return begin(
                    value, at: moment, as: .step, base: base, state: &state, quality: .uncertain(.discontinuity))
            }
        }

        var verdict = Verdict()
        verdict.wantsSerial = isOutdated
        switch kind {
        case .spike, .zero:
            verdict.quality = .uncertain(.implausible)
            if !suspicion.isTold {
                state.suspicion?.isTold = true
                verdict.finding = Finding(
                    kind: kind == .zero ? .zero : .spike, before: base.value, after: value, epoch: state.epoch)
            }
        case .stepBack: verdict.quality = .uncertain(isConfirmed ? .counterReset : .discontinuity)
        case .gap: verdict.quality = .uncertain(.discontinuity)
        }
        return verdict
    }

    /// Whether an odd register follows from the odd one before it.
    private func agrees(
        _ value: ExactDecimal, at moment: BootInstant, kind: CounterState.Suspicion.Kind,
        with suspicion: CounterState.Suspicion, clock: NormalizerClock
    ) -> Bool {
        func isDown(_ kind: CounterState.Suspicion.Kind) -> Bool { kind == .zero || kind == .stepBack }
        guard suspicion.kind == kind || (isDown(suspicion.kind) && isDown(kind)),
            value >= suspicion.level.value, let advance = value.subtracting(suspicion.level.value)
        else { return false }
        let elapsed = suspicion.level.at.elapsed(until: moment, clock: clock) ?? .zero
        return isPossible(advance, in: elapsed, stood: Self.renewal)
    }

    /// The register goes on where it was: what stood between was damaged.
    private func returned(
        from suspicion: CounterState.Suspicion?, base: CounterState.Register, epoch: UInt32
    ) -> Finding? {
        guard let suspicion, !suspicion.isTold, suspicion.kind == .stepBack else { return nil }
        return Finding(kind: .dip, before: base.value, after: suspicion.first, epoch: epoch)
    }
}
