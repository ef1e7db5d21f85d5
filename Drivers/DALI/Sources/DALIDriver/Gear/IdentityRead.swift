/// Reads GTIN and identification number out of a gear's memory bank 0, in steps of less than 100 ms of bus.
///
/// DTR1 selects the bank and DTR0 the location; READ MEMORY LOCATION moves DTR0 on by one each time. Whoever sets these registers
/// in between tears the reading; it is then taken up where it was. Both layouts of the bank are read: that of gear since 2014,
/// and the shorter one before.
struct IdentityRead: Sendable {
    enum Result: Sendable, Hashable {
        case identity(GearIdentity)
        /// The gear has no such memory, or its maker left it blank.
        case absent
        /// It stopped answering, or two answered at once.
        case unreadable
    }

    /// Two reads and their answers are 92 ms of bus.
    private static let readsPerUnit = 2
    /// A location without an answer is asked for once more.
    private static let attempts = 2
    /// Bank 0: last accessible location; GTIN; identification number.
    private static let last: UInt8 = 0x00
    private static let gtin: ClosedRange<UInt8> = 0x03...0x08
    private static let number: ClosedRange<UInt8> = 0x0B...0x12
    /// The bank of gear before 2014 ends here: its number has four bytes.
    private static let oldLast: UInt8 = 0x0E

    let address: ShortAddress
    let priority: FramePriority
    private(set) var result: Result?
    private var locations: [UInt8] = [last]
    private var bytes: [UInt8: UInt8] = [:]
    private var isSet = false
    private var isSetting = false
    private var failures = 0

    init(_ address: ShortAddress, priority: FramePriority = .configuration) {
        self.address = address
        self.priority = priority
    }

    /// - Parameter isUndisturbed: nobody has set a transfer register since what was received last.
    mutating func next(isUndisturbed: Bool) -> MemoryBankReader.Step {
        guard result == nil, let location = locations.first else { return .finished }
        if !isSet || !isUndisturbed {
            isSet = true
            isSetting = true
            return .exchange([
                .special(.dataTransferRegister1, 0, priority: priority),
                .special(.dataTransferRegister0, location, priority: .continuation),
            ])
        }
        isSetting = false
        var count = 1
        while count < min(Self.readsPerUnit, locations.count), locations[count] == location + UInt8(count) {
            count += 1
        }
        return .exchange(
            (0..<count).map {
                .gear(address, .readMemoryLocation, priority: $0 == 0 ? priority : .continuation)
            })
    }

    mutating func received(_ outcomes: [DALIOutcome]) {
        if isSetting { return }
        for outcome in outcomes {
            guard case .reply(let value) = outcome else {
                failed(outcome)
                return
            }
            failures = 0
            let location = locations.removeFirst()
            bytes[location] = value
            // DTR0 stands on the next location; where another one is wanted it must be set.
            if let next = locations.first, next != location + 1 { isSet = false }
            if location == Self.last { plan(last: value) }
        }
        if result == nil, locations.isEmpty { finish() }
    }

    private mutating func failed(_ outcome: DALIOutcome) {
        isSet = false
        failures += 1
        guard failures >= Self.attempts else { return }
        if case .none = outcome, locations == [Self.last] { result = .absent } else { result = .unreadable }
    }

    private mutating func plan(last: UInt8) {
        isSet = false
        guard last >= Self.oldLast else {
            result = .absent
            return
        }
        locations = Array(Self.gtin) + Array(Self.number.lowerBound...min(last, Self.number.upperBound))
        if last == Self.oldLast { return }
        // A bank that ends within the number has none that could be told from others.
        if last < Self.number.upperBound { result = .absent }
    }

    private mutating func finish() {
        let number = Self.number.compactMap { bytes[$0] }
        let identity = GearIdentity(gtin: Self.gtin.compactMap { bytes[$0] }, number: number)
        result = identity.map(Result.identity) ?? .absent
    }
}
