internal import Telemetry

/// What a configured control device is.
enum SensorKind: String, Sendable, Hashable, CaseIterable {
    /// IEC 62386-304.
    case light = "light_sensor"
    /// IEC 62386-303.
    case occupancy = "occupancy_sensor"

    var instanceType: UInt8 { self == .light ? InstanceType.light : InstanceType.occupancy }
    var points: [SensorPoint] { self == .light ? [.illuminance] : [.occupied, .movement] }

    /// What stands in the device and can be asked for by the configuration.
    var settings: [SensorSetting] { self == .light ? SensorSetting.light : SensorSetting.occupancy }
}

/// What a sensor tells.
enum SensorPoint: String, Sendable, Hashable, CaseIterable {
    /// Percent of the sensor's range. The standard knows no lux: what 100 % is depends on the sensor and where it hangs.
    case illuminance
    case occupied
    case movement

    func descriptor(interval: Duration) -> PointDescriptor {
        switch self {
        case .illuminance:
            PointDescriptor(
                name: rawValue, kind: .gauge, unit: "%", minimum: .zero, maximum: ExactDecimal(100), interval: interval)
        case .occupied, .movement:
            PointDescriptor(name: rawValue, kind: .state, unit: "", interval: interval)
        }
    }
}

/// A number that an instance keeps in its permanent memory.
struct SensorSetting: Sendable, Hashable {
    enum Unit: Sendable, Hashable {
        /// So long is one.
        case duration(Duration)
        case percent
        case number
    }

    /// Key of the device's options.
    let name: String
    let unit: Unit
    let range: ClosedRange<Int>
    let set: ControlDeviceOpcode
    let query: ControlDeviceOpcode

    /// Events that name device and instance: the others cannot be told from those of another sensor.
    static let scheme = SensorSetting(
        name: "event scheme", unit: .number, range: 0...4, set: .setEventScheme, query: .queryEventScheme)
    static let schemeOfDeviceInstance: UInt8 = 2
    /// Event schemes that name the device.
    static let usableSchemes: Set<UInt8> = [1, 2]

    static let occupancy = [
        SensorSetting(
            name: "hold", unit: .duration(.seconds(10)), range: 0...254,
            set: ControlDeviceOpcode(0x21, "SET HOLD TIMER", twice: true),
            query: ControlDeviceOpcode(0x2D, "QUERY HOLD TIMER", query: true)),
        SensorSetting(
            name: "report", unit: .duration(.seconds(1)), range: 0...255,
            set: ControlDeviceOpcode(0x22, "SET REPORT TIMER", twice: true),
            query: ControlDeviceOpcode(0x2E, "QUERY REPORT TIMER", query: true)),
        SensorSetting(
            name: "deadtime", unit: .duration(.milliseconds(50)), range: 0...255,
            set: ControlDeviceOpcode(0x23, "SET DEADTIME TIMER", twice: true),
            query: ControlDeviceOpcode(0x2C, "QUERY DEADTIME TIMER", query: true)),
    ]

    static let light = [
        SensorSetting(
            name: "report", unit: .duration(.seconds(1)), range: 0...255,
            set: ControlDeviceOpcode(0x30, "SET REPORT TIMER", twice: true),
            query: ControlDeviceOpcode(0x3E, "QUERY REPORT TIMER", query: true)),
        SensorSetting(
            name: "hysteresis", unit: .percent, range: 0...25,
            set: ControlDeviceOpcode(0x31, "SET HYSTERESIS", twice: true),
            query: ControlDeviceOpcode(0x3F, "QUERY HYSTERESIS", query: true)),
        SensorSetting(
            name: "deadtime", unit: .duration(.milliseconds(50)), range: 0...255,
            set: ControlDeviceOpcode(0x32, "SET DEADTIME TIMER", twice: true),
            query: ControlDeviceOpcode(0x3D, "QUERY DEADTIME TIMER", query: true)),
    ]
}

extension ControlDeviceOpcode {
    static let setEventScheme = ControlDeviceOpcode(0x67, "SET EVENT SCHEME", twice: true)
}

extension ForwardFrame {
    /// DTR0 of the control devices: a register of its own beside that of the gear.
    static func deviceDataTransferRegister0(_ value: UInt8) -> ForwardFrame {
        ForwardFrame(bits: 24, data: 0xC1_3000 | UInt32(value))
    }
}
