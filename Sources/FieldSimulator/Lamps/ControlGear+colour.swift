/// Variables of device type 8 with colour type Tc (IEC 62386-209); colour temperatures are mirek, FFFF is MASK.
struct ColourVariables: Sendable {
    static let mask: UInt16 = 0xFFFF
    /// Colour type Tc in reports.
    static let typeTc: UInt8 = 0x20

    /// What the light sources can do; cool is the smaller number.
    let physical: ClosedRange<UInt16>
    var limits: ClosedRange<UInt16>
    /// The white that shines.
    var present: UInt16
    var temporary: UInt16 = mask
    /// What QUERY ACTUAL LEVEL found.
    var reported: UInt16 = mask
    var scenes = [UInt16](repeating: mask, count: 16)
    /// A level command also activates the temporary colour.
    var activatesWithLevel = true
    /// The last colour lay outside the limits.
    var isOutOfRange = false

    init(kelvin: ClosedRange<UInt16>) {
        func mirek(_ kelvin: UInt16) -> UInt16 { UInt16((1e6 / Double(max(16, kelvin))).rounded()) }
        physical = mirek(kelvin.upperBound)...mirek(kelvin.lowerBound)
        limits = physical
        present = physical.upperBound
    }

    mutating func activate() {
        guard temporary != Self.mask else { return }
        let clamped = min(max(temporary, limits.lowerBound), limits.upperBound)
        isOutOfRange = clamped != temporary
        present = clamped
        temporary = Self.mask
    }

    mutating func activateWithLevel(at now: Int64) { if activatesWithLevel { activate() } }

    mutating func store(scene: Int) {
        scenes[scene] = temporary
        temporary = Self.mask
    }

    mutating func recall(scene: Int, at now: Int64) {
        guard scenes[scene] != Self.mask else { return activateWithLevel(at: now) }
        temporary = scenes[scene]
        activate()
    }

    mutating func report() { reported = present }

    mutating func forgetVolatile() {
        temporary = Self.mask
        reported = Self.mask
    }

    mutating func reset() {
        limits = physical
        scenes = [UInt16](repeating: Self.mask, count: 16)
        activatesWithLevel = true
        isOutOfRange = false
        forgetVolatile()
    }

    /// STORE COLOUR TEMPERATURE Tc LIMIT: 0 coolest, 1 warmest, 2 and 3 the physical ones, which stay as they were made.
    mutating func storeLimit(_ which: UInt8, _ value: UInt16) {
        guard value != Self.mask, value > 0, which <= 1 else { return }
        let bounded = min(max(value, physical.lowerBound), physical.upperBound)
        limits =
            which == 0
            ? min(bounded, limits.upperBound)...limits.upperBound
            : limits.lowerBound...max(bounded, limits.lowerBound)
        present = min(max(present, limits.lowerBound), limits.upperBound)
    }

    /// QUERY COLOUR VALUE by number (IEC 62386-209, table 11).
    func value(_ number: UInt8) -> UInt16? {
        switch number {
        case 2: present
        case 128: limits.lowerBound
        case 129: physical.lowerBound
        case 130: limits.upperBound
        case 131: physical.upperBound
        case 194: temporary
        case 208: temporary == Self.mask ? 0xFF00 : UInt16(Self.typeTc) << 8
        case 226: reported
        case 240: reported == Self.mask ? 0xFF00 : UInt16(Self.typeTc) << 8
        default: nil
        }
    }
}

/// Commands of device type 8.
extension ControlGear {
    /// The colour temperature that shines, mirek; nil: the gear has one white.
    public var colourTemperature: UInt16? { colour?.present }

    func colourCommand(_ opcode: UInt8, at now: Int64) -> UInt8? {
        guard var colour else { return nil }
        defer { self.colour = colour }
        let value = UInt16(dtr.1) << 8 | UInt16(dtr.0)
        switch opcode {
        case 0xE2: colour.activate()
        case 0xE7: colour.temporary = value == 0 ? ColourVariables.mask : value
        case 0xE8: colour.present = max(colour.limits.lowerBound, colour.present - 1)
        case 0xE9: colour.present = min(colour.limits.upperBound, colour.present + 1)
        case 0xEE: colour.temporary = colour.reported
        case 0xF2: colour.storeLimit(dtr.2, value)
        case 0xF3: colour.activatesWithLevel = dtr.0 & 1 != 0
        case 0xF7: return colour.activatesWithLevel ? 1 : 0
        case 0xF8: return (colour.isOutOfRange ? 1 << 1 : 0) | 1 << 5
        case 0xF9: return 1 << 1  // Tc
        case 0xFA:
            guard let number = colour.value(dtr.0) else { return nil }
            // The answer is the high byte; both bytes also come to lie in DTR1 and DTR0.
            dtr.1 = UInt8(number >> 8)
            dtr.0 = UInt8(number & 0xFF)
            return dtr.1
        default: break
        }
        return nil
    }
}
