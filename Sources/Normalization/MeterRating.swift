public import Telemetry

/// The most that can pass a meter: `rating: 63 A`, `630 kV.A`, `2.5 m3/h`. Tells a damaged register from consumption.
public struct MeterRating: Sendable, Hashable {
    public let value: ExactDecimal
    /// As a unit of ``Unit``: a current per phase, a power, or a flow.
    public let unit: String
    /// Conductors that carry the current; without better knowledge all three.
    public let phases: Int

    public init(value: ExactDecimal, unit: String, phases: Int = 3) {
        self.value = value
        self.unit = unit
        self.phases = phases
    }

    /// Highest permitted voltage to neutral: 230 V + 10 % (EN 50160, 4.2.2).
    static let highestVoltage = 253.0
    /// A gG fuse may carry up to 1.6 times its rating for an hour (IEC 60269-1, conventional fusing current); a water meter
    /// passes 1.25 times its permanent flow (ISO 4064-1, Q4).
    static let overload = 1.6
    /// Largest temperature difference of heat meters in the field (EN 1434-1 lets makers state up to this), in K.
    static let largestDifference = 150.0
    /// Heat in a cubic metre of water per kelvin, in W.h, rounded up.
    static let heatOfWater = 1_163.0
    /// Heat in a cubic metre of natural gas, in W.h: above the upper end of group H (DVGW G 260).
    static let heatOfGas = 13_100.0
    /// A running-hours counter gains a second per second; this allows for its own clock.
    static let clockMargin = 1.01

    /// The most that a counter can gain in an hour, in its own unit; nil when the rating says nothing of such a quantity.
    ///
    /// - Parameters:
    ///   - point: name of the counter; its quantity tells heat from electricity.
    ///   - unit: of the counter.
    static func hourlyLimit(of rating: MeterRating?, point: String, unit: Unit) -> Double? {
        let inBase = powerOfTen(-unit.powerOfTen)
        switch unit.dimension {
        // Time passes at the same speed whatever the rating.
        case "s": return 3_600 * clockMargin * inBase
        case "min": return 60 * clockMargin
        case "h": return clockMargin
        case "d": return clockMargin / 24
        default: break
        }
        guard let rating, let own = Unit(symbol: rating.unit), !rating.value.isNegative else { return nil }
        let most = rating.value.approximation * powerOfTen(own.powerOfTen) * overload
        switch (unit.dimension, own.dimension) {
        case ("W.h", "A"), ("var.h", "A"), ("V.A.h", "A"):
            return most * highestVoltage * Double(rating.phases) * inBase
        case ("W.h", "W"), ("W.h", "V.A"), ("var.h", "var"), ("var.h", "V.A"), ("var.h", "W"), ("V.A.h", "V.A"),
            ("V.A.h", "W"):
            return most * inBase
        case ("J", "W"): return most * 3_600 * inBase
        case ("W.h", let flow), ("J", let flow):
            guard let hourly = cubicMetres(most, flow), let quantity = Quantity(ofPoint: point) else { return nil }
            let heat = quantity.name.hasPrefix("gas") ? heatOfGas : heatOfWater * largestDifference
            return hourly * heat * (unit.dimension == "J" ? 3_600 : 1) * inBase
        case ("m3", let flow): return cubicMetres(most, flow).map { $0 * inBase }
        case ("kg", "kg/h"): return most * inBase
        case ("kg", let flow): return cubicMetres(most, flow).map { $0 * 1_000 * inBase }
        case ("A.h", "A"): return most * Double(rating.phases) * inBase
        default: return nil
        }
    }

    /// Cubic metres in an hour of a flow; nil when it is none.
    private static func cubicMetres(_ flow: Double, _ dimension: String) -> Double? {
        switch dimension {
        case "m3/h": flow
        case "L/min": flow * 0.06
        case "L/s": flow * 3.6
        default: nil
        }
    }

    private static func powerOfTen(_ exponent: Int32) -> Double {
        ExactDecimal(mantissa: 1, exponent: exponent).quickApproximation
    }
}

extension ExactDecimal {
    /// 10^0 to 10^22: those that a binary fraction holds exactly.
    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// Within a few parts in 10^16, without the detour through text: for judging whether an advance is plausible.
    var quickApproximation: Double {
        if exponent >= 0, exponent <= 22 { return Double(mantissa) * Self.powers[Int(exponent)] }
        if exponent < 0, exponent >= -22 { return Double(mantissa) / Self.powers[Int(-exponent)] }
        return approximation
    }
}
