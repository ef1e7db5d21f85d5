import Telemetry

/// The latest polls of one lamp: which were answered.
struct PollWindow: Sendable {
    /// The oldest first; true where no answer came.
    private var missed: [Bool] = []
    /// Polls without an answer since the last answer.
    private(set) var run = 0
    /// When that run began.
    private(set) var silentSince: BootInstant?
    private(set) var lastAnswer: BootInstant?

    mutating func note(answered: Int, missed misses: Int, at now: BootInstant, limit: FaultRules.Share) {
        let polls = answered + misses
        guard polls > 0 else { return }
        // In which order they went is not told. Spread evenly, five misses in sixty are no fault and five in six are one.
        for poll in max(0, polls - limit.of)..<polls {
            missed.append((poll + 1) * misses / polls > poll * misses / polls)
        }
        missed.removeFirst(max(0, missed.count - limit.of))
        if answered > 0 {
            lastAnswer = now
            run = 0
            silentSince = nil
        }
        guard misses > 0, answered == 0 else { return }
        run += misses
        if silentSince == nil { silentSince = now }
    }

    /// Whether so many of the latest polls went unanswered.
    func isSilent(_ limit: FaultRules.Share) -> Bool { missed.count(where: { $0 }) >= limit.count }

    /// Whether answers prevail again: at least as many as leave half of the misses that make a fault.
    func isTalking(_ limit: FaultRules.Share) -> Bool {
        missed.count(where: { !$0 }) >= max(1, limit.of - limit.count / 2)
    }

    func evidence(at now: BootInstant, limit: FaultRules.Share) -> Evidence {
        var evidence = Evidence()
        evidence.add("missed", missed.count(where: { $0 }))
        evidence.add("polls", missed.count)
        evidence.add("limit", "\(limit.count) of \(limit.of)")
        evidence.add("silent_seconds", silentSince.map { now.duration(since: $0) })
        return evidence
    }

    /// Supply or bus was away: only what comes now counts.
    mutating func forget() {
        missed = []
        run = 0
        silentSince = nil
    }
}
