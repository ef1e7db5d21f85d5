/// 24-bit frames of IEC 62386-103: commands to control devices (sensors, push buttons).
public struct ControlDeviceOpcode: Sendable, Hashable {
    public let rawValue: UInt8
    public let name: String
    public let isSentTwice: Bool
    public let isQuery: Bool

    init(_ rawValue: UInt8, _ name: String, twice: Bool = false, query: Bool = false) {
        self.rawValue = rawValue
        self.name = name
        isSentTwice = twice
        isQuery = query
    }

    /// Control devices say nothing of themselves until ``stopQuiescentMode``, at most 15 min.
    public static let startQuiescentMode = ControlDeviceOpcode(0x1D, "START QUIESCENT MODE", twice: true)
    public static let stopQuiescentMode = ControlDeviceOpcode(0x1E, "STOP QUIESCENT MODE", twice: true)
    public static let queryDeviceStatus = ControlDeviceOpcode(0x30, "QUERY DEVICE STATUS", query: true)
    public static let queryNumberOfInstances = ControlDeviceOpcode(0x35, "QUERY NUMBER OF INSTANCES", query: true)
    public static let queryInstanceType = ControlDeviceOpcode(0x80, "QUERY INSTANCE TYPE", query: true)
    public static let queryResolution = ControlDeviceOpcode(0x81, "QUERY RESOLUTION", query: true)
    public static let queryInstanceEnabled = ControlDeviceOpcode(0x86, "QUERY INSTANCE ENABLED", query: true)
    public static let queryEventScheme = ControlDeviceOpcode(0x8B, "QUERY EVENT SCHEME", query: true)
    public static let queryInputValue = ControlDeviceOpcode(0x8C, "QUERY INPUT VALUE", query: true)
    public static let queryInputValueLatch = ControlDeviceOpcode(0x8D, "QUERY INPUT VALUE LATCH", query: true)
}

/// Whom a 24-bit command frame is for, IEC 62386-103 clause 7.2.
public enum ControlDeviceAddress: Sendable, Hashable {
    case short(ShortAddress)
    case broadcast

    var byte: UInt8 {
        switch self {
        case .short(let address): address.number << 1 | 1
        case .broadcast: 0xFF
        }
    }
}

extension ForwardFrame {
    /// A command to a control device as a whole, or to one of its instances (0 to 31).
    public static func device(
        _ address: ControlDeviceAddress, _ opcode: ControlDeviceOpcode, instance: UInt8? = nil
    ) -> ForwardFrame {
        let second = instance.map { $0 & 0x1F } ?? 0xFE
        return ForwardFrame(
            bits: 24, data: UInt32(address.byte) << 16 | UInt32(second) << 8 | UInt32(opcode.rawValue))
    }

    /// A frame of 24 bits for people; events of control devices have bit 16 clear.
    var controlDeviceDescription: String {
        ControlDeviceEvent(self)?.description ?? "24 bits \(hexadecimal(bytes))"
    }
}
