internal import Telemetry

/// Who else is on the bus: gear that the configuration does not name. A frame to a group or to all would reach it, too, so
/// none goes out before that is known.
struct BusCensus: Sendable {
    /// Gear is added by people, not every hour: 64 questions are 2 s of bus.
    static let renewal: Duration = .seconds(24 * 3600)
    /// Silence is believed when it comes twice.
    private static let attempts = 2

    private enum Question: Sendable {
        case presence
        case groupsLow
        case groupsHigh
        case unaddressed
        case finished
    }

    /// Gear at addresses that no device has.
    private(set) var strangers: Set<ShortAddress> = []
    /// Groups that they are in; all of them while one does not say.
    private(set) var strangerGroups: UInt16 = 0
    private(set) var hasUnaddressed = false
    private(set) var finishedAt: BootInstant?

    private var addresses: [ShortAddress]
    private var question = Question.presence
    private var attempts = 0
    private var low: UInt8 = 0

    /// - Parameter known: addresses that devices of the configuration have.
    init(known: Set<ShortAddress>) {
        addresses = (0...63).compactMap { ShortAddress($0) }.filter { !known.contains($0) }
        if addresses.isEmpty { question = .unaddressed }
    }

    var isFinished: Bool { finishedAt != nil }

    /// nil at the end.
    func next(priority: FramePriority) -> [DALIRequest]? {
        guard let address = addresses.first else {
            guard case .unaddressed = question else { return nil }
            return [.gear(GearAddress.broadcast, .queryMissingShortAddress, priority: priority)]
        }
        switch question {
        case .presence: return [.gear(address, .queryControlGearPresent, priority: priority)]
        case .groupsLow: return [.gear(address, .queryGroupsZeroToSeven, priority: priority)]
        case .groupsHigh: return [.gear(address, .queryGroupsEightToFifteen, priority: priority)]
        case .unaddressed, .finished: return nil
        }
    }

    mutating func received(_ outcome: DALIOutcome, at now: BootInstant) {
        if case .error = outcome { return }
        attempts += 1
        if case .none = outcome, attempts < Self.attempts { return }
        attempts = 0
        switch (question, outcome) {
        case (.presence, .none): advance()
        case (.presence, .reply):
            insertStranger()
            question = .groupsLow
        case (.presence, _):
            // Several at one address: nobody can say what groups they are in.
            insertStranger()
            strangerGroups = .max
            advance()
        case (.groupsLow, .reply(let value)):
            low = value
            question = .groupsHigh
        case (.groupsHigh, .reply(let value)):
            strangerGroups |= UInt16(value) << 8 | UInt16(low)
            advance()
        case (.groupsLow, _), (.groupsHigh, _):
            strangerGroups = .max
            advance()
        case (.unaddressed, _):
            if case .none = outcome { hasUnaddressed = false } else { hasUnaddressed = true }
            question = .finished
            finishedAt = now
        case (.finished, _): break
        }
    }

    private mutating func insertStranger() {
        if let address = addresses.first { strangers.insert(address) }
    }

    private mutating func advance() {
        addresses.removeFirst()
        question = addresses.isEmpty ? .unaddressed : .presence
    }
}
