import Telemetry

/// The power of a feeder's meter against what its lamps should draw.
struct FeederLoadRule: Sendable {
    enum Side: Sendable {
        /// Load is missing.
        case low
        /// There is load that nobody knows of.
        case high
    }

    let side: Side
    private var deviating = Lasting()
    private var calm = Lasting()
    /// As it was when the fault was found.
    private var raised: (limit: Double, burning: Double)?

    init(side: Side) { self.side = side }

    /// - Parameter measured: in W.
    mutating func judge(
        measured: ExactDecimal, expected: ExpectedLoad, limits: FaultRules, at now: BootInstant
    ) -> Verdict {
        let limit = expected.limit(percent: limits.feederDeviation)
        let deviation = measured.approximation - expected.total
        let amount = side == .low ? -deviation : deviation
        var evidence = Evidence()
        evidence.add(watts: "power_w", measured.approximation)
        evidence.add(watts: "expected_w", expected.total)
        evidence.add(watts: "deviation_w", deviation)
        evidence.add(watts: "limit_w", limit)
        if let holds = deviating.note(amount > limit, at: now) {
            calm.forget()
            guard holds >= limits.feederTime else { return .undecided }
            if raised == nil { raised = (limit, expected.burningPower) }
            evidence.add("deviating_seconds", holds)
            if side == .low { evidence.add("lamps", expected.lamps(worth: deviation)) }
            return .fault(evidence)
        }
        // Half of the limit that was passed, so that a load on the edge is not told again and again. That lamps work is
        // shown by lamps that burn, not by a street that was switched off meanwhile.
        let isCalm =
            amount < (raised?.limit ?? limit) / 2
            && (side == .high || expected.burningPower > (raised?.burning ?? 0) / 2)
        guard let holds = calm.note(isCalm, at: now), holds >= limits.settle else { return .undecided }
        raised = nil
        return .cleared(evidence)
    }

    /// Its supply was away.
    mutating func forget() {
        deviating.forget()
        calm.forget()
    }
}
