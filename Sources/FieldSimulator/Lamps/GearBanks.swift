import Telemetry

/// What the memory banks hold: bank 0 identity (IEC 62386-102), 1 luminaire data (-251), 202 to 204 energy (-252),
/// 205 to 207 diagnostics and maintenance (-253).
extension ControlGear {
    /// "Not supported" and "not available now" in one byte; longer values are FF..FF and FF..FE.
    private static let unsupported: UInt8 = 0xFF
    private static let unavailable: UInt8 = 0xFE
    /// Share of the power that reaches the light source, and the power factor at full and at little load.
    private static let efficiency = 0.9
    private static let fullLoadFactor = 0.95
    private static let lowLoadFactor = 0.6
    private static let mainsVoltage = 230.0
    /// Voltage of the LED string, V.
    private static let stringVoltage = 54.0
    /// Temperatures are told with this added, degrees Celsius.
    private static let temperatureOffset = 60.0

    /// The bank as it is now; nil: there is none with this number.
    func bank(_ number: UInt8, at now: Int64) -> [UInt8]? {
        if number == 0 { return has(.dali1) ? firstEditionIdentity : identity }
        guard !has(.dali1) else { return nil }
        let content: [UInt8]
        switch number {
        case 1: content = luminaire
        case 202...207 where description.isD4i:
            integrate(to: now)
            content = diagnostics(number, at: now)
        default: return nil
        }
        // Last location, indicator, lock byte, then what the bank is for.
        var bank = [UInt8(content.count + 2), 0, GearMemory.released] + content
        for (offset, byte) in memory.written[number] ?? [:] where offset < bank.count { bank[offset] = byte }
        return bank
    }

    private func diagnostics(_ number: UInt8, at now: Int64) -> [UInt8] {
        let time = BootInstant(nanoseconds: now)
        let power = power(at: time)
        let factor = powerFactor(power)
        switch number {
        case 202: return measured(energy: energy, power: power)
        case 203: return measured(energy: energy / Self.fullLoadFactor, power: power / factor)
        case 204: return measured(energy: energy * Self.efficiency, power: loadPower(at: now))
        case 205: return gearDiagnostics(factor: factor, at: now)
        case 206: return lightDiagnostics(at: now)
        // 100,000 hours, 65 degrees, 20,000 starts.
        default: return [1, 100, UInt8(65 + Self.temperatureOffset)] + GearMemory.bytes(200, 2)
        }
    }

    private func powerFactor(_ power: Double) -> Double {
        let load = min(1, power / description.ratedPower)
        return Self.lowLoadFactor + (Self.fullLoadFactor - Self.lowLoadFactor) * load
    }

    private func loadPower(at now: Int64) -> Double {
        burningLevel(at: now) > 0 ? power(at: BootInstant(nanoseconds: now)) * Self.efficiency : 0
    }

    // MARK: Identity

    private var identity: [UInt8] {
        // Last location, nothing, last bank, GTIN, firmware 1.2, identification number, hardware 1.0,
        // parts 101, 102 and 103 in version 2.0 (none), no control device, one control gear, its index.
        [0x1A, 0, description.isD4i ? 207 : 1] + GearMemory.bytes(description.gtin, 6) + [1, 2]
            + GearMemory.bytes(identification, 8) + [1, 0, 8, 8, 0xFF, 0, 1, 0]
    }

    /// IEC 62386-102:2009: a serial number of four bytes, and a checksum that makes the sum of all zero.
    private var firstEditionIdentity: [UInt8] {
        let rest = [0] + GearMemory.bytes(description.gtin, 6) + [1, 2] + GearMemory.bytes(identification, 4)
        return [0x0E, 0 &- rest.reduce(0, &+)] + rest
    }

