internal import DriverProtocol

/// Which lamp groups of the configuration are DALI groups of the bus.
///
/// A bus has sixteen. The first sixteen names in the order of the configuration that two lamps or more share get them; the lamps
/// of the others are commanded one by one.
struct GroupPlan: Sendable, Hashable {
    static let capacity = 16

    /// The place in the list is the group's number.
    let names: [String]

    init(_ devices: [DriverDevice]) {
        var counts: [String: Int] = [:]
        var order: [String] = []
        for name in devices.flatMap(\.groups) {
            if counts[name] == nil { order.append(name) }
            counts[name, default: 0] += 1
        }
        names = Array(order.filter { counts[$0, default: 0] > 1 }.prefix(Self.capacity))
    }

    /// Numbers in use, as bits.
    var inUse: UInt16 { names.indices.reduce(0) { $0 | 1 << UInt16($1) } }

    /// Numbers of these groups, as bits.
    func mask(_ groups: [String]) -> UInt16 {
        names.enumerated().reduce(0) { groups.contains($1.element) ? $0 | 1 << UInt16($1.offset) : $0 }
    }
}
