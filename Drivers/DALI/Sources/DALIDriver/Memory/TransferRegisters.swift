/// What the data transfer registers of the gear on a bus hold, as far as every frame on the bus tells.
///
/// DTR0 and DTR1 choose the byte that READ MEMORY LOCATION reads. A bank is read in short units with polls and commands between
/// them, and a registers set for one unit still hold in the next unless a frame came that changes them, ours or
/// another controller's. IEC 62386-102 clause 9.10.
struct TransferRegisters: Sendable, Hashable {
    private var first: UInt8?
    private var second: UInt8?
    /// The one gear whose DTR0 has moved on since it was set for all; nil: all have the same.
    private var reader: ShortAddress?

    /// Whether DTR1 names this bank in every gear.
    func holds(bank: UInt8) -> Bool { second == bank }

    /// Whether the next READ MEMORY LOCATION to this gear reads this location of this bank.
    func holds(bank: UInt8, location: UInt8, of gear: ShortAddress) -> Bool {
        second == bank && first == location && (reader == nil || reader == gear)
    }

    /// Nobody knows what was on the bus meanwhile.
    mutating func forget() { self = TransferRegisters() }

    /// A frame went over the bus; to be told of each, in their order.
    mutating func note(_ frame: ForwardFrame) {
        guard frame.bits == 16 else { return }
        let (byte, data) = (UInt8(truncatingIfNeeded: frame.data >> 8), UInt8(truncatingIfNeeded: frame.data))
        if let special = SpecialCommand(rawValue: byte) {
            note(special, data)
        } else if byte & 1 == 1 {
            note(GearOpcode(rawValue: data), to: GearAddress(firstByte: byte))
        }
    }

    private mutating func note(_ special: SpecialCommand, _ data: UInt8) {
        switch special {
        case .dataTransferRegister0:
            first = data
            reader = nil
        case .dataTransferRegister1: second = data
        // DTR0 moves on in the gear that is enabled for writing, and only there.
        case .writeMemoryLocation, .writeMemoryLocationNoReply: first = nil
        default: break
        }
    }

    private mutating func note(_ opcode: GearOpcode, to address: GearAddress?) {
        switch opcode.rawValue {
        case GearOpcode.readMemoryLocation.rawValue:
            guard case .short(let gear)? = address, reader == nil || reader == gear, let location = first else {
                first = nil
                return
            }
            reader = gear
            first = location == .max ? nil : location + 1
        case GearOpcode.storeActualLevelInDataTransferRegister0.rawValue, GearOpcode.reset.rawValue: first = nil
        // Colour values are answered in the registers (IEC 62386-209 table 11).
        case 0xE0...0xFE: forget()
        default: break
        }
    }
}
