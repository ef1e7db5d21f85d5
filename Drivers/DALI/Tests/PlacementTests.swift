import Testing

@testable import DALIDriver

@Suite struct PlacementTests {
    private static func identity(_ number: UInt64) -> GearIdentity { GearIdentity(gtin: 1, number: number) }
    private static func found(_ address: UInt8, _ number: UInt64?, isNew: Bool = false) -> Placement.Found {
        Placement.Found(address: address, signature: number.map(identity), isNew: isNew)
    }
    private static func lamp(_ address: UInt8, _ number: UInt64?) -> Placement.Lamp {
        Placement.Lamp(name: "lamp-\(address)", address: address, expected: number.map(identity))
    }

    @Test func `a ring of gear goes over a free address, so that no two share one`() {
        let placement = Placement(
            found: [Self.found(0, 10), Self.found(1, 11)], lamps: [Self.lamp(0, 11), Self.lamp(1, 10)],
            table: CommissioningTable(), first: 0)
        #expect(placement.moves.count == 3)
        var places: [UInt8: UInt64] = [0: 10, 1: 11]
        for move in placement.moves {
            #expect(places[move.to] == nil)
            places[move.to] = places.removeValue(forKey: move.from)
        }
        #expect(places == [0: 11, 1: 10])
        #expect(placement.problems.isEmpty)
    }

    @Test func `new gear takes the places of lamps that never had any, in order`() {
        let placement = Placement(
            found: [Self.found(30, 1, isNew: true), Self.found(31, nil, isNew: true)],
            lamps: [Self.lamp(4, nil), Self.lamp(5, nil)], table: CommissioningTable(), first: 0)
        #expect(placement.moves == [.init(from: 30, to: 4), .init(from: 31, to: 5)])
    }

    @Test func `an intruder leaves the place of gear that is here`() {
        let placement = Placement(
            found: [Self.found(4, 99), Self.found(9, 44)], lamps: [Self.lamp(4, 44)], table: CommissioningTable(),
            first: 0)
        #expect(Set(placement.moves.map(\.from)) == [4, 9])
        #expect(placement.moves.contains(.init(from: 9, to: 4)))
    }

    @Test func `gear that is unknown at a lamp's own address stays, and a person is told`() {
        let placement = Placement(
            found: [Self.found(4, 99)], lamps: [Self.lamp(4, 44)], table: CommissioningTable(), first: 0)
        #expect(placement.moves.isEmpty)
        #expect(placement.problems.count == 1)
        #expect(placement.problems.first?.contains("candela lamp replace lamp-4") == true)
    }

    @Test func `of two gear that say the same identity one gets the lamp's place, and a person is told`() {
        let placement = Placement(
            found: [Self.found(7, 44), Self.found(9, 44), Self.found(3, 45)],
            lamps: [Self.lamp(3, 44), Self.lamp(5, 45)],
            table: CommissioningTable(), first: 0)
        #expect(placement.moves == [.init(from: 3, to: 5), .init(from: 7, to: 3)])
        #expect(placement.problems.count == 1)
        #expect(placement.problems.first?.contains("more than one gear") == true)
    }

    @Test func `moves to a place that never gets free are left out instead of going round for ever`() {
        let moves = Placement.ordered(
            [.init(from: 1, to: 2), .init(from: 3, to: 2), .init(from: 4, to: 5), .init(from: 6, to: 4)],
            occupied: [1, 2, 3, 4, 5, 6])
        #expect(moves == [])
    }

    @Test func `a table survives being written and read, and nonsense is nothing known`() {
        var table = CommissioningTable()
        table.put(.init(address: 5, random: 0xA1B2C3, signature: Self.identity(.max - 7)))
        table.put(.init(address: 5, random: 0x000001, signature: nil, isPending: true))
        #expect(CommissioningTable(table.bytes) == table)
        #expect(CommissioningTable(table.bytes.dropLast()) == CommissioningTable())
        #expect(CommissioningTable([9, 9]) == CommissioningTable())
        #expect(CommissioningTable(nil) == CommissioningTable())
    }

    /// The lowest of a set is found whatever it is, and an answer that was lost is noticed.
    @Test(arguments: [[0], [0xFFFFFF], [1, 2, 3], [0x123456, 0x123457], [0xFFFFFE, 0xFFFFFF]] as [[UInt32]])
    func `the search finds the lowest random address`(_ addresses: [UInt32]) {
        var search = RandomAddressSearch()
        var steps = 0
        while case .compare(let limit) = search.next() {
            search.answered(addresses.contains { $0 <= limit })
            steps += 1
        }
        #expect(search.next() == .found(addresses.min() ?? 0))
        #expect(steps <= 27)
        var lossy = RandomAddressSearch()
        var asked = 0
        while case .compare(let limit) = lossy.next() {
            asked += 1
            lossy.answered(asked != 5 && limit >= 0x100)
        }
        #expect(lossy.next() == .confused)
    }

    @Test func `only changed bytes of the search address are sent`() {
        var address = SearchAddress()
        #expect(address.set(0x123456).map(\.frame.bytes) == [[0xB1, 0x12], [0xB3, 0x34], [0xB5, 0x56]])
        #expect(address.set(0x123457).map(\.frame.bytes) == [[0xB5, 0x57]])
        #expect(address.set(0x123457).isEmpty)
        #expect(address.set(0x993457).map(\.frame.bytes) == [[0xB1, 0x99]])
        address.forget()
        #expect(address.set(0x993457).count == 3)
    }
}
