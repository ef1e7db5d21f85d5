/// Asks a gear once what must be known to command it: its curve, its highest and lowest level.
///
/// Pure: ``next(for:priority:)`` says what to send, ``received(_:gear:)`` takes what came of it.
struct GearIdentification: Sendable {
    /// A question without an answer is asked once more: silence means "no device type 6" only when it is no accident.
    static let attempts = 2

    private enum Question: Sendable, CaseIterable {
        case curve
        case maximum
        case minimum
    }

    private var asked: Question?
    private var counts: [Question: Int] = [:]

    /// Frames that belong together, or nil when nothing is left to ask.
    ///
    /// - Parameter limits: ask for the highest and lowest level, too; a reading needs only the curve.
    mutating func next(for gear: Gear, limits: Bool = true, priority: FramePriority) -> [DALIRequest]? {
        asked = Question.allCases.first {
            isOpen($0, gear) && counts[$0, default: 0] < Self.attempts && (limits || $0 == .curve)
        }
        guard let asked else { return nil }
        counts[asked, default: 0] += 1
        switch asked {
        case .curve:
            return DALIRequest.deviceType(
                .short(gear.address), DeviceTypeOpcode.LED.queryDimmingCurve, priority: priority)
        case .maximum: return [.gear(gear.address, .queryMaxLevel, priority: priority)]
        case .minimum: return [.gear(gear.address, .queryMinLevel, priority: priority)]
        }
    }

    mutating func received(_ outcome: DALIOutcome, gear: inout Gear) {
        switch (asked, outcome) {
        case (.curve, .reply(let value)):
            gear.curve = value == 1 ? .linear : .logarithmic
            gear.isCurveDoubted = false
        case (.curve, .none) where counts[.curve, default: 0] >= Self.attempts:
            // No LED gear of device type 6: the standard's own curve.
            gear.curve = .logarithmic
            gear.isCurveDoubted = false
        case (.maximum, .reply(let value)) where value > 0 && value <= ArcPowerCurve.full: gear.maximum = value
        case (.minimum, .reply(let value)) where value > 0 && value <= ArcPowerCurve.full:
            gear.minimum = value
            // The lowest is asked for last.
            gear.areLimitsDoubted = false
        default: break
        }
    }

    private func isOpen(_ question: Question, _ gear: Gear) -> Bool {
        switch question {
        case .curve: gear.curve == nil || gear.isCurveDoubted
        case .maximum: gear.maximum == nil || gear.areLimitsDoubted && counts[.maximum] == nil
        case .minimum: gear.minimum == nil || gear.areLimitsDoubted
        }
    }
}
