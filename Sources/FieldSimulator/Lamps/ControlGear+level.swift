public import Telemetry

/// A way between two levels on the clock.
struct Fade: Sendable {
    let from: Double
    let to: Double
    let start: Int64
    let duration: Int64
    /// The lamp goes out when the fade has reached its end.
    let thenOff: Bool

    var end: Int64 { start + duration }

    func level(at now: Int64) -> Double {
        guard duration > 0, now < end else { return to }
        return from + (to - from) * Double(max(0, now - start)) / Double(duration)
    }
}

/// The arc level: where it is, and how commands move it (IEC 62386-102:2022, 9.3 to 9.8 and 11.3).
extension ControlGear {
    /// A DAPC sequence goes on while its levels come closer than this, and each is reached within it.
    static let sequenceTime: Int64 = 200_000_000
    /// UP and DOWN run for this long.
    static let stepTime: Int64 = 200_000_000

    var curve: LightCurve { led.curve }

    /// The arc level that was told, as a fraction while fading; 0 is off.
    func exactLevel(at now: Int64) -> Double {
        guard hasMains else { return 0 }
        if fade.thenOff, now >= fade.end { return 0 }
        return fade.level(at: now)
    }

    func level(at now: Int64) -> UInt8 { UInt8(exactLevel(at: now).rounded()) }

    /// What QUERY ACTUAL LEVEL would say: 255 while the lamp has failed or is starting.
    public func actualLevel(at now: BootInstant) -> UInt8 {
        let time = now.nanoseconds
        if lampHasFailed || hasMains && time < litAt { return Self.mask }
        let level = level(at: time)
        return level > 0 && has(.ignoresDimming) ? 254 : level
    }

    /// Whether the gear says that its lamp burns.
    func saysOn(at now: Int64) -> Bool {
        hasMains && exactLevel(at: now) > 0 && !lampHasFailed && now >= litAt && !isInterrupted(at: now)
    }

    func isFading(at now: Int64) -> Bool { now < fade.end && fade.duration > 0 && !lampHasFailed }

    /// Moves to a level within `duration` nanoseconds; zero is off, reached over the minimum.
    func go(to level: UInt8, within duration: Int64, at now: Int64) {
        integrate(to: now)
        let present = exactLevel(at: now)
        powerCycleSeen = false
        if level == 0 {
            limitError = false
            guard !has(.ignoresOff) else { return }
            guard present > 0, duration > 0 else {
                return fade = Fade(from: 0, to: 0, start: now, duration: 0, thenOff: true)
            }
            fade = Fade(from: present, to: Double(minimum), start: now, duration: duration, thenOff: true)
            return
        }
        let clamped = min(max(level, minimum), maximum)
        limitError = clamped != level
        lastActive = clamped
        let from = present > 0 ? present : Double(minimum)
        fade = Fade(from: from, to: Double(clamped), start: now, duration: duration, thenOff: false)
    }

    /// MASK as a level: the lamp stays where the fade has brought it.
    func stopFade(at now: Int64) {
        integrate(to: now)
        let here = exactLevel(at: now).rounded()
        fade = Fade(from: here, to: here, start: now, duration: 0, thenOff: here == 0)
        if here > 0 { lastActive = UInt8(here) }
    }

    /// Nanoseconds of a fade as set: fade time, or the extended fade time when that is zero, or device type 6's fast fade.
    var fadeDuration: Int64 {
        if fadeTime > 0 { return Int64(0.5 * Double(1 << UInt64(fadeTime)).squareRoot() * 1e9) }
        let units: [Int64] = [0, 100_000_000, 1_000_000_000, 10_000_000_000, 60_000_000_000]
        let multiplier = Int(extendedFade >> 4)
        guard extendedFade <= 0x4F, multiplier > 0 else { return led.fastFadeDuration }
        return Int64((extendedFade & 0xF) + 1) * units[multiplier]
    }

    /// Steps in one second at the fade rate that is set (IEC 62386-102, 9.5.3).
    var stepsPerSecond: Double { 506 / Double(1 << UInt64(max(1, fadeRate))).squareRoot() }

    /// Direct arc power control.
    func arc(_ level: UInt8, at now: Int64) {
        colour?.activateWithLevel(at: now)
        if level == Self.mask { return stopFade(at: now) }
        guard now <= sequenceEnds else { return go(to: level, within: fadeDuration, at: now) }
        sequenceEnds = now + Self.sequenceTime
        go(to: level, within: Self.sequenceTime, at: now)
    }

    /// Commands 00 to 1F.
    func moveLevel(_ opcode: UInt8, at now: Int64) {
        let present = level(at: now)
        switch opcode {
        case 0x00: go(to: 0, within: 0, at: now)
        case 0x01, 0x02: dim(up: opcode == 0x01, for: Self.stepTime, at: now)
        case 0x03: if present > 0 { go(to: min(maximum, present &+ 1), within: 0, at: now) }
        case 0x04: if present > 0 { go(to: max(minimum, present - 1), within: 0, at: now) }
        case 0x05: go(to: maximum, within: 0, at: now)
        case 0x06: go(to: minimum, within: 0, at: now)
        case 0x07: if present > 0 { go(to: present <= minimum ? 0 : present - 1, within: 0, at: now) }
        case 0x08: go(to: present == 0 ? minimum : min(maximum, present + 1), within: 0, at: now)
        case 0x09: sequenceEnds = now + Self.sequenceTime
        case 0x0A: go(to: lastActive, within: fadeDuration, at: now)
        case 0x0B, 0x0C: dim(up: opcode == 0x0B, for: nil, at: now)
        case 0x10...0x1F:
            let scene = scenes[Int(opcode & 0xF)]
            colour?.recall(scene: Int(opcode & 0xF), at: now)
            if scene != Self.mask { go(to: scene, within: fadeDuration, at: now) }
        default: break
        }
    }

    /// At the fade rate, for a time or as far as the limit; neither switches on nor off.
    private func dim(up: Bool, for time: Int64?, at now: Int64) {
        let present = exactLevel(at: now)
        guard present > 0 else { return }
        let limit = Double(up ? maximum : minimum)
        let rate = stepsPerSecond
        let steps = time.map { max(1, (rate * Double($0) / 1e9).rounded(.down)) } ?? .infinity
        let target = up ? min(limit, present.rounded() + steps) : max(limit, present.rounded() - steps)
        go(to: UInt8(target), within: time ?? Int64(abs(target - present) / rate * 1e9), at: now)
    }
}