    /// Bank 1 of D4i gear after part 251; of other gear only the maker's GTIN and number.
    private var luminaire: [UInt8] {
        let maker = GearMemory.bytes(description.gtin + 100, 6) + GearMemory.bytes(identification ^ 0xA5A5, 8)
        guard description.isD4i else { return maker }
        let watts = UInt64(description.ratedPower.rounded())
        let kelvin = description.colourTemperatures == nil ? 4000 : 0xFFFE
        return maker + GearMemory.bytes(3, 2) + [25, 14]  // format 3, week 14 of 2025
            + GearMemory.bytes(watts, 2) + GearMemory.bytes(UInt64(Double(watts) * Self.basePower), 2)
            + GearMemory.bytes(198, 2) + GearMemory.bytes(264, 2) + GearMemory.bytes(watts * 140, 3) + [70]
            + GearMemory.bytes(UInt64(kelvin), 2) + [Self.unsupported]
            + Self.text("RAL 7016", 24) + Self.text(description.name, 60)
    }

    private static func text(_ text: String, _ count: Int) -> [UInt8] {
        let bytes = Array(text.utf8.prefix(count))
        return bytes + [UInt8](repeating: 0, count: count - bytes.count)
    }

    // MARK: Energy and diagnostics

    /// Version, energy in whole W.h (scale 0), power in tenths of a W (scale -1).
    private func measured(energy: Double, power: Double) -> [UInt8] {
        [1, 0] + GearMemory.bytes(UInt64(energy), 6) + [0xFF] + GearMemory.bytes(UInt64(power * 10), 4)
    }

    /// A condition and how often it began.
    private func condition(_ failures: [GearPersonality]) -> [UInt8] {
        [failures.contains { physics.present.contains($0) } ? 1 : 0, failureCount(failures)]
    }

    private static let notMeasured: [UInt8] = [unsupported, unsupported]

    private func gearDiagnostics(factor: Double, at now: Int64) -> [UInt8] {
        let output = (burningLevel(at: now) > 0 ? curve.light(at: burningLevel(at: now)) * 100 : 0).rounded()
        var bytes: [UInt8] = [1]
        bytes += GearMemory.bytes(UInt64(physics.operatingTime), 4) + GearMemory.bytes(physics.gearStarts, 3)
        bytes += GearMemory.bytes(UInt64(Self.mainsVoltage * 10), 2) + [50, UInt8((factor * 100).rounded())]
        bytes += condition([.gearFailure, .derating, .cycling])
        bytes += [0, 0, 0, 0] + Self.notMeasured  // no under- or overvoltage; power limitation is not watched
        bytes += condition([.derating]) + condition([.cycling])
        bytes += [degrees(physics.temperature), UInt8(min(100, output))]
        return bytes
    }

    private func lightDiagnostics(at now: Int64) -> [UInt8] {
        let burns = burningLevel(at: now) > 0
        let current = loadPower(at: now) / Self.stringVoltage
        // Without current the string has no voltage that could be told.
        let voltage: UInt64 = burns ? UInt64(Self.stringVoltage * 10) : 0xFFFE
        let starts = physics.lampStarts
        let seconds = UInt64(physics.onTime)
        func resettable(_ first: Int, _ value: UInt64, _ count: Int) -> [UInt8] {
            GearMemory.bytes(value &+ (memory.counterOffsets[first] ?? 0), count)
        }
        var bytes: [UInt8] = [1]
        bytes += resettable(0x04, starts, 3) + GearMemory.bytes(starts, 3)
        bytes += resettable(0x0A, seconds, 4) + GearMemory.bytes(seconds, 4)
        bytes += GearMemory.bytes(voltage, 2) + GearMemory.bytes(UInt64(current * 1000), 2)
        bytes += condition([.lampShort, .lampOpen]) + condition([.lampShort]) + condition([.lampOpen])
        bytes += Self.notMeasured + Self.notMeasured  // heat of the light source: not watched
        bytes += [Self.unsupported]  // nor its temperature
        return bytes
    }

    private func degrees(_ celsius: Double) -> UInt8 {
        UInt8(min(0xFD, max(0, (celsius + Self.temperatureOffset).rounded())))
    }
}
