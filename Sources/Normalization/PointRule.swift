import Telemetry

/// How one point is converted and when it is reported, settled once when the device is configured.
struct PointRule: Sendable {
    enum Threshold: Sendable {
        /// In ``unit``.
        case absolute(ExactDecimal)
        case relative(percent: ExactDecimal)
    }

    let kind: PointDescriptor.Kind
    let isWritable: Bool
    /// Name, delivered unit and keep class; shared with the same point of devices alike.
    let delivered: PointIdentity.Kind
    /// From the product's unit to ``unit``.
    let powerOfTen: Int32
    let threshold: Threshold?
    let reportAtLeast: Duration?
    /// False where the description cannot be used; the point is then bad with reason `configuration`.
    let isUsable: Bool
    /// Of a counter: how its steps are judged.
    let judge: CounterJudge?
    /// As the driver gives it: what may change under a counter by a person's hand.
    let basis: String

    var name: String { delivered.point }
    /// The unit in which readings leave.
    var unit: String { delivered.unit }

    /// Decimal exponents that a reading may have after conversion: what a 64-bit binary float can hold, so that every
    /// receiver can read it. Anything beyond is no measurement but a damaged one.
    static let exponents: ClosedRange<Int32> = -324...308
    /// Exponents with which no mantissa leaves that range.
    static let harmless: ClosedRange<Int32> = -300...280

    init(
        device: String, point: PointDescriptor, options: PointOptions, rating: MeterRating?, isDuplicate: Bool,
        problems: inout [PointProblem]
    ) {
        func problem(_ code: PointProblem.Code, _ explanation: String) {
            problems.append(PointProblem(device: device, point: point.name, code: code, explanation: explanation))
        }
        kind = point.kind
        isWritable = point.isWritable
        basis = point.basis
        reportAtLeast = options.reportAtLeast

        let own = Unit(symbol: point.unit)
        var usable = true
        if isDuplicate {
            problem(.duplicatePoint, "the device has this point twice; name the second one otherwise in its profile")
            usable = false
        }
        if own == nil, !point.unit.isEmpty {
            problem(.unknownUnit, "the unit \"\(point.unit)\" is unknown; correct it in the profile (UCUM, e.g. kW.h)")
            usable = false
        }
        isUsable = usable

        var delivered = point.unit
        var power: Int32 = 0
        if let wanted = options.unit, wanted != point.unit {
            if let own, let target = Unit(symbol: wanted), let found = own.powerOfTen(to: target) {
                delivered = wanted
                power = found
            } else {
                problem(
                    .unitDoesNotConvert,
                    "\"\(point.unit)\" does not become \"\(wanted)\" by a power of ten; the product's unit is kept")
            }
        }
        self.delivered = PointIdentity.Kind(
            point: point.name, unit: delivered,
            keep: options.keep ?? (point.kind == .counter ? .billing : .telemetry))
        powerOfTen = power
        judge =
            point.kind == .counter && usable
            ? CounterJudge(
                hourlyLimit: Unit(symbol: delivered).flatMap {
                    MeterRating.hourlyLimit(of: rating, point: point.name, unit: $0)
                },
                rollover: point.rollover?.scaled(byPowerOfTen: power),
                maximum: point.isWritable ? nil : point.maximum?.scaled(byPowerOfTen: power),
                interval: point.interval) : nil

        switch options.reportOnChange {
        case nil: threshold = nil
        case .relative(let percent)?:
            if percent.isNegative { problem(.thresholdDoesNotFit, "report_on_change is negative (\(percent) %)") }
            threshold = percent.isNegative ? nil : .relative(percent: percent)
        case .absolute(let amount, let given)?:
            if amount.isNegative {
                problem(.thresholdDoesNotFit, "report_on_change is negative (\(amount) \(given))")
                threshold = nil
            } else if given == delivered {
                threshold = .absolute(amount)
            } else if let from = Unit(symbol: given), let to = Unit(symbol: delivered),
                let found = from.powerOfTen(to: to)
            {
                threshold = .absolute(amount.scaled(byPowerOfTen: found))
            } else {
                problem(
                    .thresholdDoesNotFit,
                    "report_on_change is in \"\(given)\" but the point is in \"\(delivered)\"; every value is reported")
                threshold = nil
            }
        }
    }

    /// The value in the delivered unit, exactly, or bad with the reason why there is none.
    func convert(_ value: Value?, quality: Quality) -> (Value?, Quality) {
        guard isUsable else { return (nil, .bad(.configuration)) }
        // A bad value is none: what a device answered in its trouble would be taken for a measurement.
        guard quality.grade != .bad else { return (nil, quality) }
        switch (kind, value) {
        case (_, nil): return (nil, .bad(.outOfRange))
        case (.gauge, .number(let number)?), (.counter, .number(let number)?), (.state, .number(let number)?):
            let converted = number.scaled(byPowerOfTen: powerOfTen)
            if !Self.harmless.contains(converted.exponent) {
                guard Self.exponents.contains(converted.normalized.exponent), converted.approximation.isFinite else {
                    return (nil, .bad(.outOfRange))
                }
            }
            return (.number(converted), quality)
        case (.gauge, _), (.counter, _):
            // The driver described a number and sends something else.
            return (nil, .bad(.configuration))
        case (.state, _), (.text, _): return (value, quality)
        }
    }

    /// Whether `value` is far enough from `reported` to be reported again.
    func isChange(from reported: Value?, to value: Value?) -> Bool {
        guard let threshold, case .number(let old)? = reported, case .number(let new)? = value else {
            return reported != value
        }
        guard old != new else { return false }
        let limit: ExactDecimal?
        switch threshold {
        case .absolute(let amount): limit = amount
        case .relative(let percent): limit = old.magnitude.multiplied(by: percent)?.scaled(byPowerOfTen: -2)
        }
        // Numbers of more than 18 digits apart: certainly a change worth reporting.
        guard let limit, let difference = new.subtracting(old)?.magnitude else { return true }
        return difference >= limit
    }
}
