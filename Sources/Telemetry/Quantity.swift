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

    /// Every quantity the gateway knows: what meters measure and say of themselves, and the points of a lamp.
    public static let all: [Quantity] = energies + electricity + heat + flows + devices + lamps

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// Looks a quantity up by its exact name.
    public init?(name: some StringProtocol) {
        guard let known = Quantity.byName[String(name)] else { return nil }
        self = known
    }

    /// The quantity of a point: `active_energy_import.L1.T2` is of `active_energy_import`. nil when the name is none or
    /// its quantity is not in the table.
    public init?(ofPoint point: some StringProtocol) {
        guard let name = try? PointName(point) else { return nil }
        self.init(name: name.quantity)
    }

    /// Whether a value in `symbol` can be one of this quantity: a known unit of the same dimension. A quantity without
    /// a unit takes any.
    public func accepts(unit symbol: some StringProtocol) -> Bool {
        guard let own = Unit(symbol: unit) else { return symbol.isEmpty || Unit(symbol: symbol) != nil }
        guard let given = Unit(symbol: symbol) else { return false }
        return Self.comparable(own.dimension) == Self.comparable(given.dimension)
    }

    /// Dimensions that measure the same thing although they do not convert: a heat meter counts in MW.h or in GJ, a
    /// temperature difference in K or Cel, a duration in s or h.
    private static func comparable(_ dimension: String) -> String {
        switch dimension {
        case "J": "W.h"
        case "Cel": "K"
        case "min", "h", "d": "s"
        case "L/min", "L/s": "m3/h"
        default: dimension
        }
    }

    /// OBIS code of one point of this quantity; nil where the table has none, for a channel, or for a phase that the
    /// code does not know.
    ///
    /// In IEC 62056-61 the value group C of L1, L2 and L3 is that of the total plus 20, 40 and 60, and group E is the tariff.
    public func obis(of point: PointName) -> String? {
        guard let obis, point.channel == nil else { return nil }
        if point.phase == nil, point.tariff == nil { return obis }
        // 1-0:1.8.0*255
        let parts = obis.split(whereSeparator: { ":.*".contains($0) })
        guard parts.count == 5, var group = Int(parts[1]), var tariff = Int(parts[3]) else { return nil }
        switch point.phase {
        case nil: break
        case .l1?, .l2?, .l3?:
            guard parts[0] == "1-0", (1...20).contains(group) else { return nil }
            group += point.phase == .l1 ? 20 : point.phase == .l2 ? 40 : 60
        case .neutral?:
            // Only the current has a code of its own in the neutral conductor.
            guard name == "current" else { return nil }
            group = 91
        default: return nil
        }
        if let wanted = point.tariff {
            guard tariff == 0, kind == .counter else { return nil }
            tariff = wanted
        }
        return "\(parts[0]):\(group).\(parts[2]).\(tariff)*\(parts[4])"
    }
}
