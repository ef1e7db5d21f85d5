internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// Devices that are not in the normal round: those never asked, those that miss answers, those taken for dead.
extension BusEngine {
    /// The next device that may be asked within the failing devices' share of its lane.
    func probeWork(_ lane: Int, at now: BootInstant) -> Work? {
        guard lanes[lane].budget.isDue(at: now) else { return nil }
        var best: (index: Int, rank: Int, since: Int64)?
        for index in lanes[lane].devices where !devices[index].isInRound {
            guard devices[index].probe.isDue(at: now) || !devices[index].isOffline,
                !devices[index].isNew || devices[index].firstAsked <= now
            else { continue }
            // One that has just missed an answer, then those nobody has asked yet, then the longest waiting of the dead.
            let rank =
                if devices[index].isOffline { 3 } else if !devices[index].isNew { 0 } else {
                    devices[index].wasGlancedAt ? 2 : 1
                }
            let since = devices[index].probe.notBefore?.nanoseconds ?? 0
            if let best, (best.rank, best.since) <= (rank, since) { continue }
            guard isFree(index, at: now) else { continue }
            best = (index, rank, since)
        }
        return best.flatMap { probe($0.index) }
    }

    /// A device that nobody has asked yet, in time that no other device needs.
    func firstContact(_ lane: Int, at now: BootInstant) -> Work? {
        let new = lanes[lane].devices.lazy.filter {
            self.devices[$0].isNew && self.devices[$0].firstAsked <= now && self.isFree($0, at: now)
        }
        guard let index = new.first(where: { !self.devices[$0].wasGlancedAt }) ?? new.first, let work = probe(index)
        else { return nil }
        let cost =
            work.timeout
            + lanes[lane].cost.exchange(dataBytes: work.request.answerLength, latency: .zero, pause: work.pause)
        if let until = nextInRound(lane), now.advanced(by: cost) > until { return nil }
        return work
    }

    /// When something of a lane's normal round is due.
    private func nextInRound(_ lane: Int) -> BootInstant? {
        lanes[lane].devices.lazy.filter { self.devices[$0].isInRound }
            .flatMap { self.slots(of: $0).compactMap { self.scheduler.due($0) } }.min()
    }

    /// When the next of a lane's unwell devices may be asked.
    func nextProbe(_ lane: Int, at now: BootInstant) -> BootInstant? {
        var earliest: BootInstant?
        for index in lanes[lane].devices where !devices[index].isInRound {
            let own = devices[index].isOffline ? devices[index].probe.notBefore : devices[index].firstAsked
            var at = max(own ?? lanes[lane].budget.nextProbe, lanes[lane].budget.nextProbe)
            if let work = probe(index), let late = lanes[lane].guardedUntil(work.request, unit: work.unit) {
                // A first contact in idle time needs no share: it waits only until no late answer can come.
                at = devices[index].isNew && late > now ? late : max(at, late)
            }
            earliest = min(earliest ?? at, at)
        }
        return earliest
    }

    private func isFree(_ index: Int, at now: BootInstant) -> Bool {
        let device = devices[index]
        guard !lanes[device.lane].late.isEmpty, let work = probe(index) else { return true }
        return (lanes[device.lane].guardedUntil(work.request, unit: work.unit) ?? now) <= now
    }

    /// The first question to a device that nobody has asked is one of its round; one that is failing gets the shortest one.
    private func probe(_ index: Int) -> Work? {
        let device = devices[index]
        var slot: Slot?
        var block = device.probeBlock
        if device.isNew, device.discovery == nil, !device.blocks.isEmpty {
            let first = device.identityBlock ?? 0
            slot = Slot(device: index, plan: device.planNumber, block: first)
            block = device.blocks[first]
        }
        guard let block else { return nil }
        return work(index, block.request, .probe(block, slot), timeout: glance(index))
    }

    /// How long the first look at a device lasts on a line on which several were not there; nil: as long as any other.
    ///
    /// With 31 dead of 32 the live one would else wait for 31 whole time-outs. A line on which all answer never comes here, and who is slower
    /// than this gets the whole time-out when everyone has been looked at.
    private func glance(_ index: Int) -> Duration? {
        let device = devices[index]
        let lane = lanes[device.lane]
        guard device.isNew, !device.wasGlancedAt, !lane.isConnection,
            lane.missedFirstContacts >= BusTimes.missesUntilGlances
        else { return nil }
        let usual = max(device.plan.limits.latency, lane.slowestAnswer)
        return min(device.patience.timeout, max(device.patience.floor, usual * 2 + Patience.margin))
    }

    /// Nobody answered the first question.
    private func unmet(_ index: Int, _ exchange: Exchange, _ work: Work) {
        if devices[index].isNew {
            if exchange.outcome == .silence, work.timeout < devices[index].patience.ceiling {
                devices[index].wasGlancedAt = true
                return
            }
            lanes[work.lane].missedFirstContacts += 1
        }
        missed(index, exchange, work, reason(exchange, work))
    }

    func probed(_ index: Int, _ block: RegisterBlock, _ slot: Slot?, _ exchange: Exchange, _ work: Work) {
        switch exchange.outcome {
        case .answer(.exception(let exception)) where exception.isGatewayTimeout:
            missed(index, exchange, work, exception.words)
        case .answer(let answer):
            answered(index, at: exchange.ended)
            guard let slot, self.block(of: slot) == block else { return }
            switch answer {
            case .exception(let exception):
                failed(index, work.request, exception.words)
                // It is not asked the same again: what was refused is taken apart at once.
                if exception.isRefusal { refused(slot, block, block, exception) }
            default:
                deliver(index, answer, block, at: exchange.ended)
                recovered(index)
                scheduler.done(slot, at: exchange.ended, took: exchange.took)
            }
        case .silence, .broken: unmet(index, exchange, work)
        case .gone(let reason): gone(index, exchange, work, reason)
        }
    }
}
