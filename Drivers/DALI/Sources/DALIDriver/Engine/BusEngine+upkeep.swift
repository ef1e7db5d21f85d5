internal import DriverKit
internal import DriverProtocol
internal import Telemetry

extension BusEngine {
    /// Looks after the gear's own memory and the bus's strangers, one exchange at a time, while nothing else is due.
    ///
    /// - Returns: nil when something was done; otherwise when to come again.
    func runUpkeep(_ connection: DALIConnection, at now: BootInstant) -> BootInstant? {
        guard let begun = upkeepFrom else {
            upkeepFrom = now.advanced(by: Self.upkeepDelay)
            return upkeepFrom
        }
        guard begun <= now else { return begun }
        if upkeep == nil { upkeep = nextUpkeep(at: now) }
        if let current = upkeep { return run(current, connection) }
        if let requests = censusRequests(at: now) {
            let outcomes = exchangeAll(requests, on: connection)
            if let last = outcomes.last {
                judge(last, at: world.now())
                census?.received(last, at: world.now())
            }
            return nil
        }
        return gear.indices.filter(isUpkeepWanted).map { gear[$0].keeping.notBefore }.min()
            ?? BootInstant(nanoseconds: .max)
    }

    private func nextUpkeep(at now: BootInstant) -> Upkeep? {
        guard let position = gear.indices.first(where: { isUpkeepWanted($0) && gear[$0].keeping.notBefore <= now })
        else { return nil }
        return Upkeep(position: position, run: GearUpkeep(gear[position], isReadOnly: isReadOnly))
    }

    private func isUpkeepWanted(_ position: Int) -> Bool {
        gear[position].keeping.isDue && gear[position].condition == .online && !gear[position].isUnpowered
    }

    private func censusRequests(at now: BootInstant) -> [DALIRequest]? {
        if let finished = census?.finishedAt, now.duration(since: finished) < BusCensus.renewal { return nil }
        if census == nil || census?.isFinished == true { census = BusCensus(known: Set(gear.map(\.address))) }
        return census?.next(priority: .polling)
    }

    private func run(_ current: Upkeep, _ connection: DALIConnection) -> BootInstant? {
        var current = current
        let position = current.position
        // What was begun is over when the gear went away, or is to be looked at from the beginning.
        guard let requests = current.run.next(gear[position], registerUses: registerUses) else {
            finish(current)
            return nil
        }
        upkeep = current
        let outcomes = exchangeAll(requests, on: connection)
        current.run.received(outcomes, gear: &gear[position], registerUses: registerUses)
        if let last = outcomes.last { judge(last, at: world.now()) }
        guard upkeep != nil else { return nil }
        upkeep = current
        if current.run.next(gear[position], registerUses: registerUses) == nil { finish(current) }
        return nil
    }

    private func finish(_ current: Upkeep) {
        let position = current.position
        let now = world.now()
        upkeep = nil
        guard current.run.linkFailure == nil, current.run.answers > 0 else {
            gear[position].keeping.notBefore = now.advanced(by: Self.upkeepRetry)
            return
        }
        gear[position].keeping.isDue = false
        for finding in current.run.findings { tell(finding, of: position, at: now) }
        tellKept(position, at: now)
        if let memory = gear[position].newMemory() {
            outlet.remember(DriverMemory(device: gear[position].name, key: Gear.memoryKey, bytes: memory))
        }
        if let identity = current.run.identity { receivedIdentity(identity, of: position, at: now) }
        reportState(position, at: now)
    }

    /// What gear kept when it was last read, for the description of the devices.
    func withFacts(_ answer: DriverConfigured) -> DriverConfigured {
        var answer = answer
        for place in answer.devices.indices {
            guard let one = gear.first(where: { $0.index == answer.devices[place].index }) else { continue }
            let facts = [("gear", one.expectedIdentity?.description ?? ""), ("kept", one.keeping.told)]
            answer.devices[place].facts += facts.filter { !$0.1.isEmpty }.map { name, value in
                var fact = DriverFact()
                fact.name = name
                fact.value = value
                return fact
            }
        }
        return answer
    }

    // MARK: what is told

    private func tell(_ finding: GearUpkeep.Finding, of position: Int, at now: BootInstant) {
        let one = gear[position]
        switch finding {
        case .written(let setting, let from, let to):
            let detail =
                "\(setting.name): \(setting.text(from, one)) was changed to \(setting.text(to, one)) and read back"
            tell("setup_written", severity: 0, detail, of: position, at: now)
        case .refused(let setting, let wanted, let kept):
            let has = kept.map { "keeps \(setting.text($0, one))" } ?? "does not answer to the question for it"
            tell(
                "gear_setting_refused", severity: 1,
                "\(setting.name): \(setting.text(wanted, one)) is wanted and the gear \(has); it is not written again until that changes",
                of: position, at: now)
        case .differs(let setting, let wanted, let kept):
            tell(
                "gear_setting_refused", severity: 1,
                "\(setting.name): the gear keeps \(setting.text(kept, one)), \(setting.text(wanted, one)) is wanted, and the gateway is"
                    + " read-only", of: position, at: now)
        }
    }

    /// What the gear does without us, when it is news.
    private func tellKept(_ position: Int, at now: BootInstant) {
        let text = gear[position].keptText
        guard !text.isEmpty, text != gear[position].keeping.told else { return }
        gear[position].keeping.told = text
        remember(device: gear[position].name, key: Self.keptKey, Array(text.utf8))
        tell("gear_settings", severity: 0, text, of: position, at: now)
    }

    func tell(
        _ kind: String, severity: UInt32, phase: UInt32 = 0, _ detail: String, of position: Int?, at now: BootInstant
    ) {
        var event = DriverEvent()
        event.kind = kind
        if let position {
            event.hasDevice_p = true
            event.device = gear[position].index
        }
        event.severity = severity
        event.phase = phase
        event.detail = detail
        event.bootNs = UInt64(max(0, now.nanoseconds))
        outlet.event(event)
    }
}
