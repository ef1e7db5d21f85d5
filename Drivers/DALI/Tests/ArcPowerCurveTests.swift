import Telemetry
import Testing

@testable import DALIDriver

@Suite struct ArcPowerCurveTests {
    @Test(arguments: [
        (0, "0", "0"), (1, "0.10", "0.39"), (85, "0.99", "33.46"), (127, "3.12", "50"), (169, "9.82", "66.54"),
        (170, "10.09", "66.93"), (203, "24.85", "79.92"), (228, "49.17", "89.76"), (229, "50.53", "90.16"),
        (253, "97.31", "99.61"), (254, "100", "100"),
    ])
    func `percent of light as in the reference table`(_ level: Int, _ logarithmic: String, _ linear: String) {
        #expect(ArcPowerCurve.logarithmic.percent(level: UInt8(level)) == ExactDecimal(logarithmic))
        #expect(ArcPowerCurve.linear.percent(level: UInt8(level)) == ExactDecimal(linear))
    }

    @Test(arguments: ArcPowerCurve.allCases)
    func `every level that two places can tell apart comes back`(_ curve: ArcPowerCurve) {
        var previous = ExactDecimal(-1)
        for level in UInt8(0)...254 {
            let percent = curve.percent(level: level)
            #expect(percent >= previous)
            // Below about level 60 neighbours on the logarithmic curve share their two places.
            if level == 0 || level > 90 || curve == .linear { #expect(curve.level(percent: percent) == level) }
            previous = percent
        }
    }

    @Test func `anything above nothing is lit`() {
        #expect(ArcPowerCurve.logarithmic.level(percent: ExactDecimal("0.001")!) == 1)
        #expect(ArcPowerCurve.linear.level(percent: ExactDecimal("0.001")!) == 1)
        #expect(ArcPowerCurve.logarithmic.level(percent: .zero) == 0)
        #expect(ArcPowerCurve.logarithmic.level(percent: ExactDecimal(100)) == 254)
        #expect(ArcPowerCurve.logarithmic.level(percent: ExactDecimal(50)) == 229)
        #expect(ArcPowerCurve.linear.level(percent: ExactDecimal(50)) == 127)
    }

    @Test func `fade times are the standard's and nothing between`() {
        #expect(FadeTime.index(milliseconds: 700) == 1)
        #expect(FadeTime.index(milliseconds: 90_500) == 15)
        #expect(FadeTime.index(milliseconds: 701) == nil)
        #expect(FadeTime.list.hasPrefix("0.7 s, 1 s, 1.4 s"))
    }
}
