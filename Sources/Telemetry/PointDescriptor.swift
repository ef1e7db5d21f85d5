/// What a driver says of one point of one device, once, when it is configured.
public struct PointDescriptor: Sendable, Hashable {
    public enum Kind: UInt8, Sendable, Hashable, CaseIterable {
        /// A momentary value.
        case gauge = 0
        /// A register that only rises, but for reset, swap and rollover.
        case counter = 1
        /// One of a few states, or a flag.
        case state = 2
        /// Serial numbers, versions.
        case text = 3

        public var name: String {
            switch self {
            case .gauge: "gauge"
            case .counter: "counter"
            case .state: "state"
            case .text: "text"
            }
        }
    }

    /// `<quantity>[.<channel>][.<phase>][.T<tariff>]`, unique in the device.
    public let name: String
    public let kind: Kind
    /// Spelled as in UCUM (plus var); empty for states and texts.
    public let unit: String
    public let isWritable: Bool
    /// Limits for writes, in `unit`.
    public let minimum: ExactDecimal?
    public let maximum: ExactDecimal?
    /// At this value a counter starts again from 0, in `unit`; nil when it never does or nobody knows.
    public let rollover: ExactDecimal?
    /// OBIS code of the quantity, where there is one.
    public let obis: String?
    /// How often the driver reads it.
    public let interval: Duration
    /// Everything that turns the register into the value and may change by a person's hand (ratio, pulse, inversion, scale), in words.
    /// A counter whose basis differs from the last run's begins a new epoch.
    public let basis: String
    /// Computed from other values of the profile, not read.
    public let isDerived: Bool
    /// The text by which the device is known (a serial number): a counter's step back is judged by it.
    public let isIdentity: Bool

    public init(
        name: String, kind: Kind, unit: String, isWritable: Bool = false, minimum: ExactDecimal? = nil,
        maximum: ExactDecimal? = nil, rollover: ExactDecimal? = nil, obis: String? = nil,
        interval: Duration = .seconds(10), basis: String = "", isDerived: Bool = false, isIdentity: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.isWritable = isWritable
        self.minimum = minimum
        self.maximum = maximum
        self.rollover = rollover
        self.obis = obis
        self.interval = interval
        self.basis = basis
        self.isDerived = isDerived
        self.isIdentity = isIdentity
    }
}
