/// What a luminaire's control gear is, before anything was sent to it.
public struct GearDescription: Sendable {
    public var name: String
    /// nil: never commissioned. Two gear may share one.
    public var shortAddress: UInt8?
    /// Electrical power at full light, W.
    public var ratedPower: Double
    public var curve: LightCurve
    /// The lowest level the hardware can hold.
    public var physicalMinimum: UInt8
    /// Device types beyond 6: 50 (luminaire data), 51 (energy) and 52 (diagnostics).
    public var isD4i: Bool
    public var groups: UInt16
    /// Colour temperatures that a device type 8 gear can take, K from warm to cool; nil: it has one white.
    public var colourTemperatures: ClosedRange<UInt16>?
    public var personality: Set<GearPersonality>
    /// The random address of an earlier commissioning; nil: FFFFFF, as made.
    public var randomAddress: UInt32?
    /// GTIN of the gear; a made-up article number that belongs to no manufacturer.
    public var gtin: UInt64
    /// Identification number; nil: drawn from the seed. GTIN and this together name one piece of hardware.
    public var identification: UInt64?

    public static let madeUpArticle: UInt64 = 9_900_000_004_242

    public init(
        name: String, shortAddress: UInt8?, ratedPower: Double = 42, curve: LightCurve = .logarithmic,
        physicalMinimum: UInt8 = 85, isD4i: Bool = true, groups: UInt16 = 0,
        colourTemperatures: ClosedRange<UInt16>? = nil, personality: Set<GearPersonality> = [],
        randomAddress: UInt32? = nil, gtin: UInt64 = madeUpArticle, identification: UInt64? = nil
    ) {
        self.name = name
        self.shortAddress = shortAddress
        self.ratedPower = ratedPower
        self.curve = curve
        self.physicalMinimum = physicalMinimum
        self.isD4i = isD4i
        self.groups = groups
        self.colourTemperatures = colourTemperatures
        self.personality = personality
        self.randomAddress = randomAddress
        self.gtin = gtin
        self.identification = identification
    }
}
