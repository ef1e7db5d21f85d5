/// What a control device on the bus is, before anything was sent to it: an input device of IEC 62386-103.
public struct SensorDescription: Sendable {
    /// What an instance measures, by its instance type.
    public enum Kind: UInt8, Sendable, Hashable, CaseIterable {
        /// IEC 62386-303.
        case occupancy = 3
        /// IEC 62386-304.
        case light = 4

        /// As in a scenario.
        public var name: String { self == .occupancy ? "occupancy" : "light" }
    }

    public var name: String
    /// Short address among the control devices, a range of its own; nil: never commissioned.
    public var shortAddress: UInt8?
    /// One instance each, numbered from 0.
    public var instances: [Kind]
    /// Events say who they are by: 0 the instance alone, 1 the device's address and instance type, 2 the device's address and
    /// instance number, 3 the device group, 4 the instance group (IEC 62386-103:2022, 9.7.3).
    public var eventScheme: UInt8
    public var gtin: UInt64
    public var identification: UInt64?

    public init(
        name: String, shortAddress: UInt8?, instances: [Kind], eventScheme: UInt8 = 2,
        gtin: UInt64 = GearDescription.madeUpArticle + 1, identification: UInt64? = nil
    ) {
        self.name = name
        self.shortAddress = shortAddress
        self.instances = instances
        self.eventScheme = eventScheme
        self.gtin = gtin
        self.identification = identification
    }
}
