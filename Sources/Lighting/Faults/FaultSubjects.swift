public import Telemetry

/// What the rules must know of one lamp.
public struct FaultLamp: Sendable, Hashable {
    /// Its device name.
    public let name: String
    /// The bus on which it is polled.
    public let bus: String
    /// What it draws; nil where nobody said: rules of power leave it, and its feeder's load, alone.
    public let power: LampPower?

    public init(name: String, bus: String, power: LampPower? = nil) {
        self.name = name
        self.bus = bus
        self.power = power
    }
}

/// What the rules must know of a feeder.
public struct FaultFeeder: Sendable, Hashable {
    /// A point that tells whether the feeder has supply.
    public struct Sign: Sendable, Hashable {
        public let device: String
        public let point: String
        /// On while the value is above this.
        public let above: ExactDecimal
        /// Of ``above``.
        public let unit: Unit

        public init(device: String, point: String, above: ExactDecimal, unit: Unit) {
            self.device = device
            self.point = point
            self.above = above
            self.unit = unit
        }
    }

    /// The state of the relay or contactor that switches it: a flag, or a number that is not 0 when it is on.
    public struct Contactor: Sendable, Hashable {
        public let device: String
        public let point: String

        public init(device: String, point: String) {
            self.device = device
            self.point = point
        }
    }

    public let name: String
    /// The device that measures it.
    public let meter: String?
    /// L1, L2 or L3; nil: all of the meter.
    public let phase: String?
    public let sign: Sign?
    public let contactor: Contactor?
    /// What else draws power from it, in W.
    public let otherLoad: ExactDecimal
    /// Device names.
    public let lamps: [String]

    public init(
        name: String, meter: String? = nil, phase: String? = nil, sign: Sign? = nil, contactor: Contactor? = nil,
        otherLoad: ExactDecimal = .zero, lamps: [String]
    ) {
        self.name = name
        self.meter = meter
        self.phase = phase
        self.sign = sign
        self.contactor = contactor
        self.otherLoad = otherLoad
        self.lamps = lamps
    }

    /// The meter's point for the power of this feeder.
    public var powerPoint: String { phase.map { "active_power.\($0)" } ?? "active_power" }
    /// The meter's points for its voltage.
    public var voltagePoints: [String] {
        phase.map { ["voltage.\($0)"] } ?? ["voltage.L1", "voltage.L2", "voltage.L3"]
    }

    /// Every point it wants to hear of, as `device.point`.
    public var inputs: [String] {
        var inputs: [String] = []
        if let meter { inputs += ([powerPoint] + voltagePoints).map { "\(meter).\($0)" } }
        if let sign { inputs.append("\(sign.device).\(sign.point)") }
        if let contactor { inputs.append("\(contactor.device).\(contactor.point)") }
        return inputs
    }
}

/// A value of a meter, a sign or a contactor.
public struct FeederObservation: Sendable, Hashable {
    public let device: String
    public let point: String
    public let value: Value?
    /// Of ``value``; nil for a state.
    public let unit: Unit?
    public let quality: Quality
    public let at: BootInstant

    public init(device: String, point: String, value: Value?, unit: Unit?, quality: Quality = .good, at: BootInstant) {
        self.device = device
        self.point = point
        self.value = value
        self.unit = unit
        self.quality = quality
        self.at = at
    }
}
