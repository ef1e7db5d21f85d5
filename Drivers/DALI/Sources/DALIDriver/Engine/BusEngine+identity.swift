internal import DriverKit
internal import DriverProtocol
internal import Telemetry

extension BusEngine {
    /// Who answers at an address was read. A first meeting is remembered; anybody else than expected raises `identity_changed`
    /// once, and the lamp goes on at the file's address.
    func receivedIdentity(_ result: IdentityRead.Result, of position: Int, at now: BootInstant) {
        guard result != .unreadable else {
            gear[position].keeping.notBefore = now.advanced(by: Self.upkeepRetry)
            gear[position].keeping.isDue = true
            return
        }
        let before = gear[position].keeping.identity
        var found: GearIdentity?
        if case .identity(let identity) = result { found = identity }
        gear[position].keeping.identity = found
        gear[position].keeping.isIdentityFresh = true
        if let found, gear[position].keeping.accepted == nil, !gear[position].isStranger { accept(found, at: position) }
        if let found, before != found || !isIdentityTold(position) { reportIdentity(found, of: position, at: now) }
        judgeIdentities(at: now)
    }

    func acceptIdentity(device: String, as identity: GearIdentity?) {
        guard let position = gear.firstIndex(where: { $0.name == device }) else { return }
        let now = world.now()
        gear[position].keeping.identity = identity
        accept(identity, at: position)
        if let identity { reportIdentity(identity, of: position, at: now) }
        judgeIdentities(at: now)
        reportState(position, at: now)
    }

    func meet(device: String, _ identity: GearIdentity) {
        guard let position = gear.firstIndex(where: { $0.name == device }), gear[position].keeping.accepted == nil,
            memory(device: device, key: GearIdentity.memoryKey) == nil
        else { return }
        accept(identity, at: position)
    }

    private func accept(_ identity: GearIdentity?, at position: Int) {
        gear[position].keeping.accepted = identity
        remember(
            device: gear[position].name, key: GearIdentity.memoryKey, Array((identity?.description ?? "").utf8))
    }

    /// Raises and clears. Who belongs to another device is judged only when that one has been looked at since, so that two that
    /// changed places are told with both places.
    private func judgeIdentities(at now: BootInstant) {
        for position in gear.indices {
            let one = gear[position]
            guard one.isStranger, let found = one.keeping.identity else {
                if strangers.removeValue(forKey: position) != nil {
                    tell(
                        "identity_changed", severity: 2, phase: 2,
                        "\(one.address): gear \(one.keeping.identity.map(\.description) ?? "unknown") belongs here",
                        of: position, at: now)
                }
                continue
            }
            guard strangers[position] != found else { continue }
            if mustWait(for: found, at: position) { continue }
            strangers[position] = found
            tell("identity_changed", severity: 2, phase: 1, strangerText(position, found), of: position, at: now)
        }
    }

    /// Whether the one to whom `found` belongs is to be read first. It is read anew once: what is known of it may be older than the
    /// moment at which the two changed places.
    private func mustWait(for found: GearIdentity, at position: Int) -> Bool {
        guard let owner = gear.indices.first(where: { gear[$0].expectedIdentity == found }), owner != position,
            isReadable(owner)
        else { return false }
        if !gear[owner].isStranger, askedOwners.insert(owner).inserted { gear[owner].keeping.doubt() }
        if !gear[owner].keeping.isIdentityFresh { return true }
        askedOwners.remove(owner)
        return false
    }

    private func strangerText(_ position: Int, _ found: GearIdentity) -> String {
        let one = gear[position]
        var text = "\(one.address): gear \(found) answers"
        if let owner = gear.first(where: { $0.expectedIdentity == found }) {
            text += ", which is that of \(owner.name) (\(owner.address))"
        }
        if let expected = one.expectedIdentity {
            text += "; its own, \(expected), "
            if let place = gear.first(where: { $0.keeping.identity == expected && $0.name != one.name }) {
                text += "is now at \(place.address) (\(place.name))"
            } else {
                text += "was not found on this bus"
            }
        }
        return text + "; accept it with `candela lamp replace \(one.name)`, or put the old one back"
    }

    private func identityPoint(_ position: Int) -> Int? {
        gear[position].points.firstIndex { $0.kind.rawValue == "identity" }
    }

    private func isIdentityTold(_ position: Int) -> Bool {
        guard let point = identityPoint(position) else { return true }
        return gear[position].points[point].quality == .good
    }

    private func reportIdentity(_ identity: GearIdentity, of position: Int, at now: BootInstant) {
        guard let point = identityPoint(position) else { return }
        gear[position].points[point].quality = .good
        outlet.samples(
            device: gear[position].index,
            [Sample(point: point, value: .text(identity.description), quality: .good, acquired: now)])
    }
}
