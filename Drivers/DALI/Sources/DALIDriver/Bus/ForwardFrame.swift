/// A frame from an application controller to control gear (16 bits) or control devices (24 bits), IEC 62386-101 clause 7.
public struct ForwardFrame: Sendable, Hashable {
    /// Data bits, without start and stop condition.
    public let bits: Int
    /// Right-aligned; the first bit on the wire is the highest.
    public let data: UInt32

    public init(bits: Int, data: UInt32) {
        precondition((1...32).contains(bits), "a forward frame has 1 to 32 bits")
        self.bits = bits
        self.data = data
    }

    /// The frame as bytes, first bit first, zero padded at the end.
    public var bytes: [UInt8] {
        let aligned = data << UInt32(32 - bits)
        return (0..<(bits + 7) / 8).map { UInt8(truncatingIfNeeded: aligned >> UInt32(24 - 8 * $0)) }
    }

    /// From bytes as in ``bytes``; nil when they are too few.
    public init?(bits: Int, bytes: some Collection<UInt8>) {
        guard (1...32).contains(bits), bytes.count >= (bits + 7) / 8 else { return nil }
        var aligned: UInt32 = 0
        for (position, byte) in bytes.prefix((bits + 7) / 8).enumerated() {
            aligned |= UInt32(byte) << UInt32(24 - 8 * position)
        }
        self.init(bits: bits, data: aligned >> UInt32(32 - bits))
    }
}

/// Address of one control gear on its bus, 0 to 63.
public struct ShortAddress: Sendable, Hashable, CustomStringConvertible {
    public let number: UInt8

    public init?(_ number: Int) {
        guard (0...63).contains(number) else { return nil }
        self.number = UInt8(number)
    }

    public var description: String { "short address \(number)" }
    /// First byte of a frame that carries a level.
    var levelByte: UInt8 { number << 1 }
    /// First byte of a frame that carries an opcode.
    var opcodeByte: UInt8 { number << 1 | 1 }
}

extension ForwardFrame {
    /// DAPC: 0 fades to off, 1 to 254 is a level, 255 (MASK) stops a fade.
    public static func directArcPower(_ address: ShortAddress, level: UInt8) -> ForwardFrame {
        ForwardFrame(bits: 16, data: UInt32(address.levelByte) << 8 | UInt32(level))
    }

    public static func gear(_ address: ShortAddress, _ opcode: GearOpcode) -> ForwardFrame {
        ForwardFrame(bits: 16, data: UInt32(address.opcodeByte) << 8 | UInt32(opcode.rawValue))
    }

    /// DAPC to a group or to all.
    public static func directArcPower(_ address: GearAddress, level: UInt8) -> ForwardFrame {
        ForwardFrame(bits: 16, data: UInt32(address.levelByte) << 8 | UInt32(level))
    }

    public static func gear(_ address: GearAddress, _ opcode: GearOpcode) -> ForwardFrame {
        ForwardFrame(bits: 16, data: UInt32(address.opcodeByte) << 8 | UInt32(opcode.rawValue))
    }

    public static func special(_ command: SpecialCommand, _ data: UInt8 = 0) -> ForwardFrame {
        ForwardFrame(bits: 16, data: UInt32(command.rawValue) << 8 | UInt32(data))
    }
}

extension ForwardFrame: CustomStringConvertible {
    /// As a technician reads it: `A3 QUERY STATUS`, `A3 DAPC 127`, otherwise the bytes.
    public var description: String {
        switch bits {
        case 16: gearDescription
        case 24: controlDeviceDescription
        default: "\(bits) bits \(hexadecimal(bytes))"
        }
    }

    private var gearDescription: String {
        let (first, second) = (UInt8(truncatingIfNeeded: data >> 8), UInt8(truncatingIfNeeded: data))
        if let special = SpecialCommand(rawValue: first) {
            return special.takesData ? "\(special.name) \(second)" : special.name
        }
        guard let address = GearAddress(firstByte: first) else { return hexadecimal(bytes) }
        guard first & 1 == 1 else { return "\(address.short) DAPC \(second)" }
        if let name = GearOpcode(rawValue: second).name { return "\(address.short) \(name)" }
        return "\(address.short) command \(hexadecimal([second]))"
    }
}

/// Bytes as technicians write them: `59 33 02`.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined(separator: " ")
}
