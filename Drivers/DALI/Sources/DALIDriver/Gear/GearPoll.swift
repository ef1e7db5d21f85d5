internal import Telemetry

/// Reads one gear: status, its curve if nobody knows it yet, level; its limits at the next poll, so that the first
/// reading of a bus comes soon. Polling, and a person's `read`.
struct GearPoll: GearRun {
    /// A level without an answer is asked for once more, so that a single lost frame leaves no hole.
    static let levelAttempts = 2

    private enum Phase: Sendable {
        case status
        case identification
        case level
        case finished
    }

    let priority: FramePriority
    /// A person asks: everything is read and reported, due or not.
    let isComplete: Bool
    private(set) var samples: [Sample] = []
    /// Why nothing could be read; nil when the gear answered.
    private(set) var failure: String?
    /// The interface or the bus failed, not the gear.
    private(set) var linkFailure: DALIFailure?
    private(set) var wentOffline = false
    /// Only its state was asked for, because it is just back; the rest is to be asked soon.
    private(set) var isCutShort = false

    private var phase = Phase.status
    private var identification = GearIdentification()
    private var hasAskedCurve = false
    /// The gear was away before this poll.
    private var isFresh = false
    private var levelAttempts = 0

    init(priority: FramePriority, isComplete: Bool) {
        self.priority = priority
        self.isComplete = isComplete
    }

    mutating func next(_ gear: Gear, at now: BootInstant) -> GearStep {
        switch phase {
        case .status: return .exchange([.gear(gear.address, .queryStatus, priority: priority)])
        case .identification:
            // Back after an absence: its state first, for many may have come back at once and wait for their level.
            if isFresh && gear.curve != nil && !isComplete {
                isCutShort = true
                phase = .finished
                return .finished
            }
            let knewCurve = gear.curve != nil && !gear.isCurveDoubted && !hasAskedCurve
            hasAskedCurve = hasAskedCurve || gear.curve == nil || gear.isCurveDoubted
            if let requests = identification.next(for: gear, limits: knewCurve, priority: priority) {
                return .exchange(requests)
            }
            phase = isComplete || gear.isDue({ $0.isOfLevel }, at: now) ? .level : .finished
            return next(gear, at: now)
        case .level: return .exchange([.gear(gear.address, .queryActualLevel, priority: priority)])
        case .finished: return .finished
        }
    }

    mutating func received(_ outcome: DALIOutcome, gear: inout Gear, at now: BootInstant) {
        if case .error(let error) = outcome {
            linkFailure = error
            failure = error.description
            phase = .finished
            return
        }
        switch phase {
        case .status: receivedStatus(outcome, gear: &gear, at: now)
        case .identification: identification.received(outcome, gear: &gear)
        case .level: receivedLevel(outcome, gear: &gear, at: now)
        case .finished: break
        }
    }

    private mutating func receivedStatus(_ outcome: DALIOutcome, gear: inout Gear, at now: BootInstant) {
        switch outcome {
        case .reply(let value):
            let status = GearStatus(rawValue: value)
            // After a silence of its own, or a return of its mains that is news, another gear may sit there.
            isFresh =
                gear.wasSilent
                || status.contains(.powerCycleSeen) && gear.lastStatus?.contains(.powerCycleSeen) != true
            if isFresh { gear.doubt() }
            gear.lastStatus = status
            gear.answered(at: now)
            samples += gear.samples(status: status, at: now, all: isComplete)
            phase = .identification
        case .collision:
            gear.collided(at: now)
            samples += gear.samples(bad: .collision, at: now, all: isComplete)
            failure = gear.detail
            phase = .finished
        case .none, .error:
            let sentence = "\(gear.address): no answer to QUERY STATUS"
            wentOffline = gear.missed(sentence)
            failure = sentence
            if gear.isOffline || isComplete {
                samples += gear.samples(
                    bad: gear.isUnpowered ? .notPowered : .communication, at: now, all: isComplete)
            }
            phase = .finished
        }
    }

    private mutating func receivedLevel(_ outcome: DALIOutcome, gear: inout Gear, at now: BootInstant) {
        levelAttempts += 1
        switch outcome {
        case .reply(let level): samples += gear.samples(level: level, at: now, all: isComplete)
        case .collision:
            gear.collided(at: now)
            samples += gear.samples(bad: .collision, at: now, all: isComplete) { $0.isOfLevel }
        case .none, .error:
            guard levelAttempts >= Self.levelAttempts else { return }
            samples += gear.samples(bad: .communication, at: now, all: isComplete) { $0.isOfLevel }
        }
        phase = .finished
    }
}
