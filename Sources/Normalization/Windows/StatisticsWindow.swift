import Telemetry

/// Average over time, least and greatest value of a gauge in each period.
///
/// A value lasts until the next one is read, but no longer than ``WindowRule/hold``; the time so covered is stated by the quality.
struct StatisticsWindow: Sendable, Hashable {
    /// A period of which less than this is covered is uncertain, `offPeriod`: in a quarter hour 45 s may be missing.
    static let sufficientCoverage = (numerator: Int64(95), denominator: Int64(100))

    var start: Int64
    var sum = DecimalIntegral()
    var least: WindowSample?
    var greatest: WindowSample?
    /// The least good quality of a value in the period.
    var worst = Quality.good
    var badReason: Quality.Reason?
    /// Something was read in the period itself.
    var hasReading = false
    /// The newest value, which lasts until the next.
    var current: WindowSample?

    init(start: Int64) { self.start = start }

    mutating func take(_ sample: WindowSample, rule: WindowRule, emit: (WindowValue) -> Void) {
        while sample.utc >= start + rule.length {
            close(at: sample.utc, rule: rule, otherwise: .communication, emit: emit)
        }
        extend(until: sample.utc, rule: rule)
        guard sample.utc >= start, let number = sample.value.number else { return }
        current = sample
        hasReading = true
        if least?.value.number.map({ number < $0 }) ?? true { least = sample }
        if greatest?.value.number.map({ number > $0 }) ?? true { greatest = sample }
        if worst.grade == .good { worst = sample.quality }
    }

    mutating func takeBad(_ reason: Quality.Reason, utc: Int64, rule: WindowRule, emit: (WindowValue) -> Void) {
        while utc >= start + rule.length { close(at: utc, rule: rule, otherwise: reason, emit: emit) }
        extend(until: utc, rule: rule)
        guard utc >= start else { return }
        current = nil
        badReason = reason
    }

    /// Closes the period and opens the next one.
    ///
    /// - Parameters:
    ///   - utc: of the newest reading, or of now: a value that was followed by another did not last longer.
    ///   - otherwise: why there is no value when nothing else says so.
    mutating func close(at utc: Int64, rule: WindowRule, otherwise: Quality.Reason, emit: (WindowValue) -> Void) {
        let end = start + rule.length
        extend(until: min(utc, end), rule: rule)
        var quality = worst
        if quality.grade == .good,
            sum.covered * Self.sufficientCoverage.denominator
                < rule.seconds * 1_000 * Self.sufficientCoverage.numerator
        {
            quality = .uncertain(.offPeriod)
        }
        for kind in rule.statistics {
            let found: (Value, Int64)? =
                switch kind {
                case .average: sum.average.map { (.number($0), end) }
                case .minimum: least.map { ($0.value, $0.utc) }
                case .maximum: greatest.map { ($0.value, $0.utc) }
                case .register: nil
                }
            if hasReading, let (value, instant) = found {
                emit(WindowValue(kind: kind, start: start, value: value, quality: quality, utc: instant))
            } else {
                let reason = sum.isOverflown ? .outOfRange : badReason ?? otherwise
                emit(WindowValue(kind: kind, start: start, value: nil, quality: .bad(reason), utc: end))
            }
        }
        start = end
        sum = DecimalIntegral()
        (least, greatest, worst, badReason, hasReading) = (nil, nil, .good, nil, false)
        if let current, end - current.utc > rule.hold { self.current = nil }
        // A value that lasts into the next period is one of that period.
        if let current {
            (least, greatest) = (current, current)
            least?.utc = end
            greatest?.utc = end
            worst = current.quality
        }
    }

    /// The newest value lasted until `utc`, as far as it lies in this period.
    private mutating func extend(until utc: Int64, rule: WindowRule) {
        guard let current, let number = current.value.number else { return }
        let from = max(current.utc, start, sum.until)
        let until = min(utc, current.utc + rule.hold, start + rule.length)
        guard until > from else { return }
        sum.add(number, milliseconds: until / 1_000_000 - from / 1_000_000)
        sum.until = until
    }
}

/// Sum of decimal × time, exact.
struct DecimalIntegral: Sendable, Hashable {
    /// Finer digits than these are below every instrument; they are cut off before they are summed.
    static let finestExponent: Int32 = -12
    /// An average is given with this many digits more than its values.
    static let moreDigits: Int32 = 3

    /// In 10^``exponent`` × ms.
    private(set) var total: Int128 = 0
    private(set) var exponent: Int32 = 0
    /// Milliseconds for which there was a value.
    private(set) var covered: Int64 = 0
    private(set) var isOverflown = false
    /// Up to where it is summed, in nanoseconds since 1970.
    var until = Int64.min

    init() {}

    init(total: Int128, exponent: Int32, covered: Int64, isOverflown: Bool, until: Int64) {
        self.total = total
        self.exponent = exponent
        self.covered = covered
        self.isOverflown = isOverflown
        self.until = until
    }

    mutating func add(_ value: ExactDecimal, milliseconds: Int64) {
        var digits = Int128(value.mantissa)
        var power = value.exponent
        while power < Self.finestExponent, digits != 0 {
            digits /= 10
            power += 1
        }
        if digits == 0 { power = min(power, 0) }
        power = max(power, Self.finestExponent)
        if covered == 0, total == 0 { exponent = power }
        guard Self.scale(&digits, from: power, to: min(power, exponent)),
            Self.scale(&total, from: exponent, to: min(power, exponent))
        else {
            isOverflown = true
            return
        }
        exponent = min(power, exponent)
        let (product, overflow) = digits.multipliedReportingOverflow(by: Int128(milliseconds))
        let (sum, carry) = total.addingReportingOverflow(product)
        guard !overflow, !carry else {
            isOverflown = true
            return
        }
        total = sum
        covered += milliseconds
    }

    /// Rounded half away from zero; nil without a value or when it has too many digits.
    var average: ExactDecimal? {
        guard covered > 0, !isOverflown else { return nil }
        var dividend = total
        var power = exponent
        if Self.scale(&dividend, from: power, to: power - Self.moreDigits) { power -= Self.moreDigits }
        let half = Int128(covered / 2)
        let (rounded, overflow) = dividend.addingReportingOverflow(dividend < 0 ? -half : half)
        guard !overflow else { return nil }
        var quotient = rounded / Int128(covered)
        while Int64(exactly: quotient) == nil {
            quotient /= 10
            power += 1
        }
        return Int64(exactly: quotient).map { ExactDecimal(mantissa: $0, exponent: power).normalized.plain }
    }

    private static func scale(_ digits: inout Int128, from power: Int32, to wanted: Int32) -> Bool {
        guard digits != 0 else { return true }
        var power = power
        while power > wanted {
            let (next, overflow) = digits.multipliedReportingOverflow(by: 10)
            guard !overflow else { return false }
            digits = next
            power -= 1
        }
        return true
    }
}

extension ExactDecimal {
    /// Zeros before the point belong to the digits where there is room: 100 is 100, not 1e2.
    var plain: ExactDecimal {
        guard exponent > 0, exponent <= 6 else { return self }
        return ExactDecimal(0).adding(self) ?? self
    }
}
