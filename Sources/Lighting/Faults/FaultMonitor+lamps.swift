import Telemetry

extension FaultMonitor {
    /// A lamp that has no answer while its neighbours have none either is counted as one of them after so many of its polls.
    static let silentPolls = 2

    /// A poll that was answered, rule by rule.
    mutating func judge(_ position: Int, _ observation: LampObservation) {
        let supply = lamps[position].supply
        if lamps[position].learn(observation, settle: rules.settle) { mainsReturned(position, at: observation.at) }
        guard isJudgeable(position, at: observation.at) else { return }
        let subject = lamps[position].subject
        for (kind, verdict) in lamps[position].judge(observation, limits: rules) {
            apply(kind, subject, named(verdict, supply), at: observation.at)
        }
    }

    /// With the feeder of the lamp, where it has one.
    private func named(_ verdict: Verdict, _ supply: Int) -> Verdict {
        guard case .fault(var evidence) = verdict, case .feeder(let name) = supplies[supply].subject else {
            return verdict
        }
        evidence.add("feeder", name)
        return .fault(evidence)
    }

    /// A lamp was asked.
    mutating func polled(_ position: Int, answered: Int, missed: Int, at now: BootInstant) {
        guard answered + missed > 0 else { return }
        let supply = lamps[position].supply
        if answered == 0 {
            supplies[supply].heardNothing(from: lamps[position].lamp.name)
            refresh(supply, at: now)
        }
        guard isJudgeable(position, at: now) else { return }
        lamps[position].polls.note(answered: answered, missed: missed, at: now, limit: rules.communication)
        let polls = lamps[position].polls
        let subject = lamps[position].subject
        if polls.isTalking(rules.communication) {
            let evidence = polls.evidence(at: now, limit: rules.communication)
            apply(.communicationFailure, subject, .cleared(evidence), at: now)
        }
        guard polls.isSilent(rules.communication), !isActive(.communicationFailure, subject) else { return }
        switch company(of: position) {
        case .alone:
            let evidence = polls.evidence(at: now, limit: rules.communication)
            apply(.communicationFailure, subject, named(.fault(evidence), supply), at: now)
        case .all: beginSilence(supply, at: now)
        case .unknown: break
        }
    }

    private enum Company {
        /// Others answer.
        case alone
        /// No lamp of its supply does.
        case all
        /// Others have not been asked often enough since.
        case unknown
    }

    /// Who else is silent since this lamp is.
    private func company(of position: Int) -> Company {
        guard let since = lamps[position].polls.silentSince else { return .alone }
        let others = supplies[lamps[position].supply].lamps.filter {
            $0 != position && !isBusDown(of: $0) && !isActive(.communicationFailure, lamps[$0].subject)
        }
        if others.isEmpty { return .alone }
        if others.contains(where: { lamps[$0].polls.lastAnswer.map { $0 >= since } ?? false }) { return .alone }
        return others.allSatisfy { lamps[$0].polls.run >= Self.silentPolls } ? .all : .unknown
    }

    // MARK: All at once

    private mutating func beginSilence(_ position: Int, at now: BootInstant) {
        supplies[position].isSilent = true
        let supply = supplies[position]
        var evidence = supply.evidence(
            because: "all \(supply.names.count) lamps are silent, although \(supply.because)")
        evidence.add(
            Self.silenceMark,
            supply.lamps.compactMap { lamps[$0].polls.silentSince }.min().map { now.duration(since: $0) })
        apply(.feederDead, supply.subject, .fault(evidence), affected: supply.names, at: now)
    }

    mutating func endSilence(_ position: Int, because: String, at now: BootInstant) {
        supplies[position].isSilent = false
        supplies[position].settlesAt = now.advanced(by: rules.settle)
        for lamp in supplies[position].lamps { lamps[lamp].forget() }
        apply(.feederDead, supplies[position].subject, .cleared(.because(because)), at: now)
    }

    /// A lamp gave a sign of life.
    mutating func heard(from position: Int, at now: BootInstant) {
        let supply = lamps[position].supply
        let name = lamps[position].lamp.name
        supplies[supply].heard(from: name, at: now)
        refresh(supply, at: now)
        if supplies[supply].isSilent { endSilence(supply, because: "lamp \(name) answers", at: now) }
    }

    // MARK: Mains

    /// A lamp says that its mains were lost and came back.
    private mutating func mainsReturned(_ position: Int, at now: BootInstant) {
        let supply = lamps[position].supply
        let asked = lamps[position].uncycledAt ?? BootInstant(nanoseconds: .min)
        if let explained = supplies[supply].explainedSince, asked < explained {
            supplies[supply].loss?.lamps.append(lamps[position].lamp.name)
            return
        }
        supplies[supply].explainedSince = now
        supplies[supply].loss = SupplyWatch.Loss(first: now, isSeen: false, lamps: [lamps[position].lamp.name])
    }
}
