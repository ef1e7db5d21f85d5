/// An event that a control device sends by itself: 24 bits of which the last of the first byte is 0, IEC 62386-103:2022
/// clause 7.2.3 and 9.7.3.
struct ControlDeviceEvent: Sendable, Hashable {
    /// How the device says who it is: its event scheme.
    enum Source: Sendable, Hashable {
        /// Scheme 0: nobody in particular.
        case instance(type: UInt8, number: UInt8)
        /// Scheme 1.
        case device(ShortAddress, type: UInt8)
        /// Scheme 2: the one that names exactly one instance.
        case deviceInstance(ShortAddress, number: UInt8)
        /// Scheme 3.
        case deviceGroup(UInt8, type: UInt8)
        /// Scheme 4.
        case instanceGroup(UInt8, type: UInt8)
    }

    let source: Source
    /// Ten bits, whose meaning depends on the instance type.
    let information: UInt16

    init(source: Source, information: UInt16) {
        self.source = source
        self.information = information & 0x3FF
    }

    /// nil for a command, and for what the standard reserves or uses for the return of a device's power.
    init?(_ frame: ForwardFrame) {
        guard frame.bits == 24, frame.data & 1 << 16 == 0 else { return nil }
        let number = UInt8(frame.data >> 10 & 0x1F)
        let group = UInt8(frame.data >> 17 & 0x1F)
        let (bit23, bit22, bit15) = (frame.data >> 23 & 1, frame.data >> 22 & 1, frame.data >> 15 & 1)
        switch (bit23, bit22, bit15) {
        case (0, _, let isInstance):
            guard let address = ShortAddress(Int(frame.data >> 17 & 0x3F)) else { return nil }
            source = isInstance == 1 ? .deviceInstance(address, number: number) : .device(address, type: number)
        case (1, 0, 0): source = .deviceGroup(group, type: number)
        case (1, 0, 1): source = .instance(type: group, number: number)
        case (1, 1, 0): source = .instanceGroup(group, type: number)
        default: return nil
        }
        information = UInt16(frame.data & 0x3FF)
    }

    /// The frame of it: what a sensor would send.
    var frame: ForwardFrame {
        let address: UInt32 =
            switch source {
            case .instance(let type, let number): 1 << 23 | UInt32(type) << 17 | 1 << 15 | UInt32(number) << 10
            case .device(let address, let type): UInt32(address.number) << 17 | UInt32(type) << 10
            case .deviceInstance(let address, let number):
                UInt32(address.number) << 17 | 1 << 15 | UInt32(number) << 10
            case .deviceGroup(let group, let type): 1 << 23 | UInt32(group) << 17 | UInt32(type) << 10
            case .instanceGroup(let group, let type): 3 << 22 | UInt32(group) << 17 | UInt32(type) << 10
            }
        return ForwardFrame(bits: 24, data: address | UInt32(information))
    }
}

/// What an instance of a control device is, as QUERY INSTANCE TYPE numbers it.
enum InstanceType {
    static let occupancy: UInt8 = 3
    static let light: UInt8 = 4

    private static let names: [UInt8: String] = [
        0: "generic", 1: "push button", 2: "absolute input", occupancy: "occupancy sensor", light: "light sensor",
        5: "colour sensor", 6: "general purpose sensor",
    ]

    /// For people: `light sensor`, `type 9`.
    static func name(_ number: UInt8) -> String { names[number] ?? "type \(number)" }
}

/// The information of an occupancy event, IEC 62386-303 table 2.
struct OccupancyInformation: OptionSet, Sendable, Hashable {
    let rawValue: UInt16

    static let movement = OccupancyInformation(rawValue: 1 << 0)
    static let occupied = OccupancyInformation(rawValue: 1 << 1)
    /// Nothing changed: the report timer ran out.
    static let repeated = OccupancyInformation(rawValue: 1 << 2)
    /// It sees movement; otherwise presence.
    static let isMovementSensor = OccupancyInformation(rawValue: 1 << 3)
}

extension ControlDeviceEvent: CustomStringConvertible {
    /// For a trace: `event of control device 5, instance 0: 1023`.
    var description: String {
        switch source {
        case .instance(let type, let number):
            "event of \(InstanceType.name(type)) instance \(number)\(words(type))"
        case .device(let address, let type):
            "event of control device \(address.number), \(InstanceType.name(type))\(words(type))"
        case .deviceInstance(let address, let number):
            "event of control device \(address.number), instance \(number)\(words(nil))"
        case .deviceGroup(let group, let type):
            "event of device group \(group), \(InstanceType.name(type))\(words(type))"
        case .instanceGroup(let group, let type):
            "event of instance group \(group), \(InstanceType.name(type))\(words(type))"
        }
    }

    private func words(_ type: UInt8?) -> String {
        guard type == InstanceType.occupancy else { return ": \(information)" }
        let bits = OccupancyInformation(rawValue: information)
        return ": \(bits.contains(.occupied) ? "occupied" : "vacant"), "
            + "\(bits.contains(.movement) ? "movement" : "no movement")"
            + (bits.contains(.repeated) ? ", again" : "")
    }
}
