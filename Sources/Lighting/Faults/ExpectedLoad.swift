public import Telemetry

extension LampPower {
    /// What the lamp draws at this much light, in W.
    ///
    /// TALQ 2.7.1, lampPowerTooHigh and lampPowerTooLow: `rated x (1 - (1 - light) / gradient)`, never below standby;
    /// standby where the lamp is off. It is an estimate: drivers differ by a tenth, lamps age, constant light output
    /// raises the power over the years while the ordered level stays the same (the level told by the gear then tells it).
    ///
    /// - Parameter light: percent of light, 0 to 100.
    public func expected(light: ExactDecimal) -> Double {
        guard light > .zero else { return standby.approximation }
        let share = 1 - (1 - light.approximation / 100) / max(1, gradient.approximation)
        return max(standby.approximation, rated.approximation * share)
    }

    /// Above this the lamp burns, whatever its gear says: twice its standby, at least a twentieth of its rated power, in W.
    var burning: Double { max(2 * standby.approximation, rated.approximation / 20) }
}

/// What the lamps on a feeder should draw together, lamp by lamp.
///
/// The sum of ``LampPower/expected(light:)`` and of what else is connected. A lamp nobody knows anything of counts half,
/// and widens the limit by the same: dark and at the ordered level are both within it, brighter is not. What cannot be seen: a failed lamp in so many
/// that the share of the limit hides it (5 % of 40 lamps are two), and a lamp that failed while another burned unasked.
public struct ExpectedLoad: Sendable, Hashable {
    /// Of all lamps, in W.
    public private(set) var lamps: Double = 0
    /// What else draws power, in W.
    public let other: Double
    /// By how much ``lamps`` may be wrong because lamps do not answer, in W.
    public private(set) var doubt: Double = 0
    /// Lamps that should burn.
    public private(set) var burning = 0
    /// What those draw together, in W.
    public private(set) var burningPower: Double = 0
    /// The smallest of them, in W; nil where none burns.
    private var smallestBurning: Double?
    /// The smallest at full light, in W.
    private var smallestRated: Double?

    /// - Parameter other: what else draws power, in W.
    public init(other: ExactDecimal) { self.other = other.approximation }

    /// In W.
    public var total: Double { lamps + other }

    /// - Parameters:
    ///   - light: percent of light, 0 to 100.
    ///   - isCertain: false where the lamp does not answer.
    ///   - measured: by its own gear, in W: what it draws wrongly is its own fault then, not the feeder's.
    public mutating func add(
        _ power: LampPower, light: ExactDecimal, isCertain: Bool = true, measured: ExactDecimal? = nil
    ) {
        let expected = measured?.approximation ?? power.expected(light: light)
        smallestRated = min(smallestRated ?? .infinity, power.rated.approximation)
        guard isCertain else {
            lamps += expected / 2
            doubt += expected / 2
            return
        }
        lamps += expected
        guard light > .zero else { return }
        burning += 1
        burningPower += expected
        smallestBurning = min(smallestBurning ?? .infinity, expected)
    }

    /// How far the meter may be away: the given percentage, at least half of the smallest lamp that burns (of the smallest
    /// lamp at full light where none does), and what is in doubt; in W.
    public func limit(percent: ExactDecimal) -> Double {
        max(total * percent.approximation / 100, (smallestBurning ?? smallestRated ?? 0) / 2) + doubt
    }

    /// How many of the burning lamps this much power is, rounded, at least one; nil where none burns.
    public func lamps(worth power: Double) -> Int? {
        guard burning > 0, burningPower > 0 else { return nil }
        return max(1, Int((power.magnitude / (burningPower / Double(burning))).rounded()))
    }
}
