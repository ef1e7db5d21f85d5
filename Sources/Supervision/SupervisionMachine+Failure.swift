import DriverProtocol
import Telemetry

/// What is done when a driver fails: how it is ended, when it is started again, when a person is called.
extension SupervisionMachine {
    mutating func breached(_ breach: DriverBreach, at now: BootInstant) -> [Action] {
        switch phase {
        case .idle, .spawning, .killing, .pausing, .failed: return []
        // It is ending anyway; a flood or a closed pipe only shortens it.
        case .stopping(let sequel): return kill(then: sequel, at: now)
        case .greeting, .configuring, .starting, .running, .holding:
            let sentence = "\(subject) was killed: it \(breach)"
            if case .wrongVersion = breach { return fail(.refused(sentence), at: now) }
            return fail(.crash(sentence), at: now)
        }
    }

    mutating func ticked(outputPaused: BootInstant?, at now: BootInstant) -> [Action] {
        guard let due = deadline, due <= now else { return [] }
        switch phase {
        case .idle: return []
        case .spawning, .greeting:
            return fail(
                .crash(
                    "\(subject) sent no hello within \(limits.helloWithin.inWords) and was killed; is "
                        + "it a driver at all?"), at: now)
        case .configuring:
            return fail(
                .crash("\(subject) did not answer Configure within \(limits.configuredWithin.inWords) and was killed"),
                at: now)
        case .starting:
            return fail(
                .crash("\(subject) did not answer Start within \(limits.startedWithin.inWords) and was killed"), at: now
            )
        case .running, .holding: return stalled(outputPaused: outputPaused, at: now)
        case .stopping(let sequel): return kill(then: sequel, at: now)
        case .killing(let sequel): return hung(sequel)
        case .pausing, .failed: return spawn(at: now)
        }
    }

    private mutating func stalled(outputPaused: BootInstant?, at now: BootInstant) -> [Action] {
        // Heartbeats may wait in the pipe because the listener is slow: then the driver gets its full time again.
        if let outputPaused, outputPaused.advanced(by: stallAfter) > now {
            lastProgress = max(lastProgress, outputPaused)
            deadline = lastProgress.advanced(by: stallAfter)
            return []
        }
        let heard = lastHeartbeat.map { now.duration(since: $0) < DriverProtocolLimits.heartbeatInterval * 3 } ?? false
        let sign =
            heard
            ? "is alive but makes no progress (its heartbeat has stayed at turn \(lastTurns ?? 0))"
            : "sends no heartbeat"
        return fail(
            .crash("\(subject) \(sign) for \(stallAfter.inWords) and was killed; the adapter or the driver hangs"),
            at: now)
    }

    /// SIGKILL did not help.
    private mutating func hung(_ sequel: Sequel) -> [Action] {
        deadline = nil
        let detail =
            "\(subject) (process \(process)) cannot be ended: it hangs in the kernel, most likely in its port; "
            + "unplug the adapter or restart the gateway"
        if sequel == .idle { return tell(.failed, detail, isAlarm: true) + [.stopped] }
        return tell(.failed, detail, isAlarm: true)
    }

    /// Ends the process for a failure, then goes on with it. Devices are bad from now on, not from the exit on.
    mutating func fail(_ failure: Failure, gracefully: Bool = false, at now: BootInstant) -> [Action] {
        // A process that is still being spawned cannot be asked; the kill reaches it as soon as it is there.
        let end =
            gracefully
            ? shutDown(then: .failure(failure), at: now) : kill(then: .failure(failure), at: now)
        return end + loss(failure)
    }

    private mutating func kill(then sequel: Sequel, at now: BootInstant) -> [Action] {
        phase = .killing(sequel)
        deadline = now.advanced(by: limits.killWithin)
        return [.kill]
    }

    /// Once per loss.
    private mutating func loss(_ failure: Failure) -> [Action] {
        guard !isGone else { return [] }
        isGone = true
        return [.failPending("\(subject) stopped: \(failure.sentence)"), .gone(failure.sentence)]
    }

    /// No process is left: pause, or give up for a longer while.
    mutating func settle(_ failure: Failure, at now: BootInstant) -> [Action] {
        let lost = loss(failure)
        guard !isCheckOnly else { return lost + becomeIdle() }
        switch failure {
        case .crash(let sentence): return lost + crashed(sentence, at: now)
        case .refused(let sentence): return lost + giveUp(sentence, retry: retryPeriod, at: now)
        case .startRetriable(let sentence):
            startFailuresInARow += 1
            let pause = backOff(
                first: limits.firstStartBackOff, longest: limits.longestStartBackOff, attempt: startFailuresInARow)
            phase = .pausing
            deadline = now.advanced(by: pause)
            return lost + tell(.waiting, "\(sentence); tried again in \(pause.inWords)")
        case .startFatal(let sentence):
            // Only another configuration can help; but a street is never given up.
            return lost + giveUp(sentence, retry: hasLamps ? limits.retryFailedWithLamps : nil, at: now)
        }
    }

    private mutating func crashed(_ sentence: String, at now: BootInstant) -> [Action] {
        if let since = runningSince, now.duration(since: since) >= limits.healthyAfter {
            crashes = []
            crashesInARow = 0
            isInCrashLoop = false
        }
        runningSince = nil
        let window = limits.crashWindow
        crashes.removeAll { now.duration(since: $0) > window }
        crashes.append(now)
        crashesInARow += 1
        if crashes.count >= limits.crashLimit { isInCrashLoop = true }
        if isInCrashLoop {
            let loop = "crash loop (\(crashesInARow) crashes in a row), the last: \(sentence)"
            return giveUp(loop, retry: retryPeriod, at: now)
        }
        let pause = backOff(first: limits.firstBackOff, longest: limits.longestBackOff, attempt: crashesInARow)
        phase = .pausing
        deadline = now.advanced(by: pause)
        return tell(.waiting, "\(sentence); started again in \(pause.inWords)")
    }

    private mutating func giveUp(_ sentence: String, retry: Duration?, at now: BootInstant) -> [Action] {
        phase = .failed
        deadline = retry.map { now.advanced(by: $0) }
        let next = retry.map { "tried again every \($0.inWords)" } ?? "waits for another configuration"
        return tell(.failed, "\(sentence); \(next)", isAlarm: true)
    }

    private var retryPeriod: Duration { hasLamps ? limits.retryFailedWithLamps : limits.retryFailed }

    /// Doubles with each attempt from the first pause to the longest, ±20 %.
    private func backOff(first: Duration, longest: Duration, attempt: Int) -> Duration {
        let doubled = first * (1 << min(max(attempt, 1) - 1, 16))
        return min(doubled, longest) * (0.8 + 0.4 * min(max(random(), 0), 1))
    }
}

extension SupervisionMachine.Failure {
    var sentence: String {
        switch self {
        case .crash(let sentence), .refused(let sentence), .startRetriable(let sentence), .startFatal(let sentence):
            sentence
        }
    }
}
