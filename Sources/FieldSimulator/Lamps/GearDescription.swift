/// What a luminaire's control gear is, before anything was sent to it.
public struct GearDescription: Sendable {
    public var name: String
    /// nil: never commissioned.
    public var shortAddress: UInt8?
    /// Electrical power at full light, W.
    public var ratedPower: Double
    public var curve: LightCurve
    /// The lowest level the hardware can hold.
    public var physicalMinimum: UInt8
    /// Device types beyond 6 (51 and 52: D4i energy and diagnostics).
    public var isD4i: Bool
    public var groups: UInt16

    public init(
        name: String, shortAddress: UInt8?, ratedPower: Double = 42, curve: LightCurve = .logarithmic,
        physicalMinimum: UInt8 = 85, isD4i: Bool = true, groups: UInt16 = 0
    ) {
        self.name = name
        self.shortAddress = shortAddress
        self.ratedPower = ratedPower
        self.curve = curve
        self.physicalMinimum = physicalMinimum
        self.isD4i = isD4i
        self.groups = groups
    }
}
