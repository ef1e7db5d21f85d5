internal import DriverKit
internal import DriverProtocol
internal import Telemetry

extension BusEngine {
    /// One exchange of the poll under way, or of the gear whose deadline is nearest.
    ///
    /// - Returns: nil when something was done; otherwise when the next gear is due.
    func runPoll(_ connection: DALIConnection, at now: BootInstant) -> BootInstant? {
        if polling == nil {
            switch scheduler.next(at: now) {
            case .wait(let until): return until ?? BootInstant(nanoseconds: .max)
            case .run(let position):
                polling = Polling(
                    position: position, poll: GearPoll(priority: .polling, isComplete: false), begun: now)
            }
        }
        guard var current = polling else { return now }
        let position = current.position
        switch current.poll.next(gear[position], at: now) {
        case .exchange(let requests):
            let outcome = exchange(requests, on: connection)
            let ended = world.now()
            current.poll.received(outcome, gear: &gear[position], at: ended)
            judge(outcome, at: ended)
            if gear[position].isOffline { sums.sick += ended.duration(since: now) }
            // The connection was lost meanwhile: every point has been reported bad, and what was read before stays unsaid.
            guard polling != nil else { return nil }
            polling = current
            if case .finished = current.poll.next(gear[position], at: ended) { finish(current, at: ended) }
            return nil
        case .wait(let until): return until
        case .finished:
            finish(current, at: now)
            return nil
        }
    }

    private func finish(_ current: Polling, at now: BootInstant) {
        let position = current.position
        polling = nil
        returning.remove(position)
        let samples = current.poll.samples
        if !samples.isEmpty { outlet.samples(device: gear[position].index, samples) }
        if let memory = gear[position].newMemory() {
            outlet.remember(DriverMemory(device: gear[position].name, key: Gear.memoryKey, bytes: memory))
        }
        scheduler.done(position, at: now, took: now.duration(since: current.begun))
        if finishProbe(of: position, at: now) {
            reportState(position, at: now)
            return
        }
        if current.poll.linkFailure != nil {
            // Not the gear's fault: it is read as soon as the interface works.
            scheduler.release(position, due: now.advanced(by: Self.missRetry))
        } else if gear[position].isOffline {
            var backoff =
                probes[position]
                ?? Backoff(
                    first: max(Self.missRetry, min(gear[position].interval, Self.longestProbe)),
                    longest: Self.longestProbe)
            backoff.failed(at: now)
            probes[position] = backoff
            scheduler.release(position, due: backoff.notBefore ?? now)
        } else {
            // It was silent until now: the others may be back as well.
            if probes.removeValue(forKey: position) != nil { askTheOthers(at: now) }
            if current.poll.isCutShort {
                scheduler.release(position, due: now.advanced(by: min(Self.secondLook, gear[position].interval)))
            } else if gear[position].misses > 0 {
                scheduler.release(position, due: now.advanced(by: min(Self.missRetry, gear[position].interval)))
            }
        }
        reportState(position, at: now)
    }

    /// Frames that belong together; ends at the first that does not reach the bus.
    func exchange(_ requests: [DALIRequest], on connection: DALIConnection) -> DALIOutcome {
        var outcome = DALIOutcome.none
        for request in requests {
            let begun = world.now()
            outcome = connection.transact(request)
            let took = world.now().duration(since: begun)
            account(request, outcome, took: took)
            noteRegisters(request)
            if case .error = outcome { break }
        }
        return outcome
    }

    private func account(_ request: DALIRequest, _ outcome: DALIOutcome, took: Duration) {
        sums.requests += 1
        var isOnBus = true
        var answered = false
        switch outcome {
        case .reply:
            sums.answers += 1
            answered = true
        case .collision:
            sums.broken += 1
            answered = true
        case .none:
            if request.expectsReply { sums.timeouts += 1 }
        case .error:
            sums.refusals += 1
            isOnBus = false
        }
        guard isOnBus else {
            sums.waiting += took
            return
        }
        let cost = AirTime.of(request, answered: answered)
        let bits = (1 + request.frame.bits) * (request.isSentTwice ? 2 : 1) + (answered ? 9 : 0)
        sums.data += AirTime.bit * bits
        sums.silence += cost - AirTime.bit * bits
        sums.waiting += max(.zero, took - cost)
        load.add(cost, at: world.now())
    }

    // MARK: state of devices

    func reportState(_ position: Int, at now: BootInstant) {
        let one = gear[position]
        var state = DriverDeviceState()
        state.device = one.index
        // Interface or bus is away: that is an alarm of its own, and nothing is known of the gear behind it.
        state.condition = connection == nil || busIsDown ? .unknown : one.condition
        state.detail = one.detail
        if let sent = sentStates[position], sent.state.condition == state.condition, sent.state.detail == state.detail,
            now.duration(since: sent.at) < Self.stateInterval
        {
            return
        }
        let key = state
        state.requests = one.requests
        state.failures = one.failures
        state.lastAnswerBootNs = UInt64(max(0, one.lastAnswer?.nanoseconds ?? 0))
        state.missedIntervals = scheduler.missedIntervals(device: one.index)
        outlet.deviceState(state)
        sentStates[position] = (key, now)
    }

    func repeatStates(at now: BootInstant) {
        sensors?.repeatStates(at: now)
        for (position, sent) in sentStates where now.duration(since: sent.at) >= Self.stateInterval {
            reportState(position, at: now)
        }
    }

    /// Nothing can be read from any gear: each point is reported bad once.
    func loseAll(_ sentence: String, at now: BootInstant) {
        polling = nil
        upkeep = nil
        returning.removeAll()
        sensors?.lose(sentence, at: now)
        for position in gear.indices where !gear[position].isUnpowered {
            _ = gear[position].goOffline(sentence)
            let samples = gear[position].samples(bad: .communication, at: now)
            if !samples.isEmpty { outlet.samples(device: gear[position].index, samples) }
            reportState(position, at: now)
        }
    }

    /// The bus can be read again: every gear is due now, the first ones first.
    func resumeAll(at now: BootInstant) {
        probes.removeAll()
        // Supply and lines may have been worked on: who is there, and with what settings, is looked at again.
        census = nil
        for position in gear.indices where scheduler.contains(position) && !gear[position].isUnpowered {
            scheduler.release(position, due: now)
        }
        probeDark(at: now)
    }
}
