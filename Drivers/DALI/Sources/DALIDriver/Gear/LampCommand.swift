internal import DriverProtocol
internal import Telemetry

/// One command to one lamp from the first frame to the read-back after its fade, as a pure state machine.
struct LampCommand: GearRun {
    /// From the command to the first look at its effect: a gear acts on a frame at once and reports it within its next answer;
    /// the pause lets commands to other lamps go first.
    static let firstLook: Duration = .milliseconds(100)
    /// Between two looks while a fade runs: four a second cost a tenth of the bus at most.
    static let fadeLook: Duration = .milliseconds(250)
    /// After some looks the fade is a long one, and once a second is often enough.
    static let longFadeLook: Duration = .seconds(1)
    static let looksUntilLong = 8
    /// So long after the fade a gear may still be on its way (ignition, start-up: it reports MASK).
    static let settle: Duration = .seconds(2)
    static let settleLook: Duration = .milliseconds(250)
    /// A look without an answer is repeated this often, this far apart.
    static let lookAttempts = 3
    static let lookRetry: Duration = .milliseconds(200)
    /// A gear that has just got its mains hears nothing for up to 350 ms, a slow one for seconds. A level needs no answer: it is
    /// sent again after each of these to one that did not answer the look, together 3.4 s, unless it was silent before.
    static let repeats: [Duration] = [.milliseconds(300), .milliseconds(600), .milliseconds(1000), .milliseconds(1500)]
    /// A frame that the interface refuses (full buffer, a macro) is tried again.
    static let sendAttempts = 3
    static let sendRetry: Duration = .milliseconds(150)

    private enum Phase: Sendable {
        /// Nobody has read the gear yet, and a level ends what it can tell of its mains: it is asked once. Silence delays nothing.
        case firstStatus
        /// Nothing is known of the gear: is it there?
        case presence
        case identification
        case fadeQuery
        case fadeWrite
        case fadeCheck
        case send
        case pause(until: BootInstant, then: Look)
        /// It did not answer, or the interface refused the frame: the level goes out once more.
        case resend(at: BootInstant)
        case look(Look)
        case finished
    }

    private enum Look: Sendable {
        case status
        case level
    }

    let order: LampOrder
    let priority: FramePriority
    /// Index of the fade time that the command asks for; nil: the gear's own.
    let fade: UInt8?
    let deadline: BootInstant
    private(set) var isSent = false
    /// Nothing is left to do but to send it.
    var isAboutToSend: Bool { if case .send = phase { true } else { false } }
    private(set) var done = DriverCommandDone()
    private(set) var linkFailure: DALIFailure?

    private var phase: Phase
    private var identification = GearIdentification()
    /// The exchange under way asks for the gear's curve and limits, before its level is judged by them.
    private var isIdentifying = false
    private var hasIdentified = false
    /// The gear answered, or did not although it was asked twice: its silence to another question says something, or nothing.
    private var isPresent: Bool?
    /// Times that the level was sent again.
    private var repeated = 0
    /// The latest look found nobody: what was sent before it may not have been heard.
    private var wasUnanswered = false
    /// Whether a gear that does not answer the look is sent its level again.
    private let mayRepeat: Bool
    /// What the first question brought, until it is told.
    private var samples: [Sample] = []
    private var notes: [String] = []
    private var attempts = 0
    private var looks = 0
    private var fadeEnded: BootInstant?
    private var status: GearStatus?

    init(_ order: LampOrder, command: DriverCommand, gear: Gear, at now: BootInstant) {
        self.order = order
        priority = command.framePriority
        deadline = command.deadline(from: now)
        var fade: UInt8?
        if case .level = order {
            if command.fadeMs == 0 {
                fade = gear.configuredFade
            } else {
                let wanted = Int(clamping: command.fadeMs)
                let nearest = FadeTime.nearest(milliseconds: wanted)
                fade = nearest.index
                if nearest.milliseconds != wanted {
                    notes.append(
                        "a fade of \(FadeTime.seconds(wanted)) is none that gear knows: "
                            + "the nearest, \(FadeTime.seconds(nearest.milliseconds)), was used")
                }
            }
        }
        self.fade = fade
        // A step up would be two. A gear that has been silent for long costs its neighbours no more than one frame an order.
        // A person sees at once that it did not answer.
        mayRepeat =
            priority != .user && order.target(gear) != nil && !gear.isOffline && !gear.isUnpowered
        phase = order != .identify && gear.isUnread ? .firstStatus : .identification
    }

