/// Opcodes of IEC 62386-102 for one gear, a group or all; names are those of the standard. The range E0 to FE belongs to
/// device types: see ``DeviceTypeOpcode``.
public struct GearOpcode: RawRepresentable, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let off = GearOpcode(rawValue: 0x00)
    public static let up = GearOpcode(rawValue: 0x01)
    public static let down = GearOpcode(rawValue: 0x02)
    public static let stepUp = GearOpcode(rawValue: 0x03)
    public static let stepDown = GearOpcode(rawValue: 0x04)
    public static let recallMaxLevel = GearOpcode(rawValue: 0x05)
    public static let recallMinLevel = GearOpcode(rawValue: 0x06)
    public static let stepDownAndOff = GearOpcode(rawValue: 0x07)
    public static let onAndStepUp = GearOpcode(rawValue: 0x08)
    public static let enableDirectArcPowerSequence = GearOpcode(rawValue: 0x09)
    public static let goToLastActiveLevel = GearOpcode(rawValue: 0x0A)
    public static let continuousUp = GearOpcode(rawValue: 0x0B)
    public static let continuousDown = GearOpcode(rawValue: 0x0C)
    public static func goToScene(_ number: UInt8) -> GearOpcode { GearOpcode(rawValue: 0x10 | number & 0x0F) }
    public static let reset = GearOpcode(rawValue: 0x20)
    public static let storeActualLevelInDataTransferRegister0 = GearOpcode(rawValue: 0x21)
    public static let savePersistentVariables = GearOpcode(rawValue: 0x22)
    public static let setOperatingMode = GearOpcode(rawValue: 0x23)
    public static let resetMemoryBank = GearOpcode(rawValue: 0x24)
    public static let identifyDevice = GearOpcode(rawValue: 0x25)
    public static let setMaxLevel = GearOpcode(rawValue: 0x2A)
    public static let setMinLevel = GearOpcode(rawValue: 0x2B)
    public static let setSystemFailureLevel = GearOpcode(rawValue: 0x2C)
    public static let setPowerOnLevel = GearOpcode(rawValue: 0x2D)
    public static let setFadeTime = GearOpcode(rawValue: 0x2E)
    public static let setFadeRate = GearOpcode(rawValue: 0x2F)
    public static let setExtendedFadeTime = GearOpcode(rawValue: 0x30)
    public static func setScene(_ number: UInt8) -> GearOpcode { GearOpcode(rawValue: 0x40 | number & 0x0F) }
    public static func removeFromScene(_ number: UInt8) -> GearOpcode { GearOpcode(rawValue: 0x50 | number & 0x0F) }
    public static func addToGroup(_ number: UInt8) -> GearOpcode { GearOpcode(rawValue: 0x60 | number & 0x0F) }
    public static func removeFromGroup(_ number: UInt8) -> GearOpcode { GearOpcode(rawValue: 0x70 | number & 0x0F) }
    public static let setShortAddress = GearOpcode(rawValue: 0x80)
    public static let enableWriteMemory = GearOpcode(rawValue: 0x81)
    public static let queryStatus = GearOpcode(rawValue: 0x90)
    public static let queryControlGearPresent = GearOpcode(rawValue: 0x91)
    public static let queryLampFailure = GearOpcode(rawValue: 0x92)
    public static let queryLampPowerOn = GearOpcode(rawValue: 0x93)
    public static let queryLimitError = GearOpcode(rawValue: 0x94)
    public static let queryResetState = GearOpcode(rawValue: 0x95)
    public static let queryMissingShortAddress = GearOpcode(rawValue: 0x96)
    public static let queryVersionNumber = GearOpcode(rawValue: 0x97)
    public static let queryContentDataTransferRegister0 = GearOpcode(rawValue: 0x98)
    public static let queryDeviceType = GearOpcode(rawValue: 0x99)
    public static let queryPhysicalMinimum = GearOpcode(rawValue: 0x9A)
    public static let queryPowerFailure = GearOpcode(rawValue: 0x9B)
    public static let queryContentDataTransferRegister1 = GearOpcode(rawValue: 0x9C)
    public static let queryContentDataTransferRegister2 = GearOpcode(rawValue: 0x9D)
    public static let queryOperatingMode = GearOpcode(rawValue: 0x9E)
    public static let queryLightSourceType = GearOpcode(rawValue: 0x9F)
    public static let queryActualLevel = GearOpcode(rawValue: 0xA0)
    public static let queryMaxLevel = GearOpcode(rawValue: 0xA1)
    public static let queryMinLevel = GearOpcode(rawValue: 0xA2)
    public static let queryPowerOnLevel = GearOpcode(rawValue: 0xA3)
    public static let querySystemFailureLevel = GearOpcode(rawValue: 0xA4)
    public static let queryFadeTimeFadeRate = GearOpcode(rawValue: 0xA5)
    public static let queryManufacturerSpecificMode = GearOpcode(rawValue: 0xA6)
    public static let queryNextDeviceType = GearOpcode(rawValue: 0xA7)
    public static let queryExtendedFadeTime = GearOpcode(rawValue: 0xA8)
    public static let queryControlGearFailure = GearOpcode(rawValue: 0xAA)
    public static func querySceneLevel(_ number: UInt8) -> GearOpcode { GearOpcode(rawValue: 0xB0 | number & 0x0F) }
    public static let queryGroupsZeroToSeven = GearOpcode(rawValue: 0xC0)
    public static let queryGroupsEightToFifteen = GearOpcode(rawValue: 0xC1)
    public static let queryRandomAddressH = GearOpcode(rawValue: 0xC2)
    public static let queryRandomAddressM = GearOpcode(rawValue: 0xC3)
    public static let queryRandomAddressL = GearOpcode(rawValue: 0xC4)
    public static let readMemoryLocation = GearOpcode(rawValue: 0xC5)
    public static let queryExtendedVersionNumber = GearOpcode(rawValue: 0xFF)

    /// Configuration commands count only when they come twice within 100 ms.
    public var isSentTwice: Bool { (0x20...0x81).contains(rawValue) }
    public var isQuery: Bool { rawValue >= 0x90 }

    /// As in the standard; nil for what it reserves.
    public var name: String? {
        if let name = Self.names[rawValue] { return name }
        return Self.numberedNames[rawValue & 0xF0].map { "\($0) \(rawValue & 0x0F)" }
    }

    /// Every opcode that the standard defines.
    public static let all: [GearOpcode] = (UInt8.min...UInt8.max).map(GearOpcode.init(rawValue:)).filter {
        $0.name != nil
    }

    private static let names: [UInt8: String] = [
        0x00: "OFF",
        0x01: "UP",
        0x02: "DOWN",
        0x03: "STEP UP",
        0x04: "STEP DOWN",
        0x05: "RECALL MAX LEVEL",
        0x06: "RECALL MIN LEVEL",
        0x07: "STEP DOWN AND OFF",
        0x08: "ON AND STEP UP",
        0x09: "ENABLE DAPC SEQUENCE",
        0x0A: "GO TO LAST ACTIVE LEVEL",
        0x0B: "CONTINUOUS UP",
        0x0C: "CONTINUOUS DOWN",
        0x20: "RESET",
        0x21: "STORE ACTUAL LEVEL IN DTR0",
        0x22: "SAVE PERSISTENT VARIABLES",
        0x23: "SET OPERATING MODE",
        0x24: "RESET MEMORY BANK",
        0x25: "IDENTIFY DEVICE",
        0x2A: "SET MAX LEVEL",
        0x2B: "SET MIN LEVEL",
        0x2C: "SET SYSTEM FAILURE LEVEL",
        0x2D: "SET POWER ON LEVEL",
        0x2E: "SET FADE TIME",
        0x2F: "SET FADE RATE",
        0x30: "SET EXTENDED FADE TIME",
        0x80: "SET SHORT ADDRESS",
        0x81: "ENABLE WRITE MEMORY",
        0x90: "QUERY STATUS",
        0x91: "QUERY CONTROL GEAR PRESENT",
        0x92: "QUERY LAMP FAILURE",
        0x93: "QUERY LAMP POWER ON",
        0x94: "QUERY LIMIT ERROR",
        0x95: "QUERY RESET STATE",
        0x96: "QUERY MISSING SHORT ADDRESS",
        0x97: "QUERY VERSION NUMBER",
        0x98: "QUERY CONTENT DTR0",
        0x99: "QUERY DEVICE TYPE",
        0x9A: "QUERY PHYSICAL MINIMUM",
        0x9B: "QUERY POWER FAILURE",
        0x9C: "QUERY CONTENT DTR1",
        0x9D: "QUERY CONTENT DTR2",
        0x9E: "QUERY OPERATING MODE",
        0x9F: "QUERY LIGHT SOURCE TYPE",
        0xA0: "QUERY ACTUAL LEVEL",
        0xA1: "QUERY MAX LEVEL",
        0xA2: "QUERY MIN LEVEL",
        0xA3: "QUERY POWER ON LEVEL",
        0xA4: "QUERY SYSTEM FAILURE LEVEL",
        0xA5: "QUERY FADE TIME/FADE RATE",
        0xA6: "QUERY MANUFACTURER SPECIFIC MODE",
        0xA7: "QUERY NEXT DEVICE TYPE",
        0xA8: "QUERY EXTENDED FADE TIME",
        0xAA: "QUERY CONTROL GEAR FAILURE",
        0xC0: "QUERY GROUPS 0-7",
        0xC1: "QUERY GROUPS 8-15",
        0xC2: "QUERY RANDOM ADDRESS (H)",
        0xC3: "QUERY RANDOM ADDRESS (M)",
        0xC4: "QUERY RANDOM ADDRESS (L)",
        0xC5: "READ MEMORY LOCATION",
        0xFF: "QUERY EXTENDED VERSION NUMBER",
    ]

    /// Those whose low half is a scene or a group.
    private static let numberedNames: [UInt8: String] = [
        0x10: "GO TO SCENE",
        0x40: "SET SCENE",
        0x50: "REMOVE FROM SCENE",
        0x60: "ADD TO GROUP",
        0x70: "REMOVE FROM GROUP",
        0xB0: "QUERY SCENE LEVEL",
    ]
}
