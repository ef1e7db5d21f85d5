/// What was read of a device of which nothing is known: registers by table and address.
struct RegisterImage: Sendable, Hashable {
    private var tables: [RegisterTable: [Int: UInt16]] = [:]

    var isEmpty: Bool { tables.values.allSatisfy(\.isEmpty) }

    /// Tables that hold anything, in the order of their function codes.
    var filledTables: [RegisterTable] { RegisterTable.allCases.filter { !(tables[$0]?.isEmpty ?? true) } }

    mutating func store(_ words: [UInt16], table: RegisterTable, at address: Int) {
        for (offset, word) in words.enumerated() { tables[table, default: [:]][address + offset] = word }
    }

    /// Addresses that were answered, ascending.
    func addresses(of table: RegisterTable) -> [Int] { (tables[table] ?? [:]).keys.sorted() }

    /// `count` registers from `address`; nil when one of them was not answered.
    func words(_ table: RegisterTable, at address: Int, count: Int) -> [UInt16]? {
        guard let registers = tables[table] else { return nil }
        var words: [UInt16] = []
        words.reserveCapacity(count)
        for offset in 0..<count {
            guard let word = registers[address + offset] else { return nil }
            words.append(word)
        }
        return words
    }
}
