internal import Telemetry

extension BusEngine {
    /// The widest address that reaches this gear and no other than these: all, or a DALI group. nil: none does.
    ///
    /// Who is in which group is what the gear itself said, not what the configuration wants; as long as anybody on the bus has not
    /// said it, there are no group frames.
    func sharedAddress(of position: Int, among positions: Set<Int>) -> (address: GearAddress, members: [Int])? {
        shared(of: position).first { positions.isSuperset(of: $0.members) }
    }

    /// Whether it is worth a moment to wait for orders to the others of a group.
    func isShared(_ position: Int) -> Bool { !shared(of: position).isEmpty }

    /// Addresses that reach this gear and others of ours only, the widest first.
    private func shared(of position: Int) -> [(address: GearAddress, members: [Int])] {
        guard let census, census.isFinished, !census.hasUnaddressed, gear.count > 1 else { return [] }
        var masks: [UInt16] = []
        for one in gear {
            guard let mask = one.keeping.groups else { return [] }
            masks.append(mask)
        }
        var found: [(address: GearAddress, members: [Int])] = []
        if census.strangers.isEmpty { found.append((.broadcast, Array(gear.indices))) }
        for number in 0..<UInt16(16)
        where masks[position] >> number & 1 == 1 && census.strangerGroups >> number & 1 == 0 {
            let members = gear.indices.filter { masks[$0] >> number & 1 == 1 }
            if members.count > 1 { found.append((.group(UInt8(number)), members)) }
        }
        return found.sorted { $0.members.count > $1.members.count }
    }
}
