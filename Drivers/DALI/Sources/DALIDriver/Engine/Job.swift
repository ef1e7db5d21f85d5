internal import DriverProtocol
internal import Telemetry

/// What a person or a schedule waits for. It ends exactly once, with its completion.
struct Job {
    enum Work {
        case command(LampCommand, (DriverCommandDone) -> Void)
        case colour(ColourCommand, (DriverCommandDone) -> Void)
        case query(LampQuery, deadline: BootInstant, (DriverQueryDone) -> Void)
    }

    /// Orders to the lamps of a group come one by one; so long the first waits for the others, so that one frame does for all.
    static let gathering: Duration = .milliseconds(20)

    let position: Int
    var work: Work
    var gathersUntil = BootInstant(nanoseconds: .min)

    /// What a command is about to send, when others may want to send the very same; nil otherwise. Its address is broadcast, so
    /// that those of several gear compare equal when they mean the same.
    func sharedFrame(_ gear: Gear) -> DALIRequest? {
        guard case .command(let command, _) = work, command.isAboutToSend, command.order.isShareable else { return nil }
        return command.order.request(gear, priority: command.priority).addressed(to: .broadcast)
    }

    /// Rank of a person's read-back; behind it come those of schedules.
    static let lastBeforeReadBacks = 8 + Int(FramePriority.user.rawValue)

    /// Who goes first: a person, then a schedule; what has not been sent before what is only to be read back.
    var rank: Int {
        switch work {
        case .command(let command, _): (command.isSent ? 8 : 0) + Int(command.priority.rawValue)
        case .colour(let command, _): (command.isSent ? 8 : 0) + Int(command.priority.rawValue)
        case .query(let query, _, _): 4 + Int(query.priority.rawValue)
        }
    }

    /// - Parameter registerUses: how often anybody has set a data transfer register so far.
    mutating func next(_ gear: Gear, registerUses: UInt64, at now: BootInstant) -> GearStep {
        switch work {
        case .command(var command, let completion):
            let step = command.next(gear, at: now)
            work = .command(command, completion)
            return step
        case .colour(var command, let completion):
            let step = command.next(gear, registerUses: registerUses, at: now)
            work = .colour(command, completion)
            return step
        case .query(var query, let deadline, let completion):
            if now >= deadline { return .finished }
            let step = query.next(gear, registerUses: registerUses, at: now)
            work = .query(query, deadline: deadline, completion)
            return step
        }
    }

    /// - Parameter outcomes: of the exchange's frames in order; they end at the first that did not reach the bus.
    mutating func received(_ outcomes: [DALIOutcome], gear: inout Gear, registerUses: UInt64, at now: BootInstant) {
        let outcome = outcomes.last ?? .none
        switch work {
        case .command(var command, let completion):
            command.received(outcome, gear: &gear, at: now)
            work = .command(command, completion)
        case .colour(var command, let completion):
            command.received(outcome, gear: &gear, registerUses: registerUses, at: now)
            work = .colour(command, completion)
        case .query(var query, let deadline, let completion):
            query.received(outcomes, gear: &gear, registerUses: registerUses, at: now)
            work = .query(query, deadline: deadline, completion)
        }
    }

    /// What was learned on the way and is to be told now, as a poll would.
    mutating func takeSamples() -> [Sample] {
        guard case .command(var command, let completion) = work else { return [] }
        defer { work = .command(command, completion) }
        return command.takeSamples()
    }

    /// Hands the result over. What was not finished fails with `reason`.
    func complete(_ gear: Gear, reason: String = "") {
        switch work {
        case .command(var command, let completion):
            command.abandon(reason)
            completion(command.done)
        case .colour(var command, let completion):
            command.abandon(reason)
            completion(command.done)
        case .query(let query, _, let completion):
            var done = DriverQueryDone()
            done.samples = DriverSamples(device: gear.index, samples: query.samples)
            done.failure = query.failure ?? (query.samples.isEmpty ? (reason.isEmpty ? Self.late : reason) : "")
            completion(done)
        }
    }

    private static let late = "the time for it was over before the gear was asked"
}
