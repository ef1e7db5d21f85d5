/// Which gear gets which address, once every gear can be addressed: the file's word first, then what was remembered, then what is
/// free. Pure: what is found goes in, moves and remarks come out.
struct Placement {
    struct Found {
        let address: UInt8
        let signature: GearIdentity?
        /// It had no address of its own, or one that another gear keeps.
        let isNew: Bool
    }

    /// A lamp of the configuration.
    struct Lamp {
        let name: String
        let address: UInt8
        /// Who should sit there: from the file or from memory; nil: nobody ever was seen there.
        let expected: GearIdentity?
    }

    struct Move: Equatable {
        let from: UInt8
        let to: UInt8
    }

    private(set) var moves: [Move] = []
    private(set) var problems: [String] = []

    private let found: [Found]
    private let lamps: [Lamp]
    private let table: CommissioningTable
    /// Where each gear goes, by where it is.
    private var targets: [UInt8: UInt8] = [:]
    private var taken: Set<UInt8> = []

    init(found: [Found], lamps: [Lamp], table: CommissioningTable, first: UInt8) {
        self.found = found.sorted { $0.address < $1.address }
        self.lamps = lamps
        self.table = table
        placeKnown()
        keepUnknown()
        placeNew(first: first)
        moves = Self.ordered(
            self.found.compactMap { gear in
                targets[gear.address].flatMap { $0 == gear.address ? nil : Move(from: gear.address, to: $0) }
            }, occupied: Set(found.map(\.address)))
    }

    /// The file and what was remembered.
    private mutating func placeKnown() {
        for gear in found {
            guard let signature = gear.signature,
                let lamp = lamps.first(where: { $0.expected == signature })
            else { continue }
            // Cloned numbers exist. The first of them gets the lamp's place; the others are treated as strangers.
            guard !taken.contains(lamp.address) else {
                problems.append(
                    "\(lamp.name): more than one gear on the bus says that it is \(signature), also the one found at short "
                        + "address \(gear.address): look which is the lamp with `candela lamp identify`")
                continue
            }
            put(gear, at: lamp.address)
        }
        for gear in found where targets[gear.address] == nil {
            guard let signature = gear.signature, let address = table.address(of: signature), !taken.contains(address),
                !lamps.contains(where: { $0.address == address && $0.expected != nil })
            else { continue }
            put(gear, at: address)
        }
    }

    /// What is in use stays where it is, unless that place belongs to another gear that is here.
    private mutating func keepUnknown() {
        for gear in found where targets[gear.address] == nil && !gear.isNew && !taken.contains(gear.address) {
            put(gear, at: gear.address)
            guard let lamp = lamps.first(where: { $0.address == gear.address }), let expected = lamp.expected else {
                continue
            }
            problems.append(
                "\(lamp.name): another gear (\(gear.signature?.description ?? "it does not say who it is")) sits at short "
                    + "address \(lamp.address), and its own (\(expected)) is nowhere on the bus: `candela lamp replace "
                    + "\(lamp.name)` accepts the new one")
        }
    }

    /// Gear without a place: those lamps that never had any, then the one lamp that lost its own, then what is free.
    private mutating func placeNew(first: UInt8) {
        var rest = found.filter { targets[$0.address] == nil }
        let missing = lamps.filter { $0.expected != nil && !taken.contains($0.address) }
        if missing.count == 1, rest.count == 1, let lamp = missing.first, let gear = rest.first {
            put(gear, at: lamp.address)
            problems.append(
                "\(lamp.name): its gear (\(lamp.expected?.description ?? "")) is nowhere on the bus, and one unknown gear "
                    + "(\(gear.signature?.description ?? "it does not say who it is")) was found: it got short address "
                    + "\(lamp.address); `candela lamp replace \(lamp.name)` accepts it")
            return
        }
        let reserved = Set(lamps.map(\.address)).union(missing.map(\.address))
        let open = lamps.filter { $0.expected == nil && !taken.contains($0.address) }.map(\.address)
        let free = (0..<64).map { UInt8((Int(first) + $0) % 64) }.filter { !reserved.contains($0) }
        // Only a full bus gives new gear the place of one that is missing.
        var places = (open + free + missing.map(\.address)).filter { !taken.contains($0) }
        // One that got its address in this run stays there when nobody has a better claim to it.
        while !rest.isEmpty, !places.isEmpty {
            let gear = rest.removeFirst()
            let place = open.isEmpty && places.contains(gear.address) ? gear.address : places[0]
            places.removeAll { $0 == place }
            put(gear, at: place)
        }
        guard !missing.isEmpty, found.contains(where: { $0.isNew }) else { return }
        let names = missing.map { "\($0.name) (short address \($0.address))" }.joined(separator: ", ")
        problems.append(
            "nowhere on the bus: \(names); new gear was found, and nobody can know which took whose place: look with `candela "
                + "lamp identify`, then give each its `gear:` in the file and commission again")
    }

    private mutating func put(_ gear: Found, at address: UInt8) {
        targets[gear.address] = address
        taken.insert(address)
    }

    /// Moves in an order in which no two gear share an address if that can be had: a ring goes over a free address. On a full bus
    /// a ring stays as it is; gear is chosen by its random address, so it still ends well.
    ///
    /// A move to a place that its gear never leaves is left out: no detour would ever free it.
    static func ordered(_ wanted: [Move], occupied: Set<UInt8>) -> [Move] {
        var rest = movable(wanted, occupied: occupied)
        var occupied = occupied
        var moves: [Move] = []
        while !rest.isEmpty {
            if let index = rest.firstIndex(where: { !occupied.contains($0.to) }) {
                let move = rest.remove(at: index)
                moves.append(move)
                occupied.remove(move.from)
                occupied.insert(move.to)
            } else if let spare = (UInt8(0)..<64).last(where: { !occupied.contains($0) }) {
                let move = rest.removeFirst()
                moves.append(Move(from: move.from, to: spare))
                occupied.remove(move.from)
                occupied.insert(spare)
                rest.append(Move(from: spare, to: move.to))
            } else {
                moves += rest
                rest = []
            }
        }
        return moves
    }

    /// Those whose place is free or becomes free, each place wanted once.
    private static func movable(_ wanted: [Move], occupied: Set<UInt8>) -> [Move] {
        var places: Set<UInt8> = []
        var rest = wanted.filter { places.insert($0.to).inserted }
        while true {
            let leaving = Set(rest.map(\.from))
            let free = rest.filter { !occupied.contains($0.to) || leaving.contains($0.to) }
            if free.count == rest.count { return rest }
            rest = free
        }
    }
}
