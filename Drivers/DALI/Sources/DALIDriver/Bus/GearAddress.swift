/// Whom a 16-bit forward frame is for, IEC 62386-102 clause 7.2.
public enum GearAddress: Sendable, Hashable {
    case short(ShortAddress)
    /// 0 to 15.
    case group(UInt8)
    case broadcast
    /// All gear without a short address.
    case broadcastUnaddressed

    /// From the first byte of a frame; nil for special commands and what the standard reserves.
    init?(firstByte: UInt8) {
        switch firstByte {
        case 0x00...0x7F:
            guard let address = ShortAddress(Int(firstByte >> 1)) else { return nil }
            self = .short(address)
        case 0x80...0x9F: self = .group(firstByte >> 1 & 0x0F)
        case 0xFC, 0xFD: self = .broadcastUnaddressed
        case 0xFE, 0xFF: self = .broadcast
        default: return nil
        }
    }

    /// First byte of a frame that carries a level.
    var levelByte: UInt8 {
        switch self {
        case .short(let address): address.number << 1
        case .group(let number): 0x80 | (number & 0x0F) << 1
        case .broadcast: 0xFE
        case .broadcastUnaddressed: 0xFC
        }
    }

    /// First byte of a frame that carries an opcode.
    var opcodeByte: UInt8 { levelByte | 1 }

    /// As it stands in a trace: `A3`, `G2`, `all`, `unaddressed`.
    var short: String {
        switch self {
        case .short(let address): "A\(address.number)"
        case .group(let number): "G\(number)"
        case .broadcast: "all"
        case .broadcastUnaddressed: "unaddressed"
        }
    }
}
