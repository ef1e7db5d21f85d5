/// Special commands of IEC 62386-102: to all gear at once, the second byte is data where the command takes any.
public enum SpecialCommand: UInt8, Sendable, Hashable, CaseIterable {
    case terminate = 0xA1
    case dataTransferRegister0 = 0xA3
    case initialise = 0xA5
    case randomise = 0xA7
    case compare = 0xA9
    case withdraw = 0xAB
    case ping = 0xAD
    case searchAddressHigh = 0xB1
    case searchAddressMiddle = 0xB3
    case searchAddressLow = 0xB5
    case programShortAddress = 0xB7
    case verifyShortAddress = 0xB9
    case queryShortAddress = 0xBB
    case enableDeviceType = 0xC1
    case dataTransferRegister1 = 0xC3
    case dataTransferRegister2 = 0xC5
    case writeMemoryLocation = 0xC7
    case writeMemoryLocationNoReply = 0xC9

    /// Counts only when it comes twice within 100 ms.
    public var isSentTwice: Bool { self == .initialise || self == .randomise }

    /// Gear may answer.
    public var isQuery: Bool {
        switch self {
        case .compare, .verifyShortAddress, .queryShortAddress, .writeMemoryLocation: true
        default: false
        }
    }

    /// The second byte carries something.
    public var takesData: Bool {
        switch self {
        case .terminate, .randomise, .compare, .withdraw, .ping, .queryShortAddress: false
        default: true
        }
    }

    public var name: String {
        switch self {
        case .terminate: "TERMINATE"
        case .dataTransferRegister0: "DTR0"
        case .initialise: "INITIALISE"
        case .randomise: "RANDOMISE"
        case .compare: "COMPARE"
        case .withdraw: "WITHDRAW"
        case .ping: "PING"
        case .searchAddressHigh: "SEARCHADDRH"
        case .searchAddressMiddle: "SEARCHADDRM"
        case .searchAddressLow: "SEARCHADDRL"
        case .programShortAddress: "PROGRAM SHORT ADDRESS"
        case .verifyShortAddress: "VERIFY SHORT ADDRESS"
        case .queryShortAddress: "QUERY SHORT ADDRESS"
        case .enableDeviceType: "ENABLE DEVICE TYPE"
        case .dataTransferRegister1: "DTR1"
        case .dataTransferRegister2: "DTR2"
        case .writeMemoryLocation: "WRITE MEMORY LOCATION"
        case .writeMemoryLocationNoReply: "WRITE MEMORY LOCATION NO REPLY"
        }
    }
}
