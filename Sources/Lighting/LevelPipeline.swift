public import Telemetry

/// From the level that was asked for to the one that is sent (TALQ 2.7.1, LampType): virtual light output, constant
/// light output, maintenance factor, minimum light output. The gear's own dimming curve comes after it.
///
/// Calculated in millionths of full light, each product rounded half up; what is sent is rounded half up to 0.1 %. A level
/// that nothing changes is sent as it was written.
public struct LevelPipeline: Sendable, Hashable {
    /// One point of the curve of constant light output.
    public struct CurvePoint: Sendable, Hashable {
        /// Of burning.
        public let hours: ExactDecimal
        public let percent: ExactDecimal

        public init(hours: ExactDecimal, percent: ExactDecimal) {
            self.hours = hours
            self.percent = percent
        }
    }

    /// After cleaning a luminaire needs less power for its light; the factor rises to 100 % within the period.
    public struct Maintenance: Sendable, Hashable {
        /// Right after maintenance, in percent.
        public let factor: ExactDecimal
        /// The day of the last maintenance; it counts from its local midnight.
        public let last: CalendarDate
        public let period: Duration

        public init(factor: ExactDecimal, last: CalendarDate, period: Duration) {
            self.factor = factor
            self.last = last
            self.period = period
        }
    }

    /// One step of the way, for an explanation.
    public struct Stage: Sendable, Hashable {
        public let name: String
        /// Percent after it.
        public let percent: ExactDecimal
        public let note: String
    }

    /// What counts as 100 %.
    public let virtualOutput: ExactDecimal
    /// In ascending order of hours; straight lines between, level before the first and after the last. Empty: none, or
    /// the gear does it by itself - never both.
    public let constantLight: [CurvePoint]
    public let maintenance: Maintenance?
    /// What is not off is not below this.
    public let minimum: ExactDecimal
    /// How long a lamp that was switched on stays at full light before it is dimmed (discharge lamps).
    public let warmUp: Duration
    /// How long a lamp that was switched off stays off.
    public let coolDown: Duration

    /// Changes nothing.
    public static let plain = LevelPipeline()

    public init(
        virtualOutput: ExactDecimal = LightingPlan.fullLight, constantLight: [CurvePoint] = [],
        maintenance: Maintenance? = nil, minimum: ExactDecimal = LightingPlan.dark, warmUp: Duration = .zero,
        coolDown: Duration = .zero
    ) {
        self.virtualOutput = virtualOutput
        self.constantLight = constantLight
        self.maintenance = maintenance
        self.minimum = minimum
        self.warmUp = warmUp
        self.coolDown = coolDown
    }

    /// Whether it leaves every level as it is.
    var changesNothing: Bool {
        virtualOutput == LightingPlan.fullLight && constantLight.isEmpty && maintenance == nil
            && minimum == LightingPlan.dark
    }

    /// The level to send.
    ///
    /// - Parameters:
    ///   - asked: percent, 0 to 100.
    ///   - hours: of burning; nil where unknown, then constant light output is 100 %: more light rather than less.
    ///   - maintenanceAge: since the last maintenance; nil without a trusted clock, then its factor is 100 %.
    public func percent(
        of asked: ExactDecimal, hours: ExactDecimal?, maintenanceAge: Duration?
    ) -> ExactDecimal {
        if changesNothing || asked == LightingPlan.dark { return asked }
        var light = Millionths(percent: asked)
        for factor in factors(hours: hours, maintenanceAge: maintenanceAge) { light = light.times(factor.value) }
        return max(light.percent, leastLight)
    }

    /// The same, step by step.
    public func stages(of asked: ExactDecimal, hours: ExactDecimal?, maintenanceAge: Duration?) -> [Stage] {
        guard !changesNothing, asked != LightingPlan.dark else { return [] }
        var light = Millionths(percent: asked)
        var stages: [Stage] = []
        for factor in factors(hours: hours, maintenanceAge: maintenanceAge) {
            light = light.times(factor.value)
            stages.append(
                Stage(name: factor.name, percent: light.percent, note: "x \(factor.value.percent) %\(factor.note)"))
        }
        if light.percent < leastLight {
            stages.append(Stage(name: "minimum", percent: leastLight, note: "not below \(leastLight) %"))
        }
        return stages
    }

