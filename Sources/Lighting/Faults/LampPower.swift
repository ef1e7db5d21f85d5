public import Telemetry

/// What one lamp draws at full light, and how that falls with its light.
public struct LampPower: Sendable, Hashable {
    /// At full light, in W.
    public let rated: ExactDecimal
    /// Switched off but with mains, in W. The limit of the Ecodesign rules for control gear.
    public let standby: ExactDecimal
    /// TALQ's power-light gradient: power = rated x (1 - (1 - light) / gradient). 1 is proportional; more leaves a rest at little light.
    public let gradient: ExactDecimal

    /// 0.5 W: Regulation (EU) 2019/2020 allows control gear no more in standby.
    public static let usualStandby = ExactDecimal(mantissa: 5, exponent: -1)
    /// An LED driver draws about a tenth of its rated power at the lowest light.
    public static let usualGradient = ExactDecimal(mantissa: 11, exponent: -1)

    public init(
        rated: ExactDecimal, standby: ExactDecimal = usualStandby, gradient: ExactDecimal = usualGradient
    ) {
        self.rated = rated
        self.standby = standby
        self.gradient = gradient
    }
}
