import Telemetry

extension FaultMonitor {
    /// Something was heard that may tell whether a supply is on.
    mutating func refresh(_ position: Int, at now: BootInstant) {
        let changed = supplies[position].refresh(at: now)
        if supplies[position].isRestored, supplies[position].isKnownOn { endDarkness(position, at: now) }
        guard changed else { return }
        for lamp in supplies[position].lamps { lamps[lamp].forget() }
        for load in supplies[position].loads.indices { supplies[position].loads[load].rule.forget() }
        if supplies[position].isOn { turnedOn(position, at: now) } else { turnedOff(position, at: now) }
    }

    private mutating func turnedOff(_ position: Int, at now: BootInstant) {
        supplies[position].wasMissed = false
        supplies[position].wasSwitched = false
        supplies[position].dead.forget()
        // Found silent before the meter was read: it is the same alarm, which ends when supply is back.
        supplies[position].isSilent = false
        noteMissed(position)
    }

    private mutating func turnedOn(_ position: Int, at now: BootInstant) {
        supplies[position].settlesAt = now.advanced(by: rules.settle)
        // Each lamp will say that its mains were away. It is told once, and not at all where the feeder is switched daily.
        supplies[position].explainedSince = now
        if supplies[position].wasMissed, !supplies[position].wasSwitched {
            supplies[position].loss = SupplyWatch.Loss(first: now, isSeen: true)
        }
        endDarkness(position, at: now)
    }

    /// Supply is there: what said that it was not ends, also what the last run said before it came back.
    private mutating func endDarkness(_ position: Int, at now: BootInstant) {
        supplies[position].isRestored = false
        let supply = supplies[position]
        apply(.feederDead, supply.subject, .cleared(.because(supply.because)), at: now)
        apply(.contactorStuckOff, supply.subject, .cleared(.because(supply.because)), at: now)
    }

    private func isWanted(_ position: Int) -> Bool { supplies[position].lamps.contains { lamps[$0].isWanted } }

    /// Lamps that should burn and have no mains by somebody's switching were not robbed of them.
    private mutating func noteMissed(_ position: Int) {
        // Contactor and meter are read one after the other, in any order.
        if supplies[position].contactor == false { supplies[position].wasSwitched = true }
        if isWanted(position) { supplies[position].wasMissed = true }
    }

    /// What goes by time alone.
    mutating func watch(_ position: Int, at now: BootInstant) {
        watchContactor(position, at: now)
        let supply = supplies[position]
        if supply.isOn {
            supplies[position].dead.forget()
        } else {
            noteMissed(position)
            let isDead = isWanted(position) && hasSettled(at: now)
            let holds = supplies[position].dead.note(isDead, at: now)
            // One alarm for one darkness: a contactor that is on and gives nothing has its own.
            let isContactor = supply.contactor == true && supply.isMeasuredOff
            if let holds, holds >= rules.feederDead, !isContactor {
                var evidence = supply.evidence()
                evidence.add("off_seconds", supply.changedAt.map { now.duration(since: $0) })
                evidence.add("lamps_ordered_on", supply.lamps.count(where: { lamps[$0].isWanted }))
                evidence.add("limit_seconds", rules.feederDead)
                apply(.feederDead, supply.subject, .fault(evidence), affected: supply.names, at: now)
            }
        }
        if let loss = supply.loss, now >= loss.first.advanced(by: rules.settle) {
            supplies[position].loss = nil
            tell(loss, of: position, at: now)
        }
    }

    private mutating func watchContactor(_ position: Int, at now: BootInstant) {
        let supply = supplies[position]
        guard let contactor = supply.contactor else { return }
        let subject = supply.subject
        let isOff = contactor && !supply.isOn && supply.isMeasuredOff && !isActive(.feederDead, subject)
        if let holds = supplies[position].stuckOff.note(isOff, at: now), holds >= rules.feederDead, hasSettled(at: now)
        {
            var evidence = supply.evidence(
                because: "its contactor is on, and \(supply.because): the contactor, a fuse or the mains")
            evidence.add("off_seconds", supply.changedAt.map { now.duration(since: $0) })
            evidence.add("limit_seconds", rules.feederDead)
            apply(.contactorStuckOff, subject, .fault(evidence), affected: supply.names, at: now)
        }
        if !contactor { apply(.contactorStuckOff, subject, .cleared(.because("its contactor is off")), at: now) }
        let contradiction = supply.contradiction
        if let holds = supplies[position].stuckOn.note(contradiction != nil, at: now), let contradiction,
            holds >= rules.settle, hasSettled(at: now)
        {
            var evidence = supply.evidence(because: "its contactor is off, and \(contradiction)")
            evidence.add("lasting_seconds", holds)
            apply(.contactorStuckOn, subject, .fault(evidence), affected: supply.names, at: now)
        } else if contradiction == nil {
            let because = contactor ? "its contactor is on" : supply.because
            apply(.contactorStuckOn, subject, .cleared(.because(because)), at: now)
        }
    }

    /// Mains were away: of a whole feeder, or of one lamp.
    private mutating func tell(_ loss: SupplyWatch.Loss, of position: Int, at now: BootInstant) {
        let supply = supplies[position]
        let isLone = !loss.isSeen && loss.lamps.count == 1 && supply.names.count > 1
        var evidence = Evidence()
        var subject = supply.subject
        if isLone, let name = loss.lamps.first, let lamp = positions[name] {
            subject = .lamp(name)
            lamps[lamp].mainsReturned(at: loss.first)
        } else {
            evidence.add(supply.subject.word, supply.subject.name)
        }
        let affected = loss.isSeen ? supply.names : loss.lamps
        evidence.add("lamps", affected.count)
        evidence.add("returned_seconds_ago", now.duration(since: loss.first))
        tell(FaultChange(.supplyLoss, subject, isActive: nil, evidence, affected: isLone ? [] : affected, at: now))
    }

    // MARK: Load

    /// The meter's power against the lamps' levels. While a level is fresh, or a lamp's power or level is unknown, it says nothing.
    mutating func judgeLoad(_ position: Int, measured: ExactDecimal, at now: BootInstant) {
        guard let feeder = supplies[position].feeder, !supplies[position].lamps.isEmpty, supplies[position].isOn,
            !supplies[position].isSilent, hasSettled(at: now), now >= supplies[position].settlesAt
        else { return }
        var expected = ExpectedLoad(other: feeder.otherLoad)
        for lamp in supplies[position].lamps {
            guard let power = lamps[lamp].lamp.power, let light = lamps[lamp].light(at: now, limits: rules) else {
                return
            }
            let answers = light.isCertain && !isActive(.communicationFailure, lamps[lamp].subject)
            let isCertain = answers && !isBusDown(of: lamp)
            let measured = isCertain ? lamps[lamp].measuredPower(at: now) : nil
            expected.add(power, light: light.percent, isCertain: isCertain, measured: measured)
        }
        for load in supplies[position].loads.indices {
            let kind = supplies[position].loads[load].kind
            let verdict = supplies[position].loads[load].rule.judge(
                measured: measured, expected: expected, limits: rules, at: now)
            let subject = supplies[position].subject
            guard case .fault(let found) = verdict else {
                apply(kind, subject, verdict, at: now)
                continue
            }
            var evidence = Evidence()
            evidence.add("feeder", feeder.name)
            evidence.add("meter", feeder.meter)
            evidence.append(found)
            apply(kind, subject, .fault(evidence), affected: supplies[position].names, at: now)
        }
    }
}
