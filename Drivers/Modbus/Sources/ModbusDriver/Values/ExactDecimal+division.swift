internal import Telemetry

extension ExactDecimal {
    /// The exact quotient; nil when it does not end within 18 digits, or `divisor` is 0.
    func divided(by divisor: ExactDecimal) -> ExactDecimal? {
        let (top, bottom) = (normalized, divisor.normalized)
        guard bottom.mantissa != 0 else { return nil }
        var (mantissa, power) = (top.mantissa, top.exponent - bottom.exponent)
        // Up to 18 more digits may be needed before the division leaves nothing over (1 / 8 = 0.125).
        for _ in 0...18 {
            if mantissa % bottom.mantissa == 0 {
                // The one quotient of two 64-bit numbers that does not fit.
                guard !(mantissa == .min && bottom.mantissa == -1) else { return nil }
                return ExactDecimal(mantissa: mantissa / bottom.mantissa, exponent: power)
            }
            let (more, overflow) = mantissa.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            mantissa = more
            power -= 1
        }
        return nil
    }
}
