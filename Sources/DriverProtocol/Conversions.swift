public import Telemetry

extension DriverDecimal {
    public init(_ number: ExactDecimal) {
        self.init()
        mantissa = number.mantissa
        exponent = number.exponent
    }

    public var exact: ExactDecimal { ExactDecimal(mantissa: mantissa, exponent: exponent) }
}

extension DriverValue {
    public init(_ value: Value) {
        self.init()
        switch value {
        case .number(let number): self.number = DriverDecimal(number)
        case .flag(let flag): self.flag = flag
        case .text(let text): self.text = text
        }
    }

    /// nil when a newer peer sent a kind of value that this version does not know.
    public var telemetry: Value? {
        switch value {
        case .number(let number)?: .number(number.exact)
        case .flag(let flag)?: .flag(flag)
        case .text(let text)?: .text(text)
        case nil: nil
        }
    }
}

extension DriverPointDescription {
    public init(_ point: PointDescriptor) {
        self.init()
        name = point.name
        kind =
            switch point.kind {
            case .gauge: .gauge
            case .counter: .counter
            case .state: .state
            case .text: .text
            }
        unit = point.unit
        writable = point.isWritable
        if let minimum = point.minimum { self.minimum = DriverDecimal(minimum) }
        if let maximum = point.maximum { self.maximum = DriverDecimal(maximum) }
        if let rollover = point.rollover { self.rollover = DriverDecimal(rollover) }
        obis = point.obis ?? ""
        intervalMs = UInt64(max(0, point.interval.wholeMilliseconds))
        basis = point.basis
        derived = point.isDerived
        identity = point.isIdentity
    }

    public var telemetry: PointDescriptor {
        let known: PointDescriptor.Kind =
            switch kind {
            case .gauge, .UNRECOGNIZED: .gauge
            case .counter: .counter
            case .state: .state
            case .text: .text
            }
        return PointDescriptor(
            name: name, kind: known, unit: unit, isWritable: writable, minimum: hasMinimum ? minimum.exact : nil,
            maximum: hasMaximum ? maximum.exact : nil, rollover: hasRollover ? rollover.exact : nil,
            obis: obis.isEmpty ? nil : obis, interval: .milliseconds(Int64(min(intervalMs, 1 << 40))),
            basis: basis, isDerived: derived, isIdentity: identity)
    }
}

extension DriverOptionDescription {
    /// - Parameters:
    ///   - type: as a person would say it: `number`, `duration`, `luba|foxtron`.
    ///   - standard: what holds without it; empty: nothing does.
    ///   - help: one line.
    public init(_ name: String, _ type: String, _ standard: String, _ help: String, required: Bool = false) {
        self.init()
        self.name = name
        self.type = type
        defaultValue = standard
        self.help = help
        self.required = required
    }
}
