/// Variables of device type 6 (IEC 62386-207).
struct LEDVariables: Sendable {
    /// The shortest fast fade that the gear can do, and the longest there is, in units of 25 ms.
    static let shortestFastFade: UInt8 = 1
    static let longestFastFade: UInt8 = 27

    var curve: LightCurve
    var fastFade: UInt8 = 0
    var hasCurrentProtector = true
    /// REFERENCE SYSTEM POWER is over then.
    var referenceEnds: Int64 = 0

    var fastFadeDuration: Int64 { Int64(fastFade) * 25_000_000 }
}

/// Commands of device type 6: LED modules.
extension ControlGear {
    /// What measuring the reference takes; the standard allows 15 minutes.
    static let referenceTime: Int64 = 2_000_000_000

    func ledCommand(_ opcode: UInt8, at now: Int64) -> UInt8? {
        let failures = ledFailures(at: now)
        func yes(_ is: Bool) -> UInt8? { `is` ? 0xFF : nil }
        switch opcode {
        case 0xE0: led.referenceEnds = now + Self.referenceTime
        case 0xE1: led.hasCurrentProtector = true
        case 0xE2: led.hasCurrentProtector = false
        case 0xE3:
            if dtr.0 == 0 { led.curve = .logarithmic } else if dtr.0 == 1 { led.curve = .linear }
        case 0xE4:
            let longest = min(dtr.0, LEDVariables.longestFastFade)
            led.fastFade = longest == 0 ? 0 : max(longest, LEDVariables.shortestFastFade)
        case 0xED: return 0x01  // an integrated power supply
        case 0xEE: return curve == .linear ? 1 : 0
        case 0xEF: return 0x00
        case 0xF0: return 0x63  // it detects short and open circuit, thermal shut-down and overload
        case 0xF1: return failures
        case 0xF2...0xF8: return yes(failures & 1 << (opcode - 0xF2) != 0)
        case 0xF9: return yes(now < led.referenceEnds)
        case 0xFB: return yes(led.hasCurrentProtector)
        case 0xFC: return curve == .linear ? 0x10 : 0x00
        case 0xFD: return led.fastFade
        case 0xFE: return LEDVariables.shortestFastFade
        default: break
        }
        return nil
    }

    /// QUERY FAILURE STATUS: bit 0 short circuit, 1 open circuit, 5 thermal shut-down, 6 thermal overload.
    private func ledFailures(at now: Int64) -> UInt8 {
        integrate(to: now)
        var bits: UInt8 = 0
        if has(.lampShort) { bits |= 1 << 0 }
        if has(.lampOpen) { bits |= 1 << 1 }
        if isInterrupted(at: now), exactLevel(at: now) > 0 { bits |= 1 << 5 }
        if isDerating { bits |= 1 << 6 }
        return bits
    }
}