    /// What is on is never rounded to off.
    private var leastLight: ExactDecimal { max(minimum, ExactDecimal(mantissa: 1, exponent: -1)) }

    private func factors(
        hours: ExactDecimal?, maintenanceAge: Duration?
    ) -> [(name: String, value: Millionths, note: String)] {
        var factors: [(name: String, value: Millionths, note: String)] = []
        if virtualOutput != LightingPlan.fullLight {
            factors.append(("virtual output", Millionths(percent: virtualOutput), ""))
        }
        if !constantLight.isEmpty {
            let note = hours.map { " at \($0) h" } ?? ", the lamp has not told its hours"
            factors.append(("constant light", hours.map(curve(at:)) ?? .full, note))
        }
        if let maintenance {
            let note = maintenanceAge == nil ? ", the clock is not trusted" : ", maintained on \(maintenance.last)"
            factors.append(("maintenance", maintenanceAge.map { factor(of: maintenance, after: $0) } ?? .full, note))
        }
        return factors
    }

    private func curve(at hours: ExactDecimal) -> Millionths {
        guard let next = constantLight.firstIndex(where: { $0.hours > hours }) else {
            return constantLight.last.map { Millionths(percent: $0.percent) } ?? .full
        }
        guard next > 0 else { return Millionths(percent: constantLight[0].percent) }
        let (before, after) = (constantLight[next - 1], constantLight[next])
        // Thousandths of an hour are finer than any lamp counts.
        let start = Millionths.integer(before.hours, power: 3)
        let part = Millionths.integer(hours, power: 3) - start
        let whole = Millionths.integer(after.hours, power: 3) - start
        return Millionths(percent: before.percent).towards(Millionths(percent: after.percent), part: part, of: whole)
    }

    private func factor(of maintenance: Maintenance, after age: Duration) -> Millionths {
        Millionths(percent: maintenance.factor).towards(
            .full, part: age.wholeMilliseconds, of: maintenance.period.wholeMilliseconds)
    }
}

/// A share of full light in millionths.
struct Millionths: Sendable, Hashable {
    let count: Int64

    static let full = Millionths(count: 1_000_000)

    init(count: Int64) { self.count = count }

    init(percent: ExactDecimal) { count = Self.integer(percent, power: 4) }

    /// In percent, rounded half up to 0.1.
    var percent: ExactDecimal { ExactDecimal(mantissa: (count + 500) / 1000, exponent: -1).normalized }

    func times(_ factor: Millionths) -> Millionths { Millionths(count: (count * factor.count + 500_000) / 1_000_000) }

    /// The point on the straight line to `other`.
    func towards(_ other: Millionths, part: Int64, of whole: Int64) -> Millionths {
        guard part > 0, whole > 0 else { return self }
        guard part < whole else { return other }
        let wide = (other.count - count).multipliedFullWidth(by: part)
        let quotient = whole.dividingFullWidth(wide)
        // Half up, for a remainder of either sign.
        let up = quotient.remainder >= whole - quotient.remainder ? Int64(1) : 0
        let down = -quotient.remainder > whole + quotient.remainder ? Int64(1) : 0
        return Millionths(count: count + quotient.quotient + up - down)
    }

    /// A decimal times a power of ten as a whole number, rounded half up; within the range of light and hours.
    static func integer(_ value: ExactDecimal, power: Int32) -> Int64 {
        let scaled = value.scaled(byPowerOfTen: power)
        if let exact = scaled.integer { return exact }
        var mantissa = scaled.mantissa
        var exponent = scaled.exponent
        // Digits beyond the next one change nothing but a tie, which they break upwards as it is.
        while exponent < -1 {
            mantissa /= 10
            exponent += 1
        }
        return exponent == -1 ? (mantissa + 5) / 10 : .max
    }
}
