/// Commands that only gear of one device type knows (opcodes E0 to FE). They count only directly after ENABLE DEVICE TYPE.
public struct DeviceTypeOpcode: Sendable, Hashable {
    /// 6: LED modules (IEC 62386-207); 8: colour control (IEC 62386-209).
    public let type: UInt8
    public let rawValue: UInt8
    public let name: String
    public let isSentTwice: Bool
    public let isQuery: Bool

    init(_ type: UInt8, _ rawValue: UInt8, _ name: String, twice: Bool = false, query: Bool = false) {
        self.type = type
        self.rawValue = rawValue
        self.name = name
        isSentTwice = twice
        isQuery = query
    }

    /// Opcodes from here on are those of the device types.
    static let lowest: UInt8 = 0xE0

    /// Commands of a device type that have a name here.
    static func all(type: UInt8) -> [DeviceTypeOpcode] {
        (LED.all + Colour.all).filter { $0.type == type } + [queryExtendedVersion(type: type)]
    }

    static func known(type: UInt8, _ opcode: UInt8) -> DeviceTypeOpcode? {
        all(type: type).first { $0.rawValue == opcode }
    }

    /// QUERY EXTENDED VERSION NUMBER: of any device type.
    public static func queryExtendedVersion(type: UInt8) -> DeviceTypeOpcode {
        DeviceTypeOpcode(type, 0xFF, "QUERY EXTENDED VERSION NUMBER", query: true)
    }

    /// Device type 6, LED modules, IEC 62386-207.
    public enum LED {
        public static let referenceSystemPower = DeviceTypeOpcode(6, 0xE0, "REFERENCE SYSTEM POWER", twice: true)
        public static let enableCurrentProtector = DeviceTypeOpcode(6, 0xE1, "ENABLE CURRENT PROTECTOR", twice: true)
        public static let disableCurrentProtector = DeviceTypeOpcode(6, 0xE2, "DISABLE CURRENT PROTECTOR", twice: true)
        public static let selectDimmingCurve = DeviceTypeOpcode(6, 0xE3, "SELECT DIMMING CURVE", twice: true)
        public static let storeFastFadeTime = DeviceTypeOpcode(6, 0xE4, "STORE DTR AS FAST FADE TIME", twice: true)
        public static let queryGearType = DeviceTypeOpcode(6, 0xED, "QUERY GEAR TYPE", query: true)
        public static let queryDimmingCurve = DeviceTypeOpcode(6, 0xEE, "QUERY DIMMING CURVE", query: true)
        public static let queryPossibleOperatingModes = DeviceTypeOpcode(
            6, 0xEF, "QUERY POSSIBLE OPERATING MODES", query: true)
        public static let queryFeatures = DeviceTypeOpcode(6, 0xF0, "QUERY FEATURES", query: true)
        public static let queryFailureStatus = DeviceTypeOpcode(6, 0xF1, "QUERY FAILURE STATUS", query: true)
        public static let queryShortCircuit = DeviceTypeOpcode(6, 0xF2, "QUERY SHORT CIRCUIT", query: true)
        public static let queryOpenCircuit = DeviceTypeOpcode(6, 0xF3, "QUERY OPEN CIRCUIT", query: true)
        public static let queryLoadDecrease = DeviceTypeOpcode(6, 0xF4, "QUERY LOAD DECREASE", query: true)
        public static let queryLoadIncrease = DeviceTypeOpcode(6, 0xF5, "QUERY LOAD INCREASE", query: true)
        public static let queryCurrentProtectorActive = DeviceTypeOpcode(
            6, 0xF6, "QUERY CURRENT PROTECTOR ACTIVE", query: true)
        public static let queryThermalShutDown = DeviceTypeOpcode(6, 0xF7, "QUERY THERMAL SHUT DOWN", query: true)
        public static let queryThermalOverload = DeviceTypeOpcode(6, 0xF8, "QUERY THERMAL OVERLOAD", query: true)
        public static let queryReferenceRunning = DeviceTypeOpcode(6, 0xF9, "QUERY REFERENCE RUNNING", query: true)
        public static let queryReferenceMeasurementFailed = DeviceTypeOpcode(
            6, 0xFA, "QUERY REFERENCE MEASUREMENT FAILED", query: true)
        public static let queryCurrentProtectorEnabled = DeviceTypeOpcode(
            6, 0xFB, "QUERY CURRENT PROTECTOR ENABLED", query: true)
        public static let queryOperatingMode = DeviceTypeOpcode(6, 0xFC, "QUERY OPERATING MODE", query: true)
        public static let queryFastFadeTime = DeviceTypeOpcode(6, 0xFD, "QUERY FAST FADE TIME", query: true)
        public static let queryMinFastFadeTime = DeviceTypeOpcode(6, 0xFE, "QUERY MIN FAST FADE TIME", query: true)

        public static let all: [DeviceTypeOpcode] = [
            referenceSystemPower,
            enableCurrentProtector,
            disableCurrentProtector,
            selectDimmingCurve,
            storeFastFadeTime,
            queryGearType,
            queryDimmingCurve,
            queryPossibleOperatingModes,
            queryFeatures,
            queryFailureStatus,
            queryShortCircuit,
            queryOpenCircuit,
            queryLoadDecrease,
            queryLoadIncrease,
            queryCurrentProtectorActive,
            queryThermalShutDown,
            queryThermalOverload,
            queryReferenceRunning,
            queryReferenceMeasurementFailed,
            queryCurrentProtectorEnabled,
            queryOperatingMode,
            queryFastFadeTime,
            queryMinFastFadeTime,
        ]
    }

