/// A point's name in its parts: `<quantity>[.<channel>][.<phase>][.T<tariff>]`.
public struct PointName: Sendable, Hashable, CustomStringConvertible {
    /// Which conductors a value is of. The total over all has no suffix.
    public enum Phase: String, Sendable, Hashable, CaseIterable {
        case l1 = "L1"
        case l2 = "L2"
        case l3 = "L3"
        case neutral = "N"
        case l1ToL2 = "L1-L2"
        case l2ToL3 = "L2-L3"
        case l3ToL1 = "L3-L1"
        /// The other way round, as vectors some meters give.
        case l2ToL1 = "L2-L1"
        case l3ToL2 = "L3-L2"
        case l1ToL3 = "L1-L3"
        case average = "avg"
        /// Of the voltages between two lines.
        case averageLineToLine = "avg-LL"
        /// Of the voltages to neutral.
        case averageLineToNeutral = "avg-LN"
        case sum = "sum"
    }

    /// Why a text is no point name.
    public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
        /// What is wrong and what was expected.
        public let description: String
    }

    /// The longest name, in bytes.
    public static let longest = 96
    /// Channels of one device.
    public static let channels = 1...99
    /// Tariffs of one register (value group E of OBIS up to 63 is used for them).
    public static let tariffs = 1...63

    public let quantity: String
    /// `ch2` is 2.
    public let channel: Int?
    public let phase: Phase?
    /// `T2` is 2.
    public let tariff: Int?

    /// Puts a name together.
    public init(quantity: String, channel: Int? = nil, phase: Phase? = nil, tariff: Int? = nil) {
        self.quantity = quantity
        self.channel = channel
        self.phase = phase
        self.tariff = tariff
    }

    /// Takes a name apart.
    ///
    /// - Throws: ``Problem``, which names the faulty part. Whether the quantity is in the table is another question
    ///   (``Quantity/init(name:)``).
    public init(_ text: some StringProtocol) throws(Problem) {
        guard text.utf8.count <= Self.longest else {
            throw Problem(description: "a point name of more than \(Self.longest) characters")
        }
        let parts = String(text).split(separator: Character("."), omittingEmptySubsequences: false).map(String.init)
        guard let quantity = parts.first, Self.isQuantity(quantity) else {
            throw Problem(
                description:
                    "\"\(text)\" does not begin with a quantity: small letters, digits and _, such as active_power"
            )
        }
        var channel: Int?
        var phase: Phase?
        var tariff: Int?
        for part in parts.dropFirst() {
            if tariff == nil, let number = Self.number(part, after: "T", in: Self.tariffs) {
                tariff = number
            } else if phase == nil, tariff == nil, let known = Phase(rawValue: part) {
                phase = known
            } else if channel == nil, phase == nil, tariff == nil,
                let number = Self.number(part, after: "ch", in: Self.channels)
            {
                channel = number
            } else {
                throw Problem(
                    description: "\"\(part)\" in \"\(text)\" is out of place: expected "
                        + "<quantity>[.ch<1-99>][.L1|L2|L3|N|L1-L2|...][.T<1-63>], and no suffix for the total")
            }
        }
        self.init(quantity: quantity, channel: channel, phase: phase, tariff: tariff)
    }

    public var description: String {
        var text = quantity
        if let channel { text += ".ch\(channel)" }
        if let phase { text += ".\(phase.rawValue)" }
        if let tariff { text += ".T\(tariff)" }
        return text
    }

    private static func isQuantity(_ text: String) -> Bool {
        guard let first = text.utf8.first, (97...122).contains(first) else { return false }
        return text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "_") }
    }

    /// One spelling per number: no leading zeros.
    private static func number(_ text: String, after prefix: String, in range: ClosedRange<Int>) -> Int? {
        guard text.hasPrefix(prefix) else { return nil }
        let digits = text.dropFirst(prefix.count)
        guard let number = Int(digits), range.contains(number), String(number) == digits else { return nil }
        return number
    }
}
