/// What is measured, with the unit it is usually given in and what kind of value it is: one row of the project's one table.
public struct Quantity: Sendable, Hashable {
    /// As it stands first in a point's name: `active_power`.
    public let name: String
    public let kind: PointDescriptor.Kind
    /// A unit of the quantity's dimension; empty where there is none.
    public let unit: String
    /// OBIS code of the total, where there is one.
    public let obis: String?

    public init(_ name: String, _ kind: PointDescriptor.Kind, _ unit: String, obis: String? = nil) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.obis = obis
    }
}