    /// Device type 8, colour control, IEC 62386-209.
    public enum Colour {
        public static let setTemporaryXCoordinate = DeviceTypeOpcode(8, 0xE0, "SET TEMPORARY X COORDINATE")
        public static let setTemporaryYCoordinate = DeviceTypeOpcode(8, 0xE1, "SET TEMPORARY Y COORDINATE")
        public static let activate = DeviceTypeOpcode(8, 0xE2, "ACTIVATE")
        public static let stepXCoordinateUp = DeviceTypeOpcode(8, 0xE3, "X COORDINATE STEP UP")
        public static let stepXCoordinateDown = DeviceTypeOpcode(8, 0xE4, "X COORDINATE STEP DOWN")
        public static let stepYCoordinateUp = DeviceTypeOpcode(8, 0xE5, "Y COORDINATE STEP UP")
        public static let stepYCoordinateDown = DeviceTypeOpcode(8, 0xE6, "Y COORDINATE STEP DOWN")
        public static let setTemporaryColourTemperature = DeviceTypeOpcode(8, 0xE7, "SET TEMPORARY COLOUR TEMPERATURE")
        public static let colourTemperatureTcStepCooler = DeviceTypeOpcode(8, 0xE8, "COLOUR TEMPERATURE TC STEP COOLER")
        public static let colourTemperatureTcStepWarmer = DeviceTypeOpcode(8, 0xE9, "COLOUR TEMPERATURE TC STEP WARMER")
        public static let setTemporaryPrimaryNDimLevel = DeviceTypeOpcode(8, 0xEA, "SET TEMPORARY PRIMARY N DIM LEVEL")
        public static let setTemporaryRgbDimLevel = DeviceTypeOpcode(8, 0xEB, "SET TEMPORARY RGB DIM LEVEL")
        public static let setTemporaryWafDimLevel = DeviceTypeOpcode(8, 0xEC, "SET TEMPORARY WAF DIM LEVEL")
        public static let setTemporaryRgbwafControl = DeviceTypeOpcode(8, 0xED, "SET TEMPORARY RGBWAF CONTROL")
        public static let copyReportToTemporary = DeviceTypeOpcode(8, 0xEE, "COPY REPORT TO TEMPORARY")
        public static let storeTyPrimaryN = DeviceTypeOpcode(8, 0xF0, "STORE TY PRIMARY N", twice: true)
        public static let storeXyCoordinatePrimaryN = DeviceTypeOpcode(
            8, 0xF1, "STORE XY COORDINATE PRIMARY N", twice: true)
        public static let storeColourTemperatureTcLimit = DeviceTypeOpcode(
            8, 0xF2, "STORE COLOUR TEMPERATURE TC LIMIT", twice: true)
        public static let storeGearFeaturesStatus = DeviceTypeOpcode(8, 0xF3, "STORE GEAR FEATURES STATUS", twice: true)
        public static let assignColourToLinkedChannel = DeviceTypeOpcode(
            8, 0xF5, "ASSIGN COLOUR TO LINKED CHANNEL", twice: true)
        public static let startAutoCalibration = DeviceTypeOpcode(8, 0xF6, "START AUTO CALIBRATION")
        public static let queryGearFeaturesStatus = DeviceTypeOpcode(8, 0xF7, "QUERY GEAR FEATURES STATUS", query: true)
        public static let queryColourStatus = DeviceTypeOpcode(8, 0xF8, "QUERY COLOUR STATUS", query: true)
        public static let queryColourTypeFeatures = DeviceTypeOpcode(8, 0xF9, "QUERY COLOUR TYPE FEATURES", query: true)
        public static let queryColourValue = DeviceTypeOpcode(8, 0xFA, "QUERY COLOUR VALUE", query: true)
        public static let queryRgbwafControl = DeviceTypeOpcode(8, 0xFB, "QUERY RGBWAF CONTROL", query: true)
        public static let queryAssignedColour = DeviceTypeOpcode(8, 0xFC, "QUERY ASSIGNED COLOUR", query: true)

        public static let all: [DeviceTypeOpcode] = [
            setTemporaryXCoordinate,
            setTemporaryYCoordinate,
            activate,
            stepXCoordinateUp,
            stepXCoordinateDown,
            stepYCoordinateUp,
            stepYCoordinateDown,
            setTemporaryColourTemperature,
            colourTemperatureTcStepCooler,
            colourTemperatureTcStepWarmer,
            setTemporaryPrimaryNDimLevel,
            setTemporaryRgbDimLevel,
            setTemporaryWafDimLevel,
            setTemporaryRgbwafControl,
            copyReportToTemporary,
            storeTyPrimaryN,
            storeXyCoordinatePrimaryN,
            storeColourTemperatureTcLimit,
            storeGearFeaturesStatus,
            assignColourToLinkedChannel,
            startAutoCalibration,
            queryGearFeaturesStatus,
            queryColourStatus,
            queryColourTypeFeatures,
            queryColourValue,
            queryRgbwafControl,
            queryAssignedColour,
        ]
    }
}

extension DALIRequest {
    /// ENABLE DEVICE TYPE and the command: two frames that nothing may come between.
    public static func deviceType(
        _ address: GearAddress, _ opcode: DeviceTypeOpcode, priority: FramePriority
    ) -> [DALIRequest] {
        [
            .special(.enableDeviceType, opcode.type, priority: priority),
            DALIRequest(
                .gear(address, GearOpcode(rawValue: opcode.rawValue)), isSentTwice: opcode.isSentTwice,
                priority: .continuation, expectsReply: opcode.isQuery),
        ]
    }
}
