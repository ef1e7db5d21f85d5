internal import Telemetry

/// Looks after one gear's own memory: who it is, and that what it keeps is what the configuration wants. Written only when
/// different, read back always.
///
/// Pure, like every run: ``next(_:registerUses:)`` says what to send, ``received(_:gear:registerUses:)`` takes what came.
struct GearUpkeep: Sendable {
    /// A question without an answer is asked once more.
    private static let attempts = 2

    enum Finding: Sendable, Hashable {
        case written(GearSetting, from: UInt8, to: UInt8)
        /// It keeps something else, or does not answer to the question at all.
        case refused(GearSetting, wanted: UInt8, kept: UInt8?)
        /// It keeps something else, and nothing may be written.
        case differs(GearSetting, wanted: UInt8, kept: UInt8)
    }

    private enum Phase: Sendable {
        case identity
        case query
        case write([[DALIRequest]], from: UInt8)
        case check(from: UInt8)
        case finished
    }

    let isReadOnly: Bool
    private(set) var findings: [Finding] = []
    private(set) var identity: IdentityRead.Result?
    /// The interface or the bus failed; nothing can be said of the gear.
    private(set) var linkFailure: DALIFailure?
    /// Answers that were understood; none at all: the gear is not there now.
    private(set) var answers = 0

    private var phase = Phase.identity
    private var read: IdentityRead
    /// How often anybody had set a transfer register when the last answer came.
    private var uses: UInt64?
    private var settings: [GearSetting]
    private var attempts = 0

    init(_ gear: Gear, isReadOnly: Bool) {
        self.isReadOnly = isReadOnly
        read = IdentityRead(gear.address)
        settings = GearSetting.all(for: gear)
    }

    /// Frames that belong together; nil at the end.
    mutating func next(_ gear: Gear, registerUses: UInt64) -> [DALIRequest]? {
        switch phase {
        case .identity:
            if case .exchange(let requests) = read.next(isUndisturbed: registerUses == uses) { return requests }
            identity = read.result
            phase = .query
            return next(gear, registerUses: registerUses)
        case .query, .check:
            guard let setting = settings.first else {
                phase = .finished
                return nil
            }
            return setting.query(gear, priority: .configuration)
        case .write(let units, _): return units.first
        case .finished: return nil
        }
    }

    mutating func received(_ outcomes: [DALIOutcome], gear: inout Gear, registerUses: UInt64) {
        guard let outcome = outcomes.last else { return }
        if case .error(let failure) = outcome {
            linkFailure = failure
            phase = .finished
            return
        }
        for case .reply in outcomes { answers += 1 }
        switch phase {
        case .identity:
            read.received(outcomes)
            uses = registerUses
            // A gear that is not there is not asked a dozen questions more.
            if read.result == .unreadable, answers == 0 { phase = .finished }
        case .query: receivedQuery(outcome, gear: &gear)
        case .write(let units, let from):
            phase = units.count > 1 ? .write(Array(units.dropFirst()), from: from) : .check(from: from)
        case .check(let from): receivedCheck(outcome, gear: &gear, from: from)
        case .finished: break
        }
    }

    private mutating func receivedQuery(_ outcome: DALIOutcome, gear: inout Gear) {
        guard let setting = settings.first else { return }
        guard case .reply(let answer) = outcome else {
            attempts += 1
            guard attempts >= Self.attempts else { return }
            unanswered(setting, outcome, gear: &gear)
            advance()
            return
        }
        let kept = setting.value(in: answer)
        take(setting, kept, gear: &gear)
        guard let wanted = setting.wanted(gear), wanted != kept else {
            gear.keeping.refused[setting] = nil
            advance()
            return
        }
        if isReadOnly {
            findings.append(.differs(setting, wanted: wanted, kept: kept))
            advance()
        } else if gear.keeping.refused[setting] == GearKeeping.Refusal(wanted: wanted, kept: kept) {
            // It was told, and the gear was given its chance.
            advance()
        } else {
            attempts = 0
            phase = .write(setting.writes(gear, from: kept, to: wanted), from: kept)
        }
    }

    private mutating func receivedCheck(_ outcome: DALIOutcome, gear: inout Gear, from: UInt8) {
        guard let setting = settings.first else { return }
        var kept: UInt8?
        if case .reply(let answer) = outcome {
            kept = setting.value(in: answer)
        } else {
            attempts += 1
            guard attempts >= Self.attempts else { return }
        }
        if let kept { take(setting, kept, gear: &gear) } else { gear.keeping.kept[setting] = nil }
        if let wanted = setting.wanted(gear), wanted != kept {
            gear.keeping.refused[setting] = GearKeeping.Refusal(wanted: wanted, kept: kept)
            findings.append(.refused(setting, wanted: wanted, kept: kept))
        } else if let kept {
            findings.append(.written(setting, from: from, to: kept))
        }
        advance()
    }

    /// No answer, or several at once: what is asked for again later, or what old gear does not know.
    private mutating func unanswered(_ setting: GearSetting, _ outcome: DALIOutcome, gear: inout Gear) {
        gear.keeping.kept[setting] = nil
        if case .curve = setting, case .none = outcome {
            // No LED gear of device type 6: the standard's own curve, or the one that the file names.
            gear.curve = gear.configuredCurve ?? .logarithmic
            gear.isCurveDoubted = false
            return
        }
        guard answers > 0, let wanted = setting.wanted(gear),
            gear.keeping.refused[setting] != GearKeeping.Refusal(wanted: wanted, kept: nil)
        else { return }
        gear.keeping.refused[setting] = GearKeeping.Refusal(wanted: wanted, kept: nil)
        findings.append(.refused(setting, wanted: wanted, kept: nil))
    }

    /// What is asked for anyway is what commands compute with.
    private func take(_ setting: GearSetting, _ kept: UInt8, gear: inout Gear) {
        gear.keeping.kept[setting] = kept
        switch setting {
        case .curve:
            gear.curve = kept == 1 ? .linear : .logarithmic
            gear.isCurveDoubted = false
        case .minimumLevel where kept > 0 && kept <= ArcPowerCurve.full: gear.minimum = kept
        case .maximumLevel where kept > 0 && kept <= ArcPowerCurve.full:
            gear.maximum = kept
            gear.areLimitsDoubted = false
        case .fadeTime: gear.fade = kept
        default: break
        }
    }

    private mutating func advance() {
        attempts = 0
        settings.removeFirst()
        phase = settings.isEmpty ? .finished : .query
    }
}
