/// A memory bank of a control gear as a standard lays it out: which bytes mean what.
struct MemoryBank: Sendable {
    /// How values that change while they are read are kept whole.
    enum Consistency: Sendable {
        /// Nothing in it changes by itself.
        case constant
        /// AAh in location 2 freezes a snapshot, FFh lets it go (IEC 62386-252 and -253).
        case latch
    }

    let number: UInt8
    /// For people.
    let name: String
    /// The part of IEC 62386 that lays it out.
    let part: String
    let consistency: Consistency
    let fields: [BankField]

    func field(_ name: String) -> BankField? { fields.first { $0.name == name } }

    /// The bank of a number; nil for what no standard of this driver lays out.
    static func numbered(_ number: UInt8) -> MemoryBank? { all.first { $0.number == number } }
}

/// One value in a memory bank.
struct BankField: Sendable, Hashable {
    enum Coding: Sendable, Hashable {
        /// Unsigned, most significant byte first, times a power of ten.
        case number(powerOfTen: Int32)
        /// The first byte is a signed power of ten from -6 to 6, the rest a number (part 252).
        case scaled
        /// Degrees Celsius plus 60 (part 253).
        case temperature
        /// 0 or 1.
        case flag
        /// Two bytes `major.minor`, or one byte with six and two bits (part 102 clause 4.2).
        case version
        /// A number too long or too much of a name to count with: its decimal digits.
        case identifier
        /// ASCII, ended by a zero byte or the field's end.
        case text
    }

    let name: String
    let first: UInt8
    let count: UInt8
    let coding: Coding
    /// UCUM; empty where there is none.
    let unit: String
    /// Valid range of the number as it stands in the bank.
    let range: ClosedRange<UInt64>
    /// All ones: the gear does not know or does not have this value.
    let hasMask: Bool
    /// All ones but the last bit: not available at the moment.
    let hasTemporaryMask: Bool

    init(
        _ name: String, _ locations: ClosedRange<UInt8>, _ coding: Coding = .number(powerOfTen: 0), _ unit: String = "",
        _ range: ClosedRange<UInt64> = 0...UInt64.max, mask: Bool = false, temporary: Bool = false
    ) {
        self.name = name
        first = locations.lowerBound
        count = locations.upperBound - locations.lowerBound + 1
        self.coding = coding
        self.unit = unit
        self.range = range
        hasMask = mask
        hasTemporaryMask = temporary
    }

    var locations: ClosedRange<UInt8> { first...(first + count - 1) }
    /// More than one byte that a change may come between.
    var canTear: Bool { count > 1 }
}
