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

/// Opcodes of IEC 62386-102 that this driver sends to one gear. Names are those of the standard.
public enum GearOpcode: UInt8, Sendable, Hashable, CaseIterable {
    case off = 0x00
    case recallMaxLevel = 0x05
    case identifyDevice = 0x25
    case setFadeTime = 0x2E
    case queryStatus = 0x90
    case queryActualLevel = 0xA0
    case queryMaxLevel = 0xA1
    case queryMinLevel = 0xA2
    case queryFadeTimeFadeRate = 0xA5
    /// IEC 62386-207: only after ENABLE DEVICE TYPE 6.
    case queryDimmingCurve = 0xEE

    /// Configuration commands count only when they come twice within 100 ms.
    public var isSentTwice: Bool { (0x20...0x81).contains(rawValue) }
    public var isQuery: Bool { rawValue >= 0x90 }

    public var name: String {
        switch self {
        case .off: "OFF"
        case .recallMaxLevel: "RECALL MAX LEVEL"
        case .identifyDevice: "IDENTIFY DEVICE"
        case .setFadeTime: "SET FADE TIME"
        case .queryStatus: "QUERY STATUS"
        case .queryActualLevel: "QUERY ACTUAL LEVEL"
        case .queryMaxLevel: "QUERY MAX LEVEL"
        case .queryMinLevel: "QUERY MIN LEVEL"
        case .queryFadeTimeFadeRate: "QUERY FADE TIME/FADE RATE"
        case .queryDimmingCurve: "QUERY DIMMING CURVE"
        }
    }
}

/// Special commands of IEC 62386-102: to all gear at once, the second byte is data.
public enum SpecialCommand: UInt8, Sendable, Hashable, CaseIterable {
    case dataTransferRegister0 = 0xA3
    case enableDeviceType = 0xC1

    public var name: String {
        switch self {
        case .dataTransferRegister0: "DTR0"
        case .enableDeviceType: "ENABLE DEVICE TYPE"
        }
    }
}

extension ForwardFrame {
    /// DAPC: 0 fades to off, 1 to 254 is a level, 255 (MASK) stops a fade.
    public static func directArcPower(_ address: ShortAddress, level: UInt8) -> ForwardFrame {
        ForwardFrame(bits: 16, data: UInt32(address.levelByte) << 8 | UInt32(level))
    }

    public static func gear(_ address: ShortAddress, _ opcode: GearOpcode) -> ForwardFrame {
        ForwardFrame(bits: 16, data: UInt32(address.opcodeByte) << 8 | UInt32(opcode.rawValue))
    }

    public static func special(_ command: SpecialCommand, _ data: UInt8) -> ForwardFrame {
        ForwardFrame(bits: 16, data: UInt32(command.rawValue) << 8 | UInt32(data))
    }
}

extension ForwardFrame: CustomStringConvertible {
    /// As a technician reads it: `A3 QUERY STATUS`, `A3 DAPC 127`, otherwise the bytes.
    public var description: String {
        guard bits == 16 else { return "\(bits) bits \(hexadecimal(bytes))" }
        let (first, second) = (UInt8(truncatingIfNeeded: data >> 8), UInt8(truncatingIfNeeded: data))
        if first & 0x80 == 0 {
            if first & 1 == 0 { return "A\(first >> 1) DAPC \(second)" }
            if let opcode = GearOpcode(rawValue: second) { return "A\(first >> 1) \(opcode.name)" }
        } else if let special = SpecialCommand(rawValue: first) {
            return "\(special.name) \(second)"
        }
        return hexadecimal(bytes)
    }
}

/// Bytes as technicians write them: `59 33 02`.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined(separator: " ")
}