    mutating func next(_ gear: Gear, at now: BootInstant) -> GearStep {
        if case .finished = phase { return .finished }
        if now >= deadline {
            expire(gear)
            return .finished
        }
        switch phase {
        case .firstStatus, .presence: return .exchange([.gear(gear.address, .queryStatus, priority: priority)])
        case .identification:
            // At the ends of the curve nothing needs asking: the frame goes at once, even to a gear that cannot answer. The gear
            // keeps to its limits by itself: they are asked for when it is read back, after other lamps have had their light.
            if order.needsCurve, isPresent != false,
                let requests = identification.next(for: gear, limits: false, priority: priority)
            {
                return .exchange(requests)
            }
            phase = fade == nil || fade == gear.fade ? .send : (gear.fade == nil ? .fadeQuery : .fadeWrite)
            return next(gear, at: now)
        case .fadeQuery, .fadeCheck:
            return .exchange([.gear(gear.address, .queryFadeTimeFadeRate, priority: priority)])
        case .fadeWrite:
            return .exchange([
                DALIRequest(.special(.dataTransferRegister0, fade ?? 0), priority: priority),
                .gear(gear.address, .setFadeTime, priority: .continuation),
            ])
        case .send: return .exchange([order.request(gear, priority: priority)])
        case .pause(let until, let look):
            guard until <= now else { return .wait(until: min(until, deadline)) }
            phase = .look(look)
            return next(gear, at: now)
        case .look(.status): return .exchange([.gear(gear.address, .queryStatus, priority: priority)])
        case .resend(let moment):
            guard moment <= now else { return .wait(until: min(moment, deadline)) }
            // It may have woken meanwhile.
            phase = isSent && gear.isUnread ? .firstStatus : .send
            return next(gear, at: now)
        case .look(.level):
            // Its limits matter only where it does not stand as ordered: other lamps have their light before.
            if isIdentifying, let requests = identification.next(for: gear, priority: priority) {
                return .exchange(requests)
            }
            isIdentifying = false
            return .exchange([.gear(gear.address, .queryActualLevel, priority: priority)])
        case .finished: return .finished
        }
    }

    mutating func received(_ outcome: DALIOutcome, gear: inout Gear, at now: BootInstant) {
        if case .error(let error) = outcome {
            receivedFailure(error, at: now)
            return
        }
        switch phase {
        case .firstStatus: receivedFirstStatus(outcome, gear: &gear, at: now)
        case .presence: receivedPresence(outcome, gear: &gear, at: now)
        case .identification: receivedIdentification(outcome, gear: &gear)
        case .fadeQuery: receivedFade(outcome, gear: &gear, otherwise: .fadeWrite)
        case .fadeWrite: phase = .fadeCheck
        case .fadeCheck: receivedFade(outcome, gear: &gear, otherwise: .send)
        case .send: receivedSent(gear, at: now)
        case .look where isIdentifying: identification.received(outcome, gear: &gear)
        case .look(let look): receivedLook(look, outcome, gear: &gear, at: now)
        case .pause, .resend, .finished: break
        }
    }

    /// Ends the run from outside: another command took its place, the driver stops.
    mutating func abandon(_ reason: String) {
        guard case .finished = phase else {
            finish(.failed, reason)
            return
        }
    }

    /// What was read before the level was sent, to be told as a poll would.
    mutating func takeSamples() -> [Sample] {
        defer { samples = [] }
        return samples
    }

    // MARK: what came

    private mutating func receivedFailure(_ error: DALIFailure, at now: BootInstant) {
        attempts += 1
        if case .rejected = error, attempts < Self.sendAttempts {
            switch phase {
            case .look(let look): phase = .pause(until: now.advanced(by: Self.lookRetry), then: look)
            case .send: phase = .resend(at: now.advanced(by: Self.sendRetry))
            default: break
            }
            return
        }
        linkFailure = error
        let what = isSent ? "sent, but not read back: " : "nothing was sent: "
        finish(.failed, what + error.description)
    }

    private mutating func receivedFirstStatus(_ outcome: DALIOutcome, gear: inout Gear, at now: BootInstant) {
        // What was ordered again has all that it needs.
        phase = isSent ? .send : .identification
        guard case .reply(let value) = outcome else { return }
        attempts = 0
        isPresent = true
        receivedPolled(GearStatus(rawValue: value), gear: &gear, at: now)
    }

    private mutating func receivedPolled(_ status: GearStatus, gear: inout Gear, at now: BootInstant) {
        gear.lastStatus = status
        gear.answered(at: now)
        samples += gear.samples(status: status, at: now)
    }

    private mutating func receivedIdentification(_ outcome: DALIOutcome, gear: inout Gear) {
        if isPresent == nil {
            if case .reply = outcome {
                isPresent = true
            } else {
                // Only of a gear that is there silence means that it is none of device type 6.
                attempts = 0
                phase = .presence
                return
            }
        }
        identification.received(outcome, gear: &gear)
    }

    private mutating func receivedPresence(_ outcome: DALIOutcome, gear: inout Gear, at now: BootInstant) {
        attempts += 1
        switch outcome {
        case .reply(let value):
            receivedPolled(GearStatus(rawValue: value), gear: &gear, at: now)
            attempts = 0
            isPresent = true
            phase = .identification
        case .collision:
            gear.collided(at: now)
            finish(.failed, "\(gear.detail); nothing was sent")
        case .none, .error:
            guard attempts >= GearIdentification.attempts else { return }
            isPresent = false
            attempts = 0
            phase = .identification
            // What was known of it serves: a level needs no answer.
            guard gear.curve == nil else { return }
            finish(
                .noAnswer,
                "\(gear.address) has never answered, so its curve is unknown and nothing was sent; 0 and 100 % would be"
            )
        }
    }

