internal import Telemetry

/// Who a control gear is: GTIN and identification number of its memory bank 0 (IEC 62386-102). Both
/// together are unique in the world; a luminaire's name hangs on them and not on the address.
struct GearIdentity: Sendable, Hashable, CustomStringConvertible {
    /// Key under which the runtime keeps the identity that was accepted for a device: its text.
    static let memoryKey = "identity"
    /// Six bytes of GTIN.
    private static let largestGTIN: UInt64 = 0xFFFF_FFFF_FFFF

    let gtin: UInt64
    let number: UInt64

    init(gtin: UInt64, number: UInt64) {
        self.gtin = gtin
        self.number = number
    }

    /// As it stands in a file: `7630000000012/4711`, both in decimal.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { ("0"..."9").contains($0) } }),
            let gtin = UInt64(parts[0]), gtin <= Self.largestGTIN, let number = UInt64(parts[1])
        else { return nil }
        self.init(gtin: gtin, number: number)
    }

    /// From the bytes of the bank, most significant first; nil when the maker left either of them blank (all ones, or a number of
    /// zeros): such gear cannot be told from its brothers.
    init?(gtin: [UInt8], number: [UInt8]) {
        guard gtin.contains(where: { $0 != 0xFF }), number.contains(where: { $0 != 0xFF }),
            number.contains(where: { $0 != 0 })
        else { return nil }
        func value(_ bytes: [UInt8]) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(gtin: value(gtin), number: value(number))
    }

    var description: String { "\(gtin)/\(number)" }
}