    private mutating func receivedFade(_ outcome: DALIOutcome, gear: inout Gear, otherwise: Phase) {
        if case .reply(let value) = outcome { gear.fade = value >> 4 }
        if gear.fade == fade {
            phase = .send
        } else {
            if case .send = otherwise {
                notes.append("the gear kept its own fade time")
                gear.fade = nil
            }
            phase = otherwise
        }
    }

    private mutating func receivedSent(_ gear: Gear, at now: BootInstant) {
        isSent = true
        attempts = 0
        guard order.target(gear) != nil || order.isRelative else {
            finish(.applied, "")
            return
        }
        phase = .pause(until: now.advanced(by: Self.firstLook), then: .status)
    }

    private mutating func receivedLook(
        _ look: Look, _ outcome: DALIOutcome, gear: inout Gear, at now: BootInstant
    ) {
        switch outcome {
        case .collision:
            gear.collided(at: now)
            finish(.failed, "sent, but not read back: \(gear.detail)")
        case .none, .error:
            attempts += 1
            wasUnanswered = true
            if mayRepeat, repeated < Self.repeats.count {
                phase = .resend(at: now.advanced(by: Self.repeats[repeated]))
                repeated += 1
                return
            }
            guard attempts < Self.lookAttempts else {
                let mains = gear.isUnpowered ? "; its feeder is off" : ""
                finish(.noAnswer, "sent, but \(gear.address) did not answer when it was read back\(mains)")
                return
            }
            phase = .pause(until: now.advanced(by: Self.lookRetry), then: look)
        case .reply(let value):
            attempts = 0
            gear.answered(at: now)
            switch look {
            case .status: receivedStatus(GearStatus(rawValue: value), gear: &gear, at: now)
            case .level: receivedLevel(value, gear: &gear, at: now)
            }
        }
    }

    private mutating func receivedStatus(_ new: GearStatus, gear: inout Gear, at now: BootInstant) {
        status = new
        gear.lastStatus = new
        if new.contains(.fadeRunning) {
            looks += 1
            let pause = looks > Self.looksUntilLong ? Self.longFadeLook : Self.fadeLook
            phase = .pause(until: now.advanced(by: pause), then: .status)
        } else {
            if fadeEnded == nil { fadeEnded = now }
            phase = .look(.level)
        }
    }

    private mutating func receivedLevel(_ level: UInt8, gear: inout Gear, at now: BootInstant) {
        let target = order.target(gear) ?? level
        if !hasIdentified, mustIdentify(gear, at: level, target) {
            hasIdentified = true
            isIdentifying = true
            return
        }
        let isThere = level == target
        if !isThere, wasUnanswered, mayRepeat {
            wasUnanswered = false
            phase = .resend(at: now)
            return
        }
        let isOver = fadeEnded.map { now.duration(since: $0) >= Self.settle } ?? true
        guard isThere || isOver else {
            phase = .pause(until: now.advanced(by: Self.settleLook), then: .status)
            return
        }
        var samples = status.map { gear.samples(status: $0, at: now, all: true) } ?? []
        samples += gear.samples(level: level, at: now, all: true)
        done.samples = DriverSamples(device: gear.index, samples: samples)
        if level <= ArcPowerCurve.full {
            done.readBack = DriverValue(.number((gear.curve ?? .logarithmic).percent(level: level)))
        }
        if isThere {
            if let note = order.limitNote(gear) { notes.append(note) }
            // Nobody but the gear knows where a step leads: it is told, not judged.
            finish(order.target(gear) == nil ? .applied : .verified, notes.joined(separator: "; "))
        } else {
            // Its limits may have been changed by somebody else: ask again next time.
            gear.minimum = nil
            gear.maximum = nil
            let lamp = status?.contains(.lampFailure) == true ? ", and it reports a lamp failure" : ""
            finish(
                .failed, "\(gear.address) is at \(gear.levelText(level)) instead of \(gear.levelText(target))\(lamp)")
        }
    }

    /// Whether curve or limits are to be asked for before a level can be judged and told in percent.
    private func mustIdentify(_ gear: Gear, at level: UInt8, _ target: UInt8) -> Bool {
        guard level <= ArcPowerCurve.full else { return false }
        if level != target { return !gear.isIdentified || gear.isCurveDoubted || gear.areLimitsDoubted }
        // The ends of every curve are the same.
        return (gear.curve == nil || gear.isCurveDoubted) && level > 0 && level < ArcPowerCurve.full
    }

    private mutating func expire(_ gear: Gear) {
        guard isSent else {
            finish(.expired, "the time for it was over before its turn; nothing was sent")
            return
        }
        let running = status?.contains(.fadeRunning) == true ? "its fade is still running" : "it has not got there"
        finish(.failed, "sent, but when the time for it was over \(gear.address) was not at its level: \(running)")
    }

    private mutating func finish(_ outcome: DriverCommandDone.Outcome, _ reason: String) {
        done.outcome = outcome
        done.reason = reason
        phase = .finished
    }
}
