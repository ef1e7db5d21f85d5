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

/// One DALI-2 control gear of device type 6 with its lamp (IEC 62386-102 and -207): the state machine, no bus.
///
/// Levels move on the clock that is handed in; power follows the light, and energy the power. Not thread-safe.
public final class ControlGear {
    enum SearchState { case disabled, enabled, withdrawn }

    /// INITIALISE is over after a quarter of an hour.
    static let searchWindow: Int64 = 15 * 60 * 1_000_000_000
    /// Power of a gear whose lamp is out.
    static let standbyPower = 0.3
    /// Share of the rated power that the gear takes at the least light.
    static let basePower = 0.08
    static let mask: UInt8 = 255

    public let description: GearDescription
    /// No answer and no reaction: the gear is dead or its wire is off.
    public var isSilent = false
    public private(set) var lampHasFailed = false
    /// False while the mains of the luminaire is off.
    public private(set) var hasMains = true

    // Variables of IEC 62386-102, table 14.
    var shortAddress: UInt8?
    var minimum: UInt8
    var maximum: UInt8 = 254
    var powerOnLevel: UInt8 = 254
    var systemFailureLevel: UInt8 = 254
    var fadeTime: UInt8 = 0
    var fadeRate: UInt8 = 7
    var extendedFade: UInt8 = 0
    var groups: UInt16
    var scenes = [UInt8](repeating: 255, count: 16)
    var operatingMode: UInt8 = 0
    var limitError = false
    var powerCycleSeen = true
    var lastActive: UInt8 = 254
    var dtr: (UInt8, UInt8, UInt8) = (0, 0, 0)
    var randomAddress: UInt32 = 0xFFFFFF
    var searchAddress: UInt32 = 0xFFFFFF
    var searchState = SearchState.disabled
    var searchEnds: Int64 = 0
    var curve: LightCurve
    var fastFade: UInt8 = 0
    var enabledType: UInt8?
    var remainingTypes: [UInt8] = []
    var writeEnabled = false
    var latchedEnergy: [UInt8]?
    var identifyEnds: Int64 = 0
    /// The first frame of a send-twice pair and when it ended.
    var firstOfTwo: (address: UInt8, opcode: UInt8, at: Int64)?
    var random: SeededGenerator
    let identification: UInt64

    private var fade: Fade
    /// Energy drawn since the gear was made, W.h.
    private(set) var energy: Double
    private var integratedTo: Int64

    public init(_ description: GearDescription, seed: UInt64, at now: BootInstant) {
        self.description = description
        shortAddress = description.shortAddress
        minimum = description.physicalMinimum
        groups = description.groups
        curve = description.curve
        random = SeededGenerator(seed: SeededGenerator.seed(seed, description.name))
        identification = random.next() & 0x00FF_FFFF_FFFF
        energy = Double(random.next() % 400_000)
        integratedTo = now.nanoseconds
        // A lamp that was just supplied goes to its power-on level.
        fade = Fade(from: 254, to: 254, start: now.nanoseconds, duration: 0, thenOff: false)
    }

    // MARK: Level on the clock

    /// The arc level as a fraction while fading; 0 is off.
    func exactLevel(at now: Int64) -> Double {
        guard hasMains else { return 0 }
        if fade.thenOff, now >= fade.end { return 0 }
        return fade.level(at: now)
    }

    /// What QUERY ACTUAL LEVEL would say: 255 while the lamp has failed.
    public func actualLevel(at now: BootInstant) -> UInt8 {
        lampHasFailed ? Self.mask : level(at: now.nanoseconds)
    }

    func level(at now: Int64) -> UInt8 { UInt8(exactLevel(at: now).rounded()) }

    func isFading(at now: Int64) -> Bool { now < fade.end && fade.duration > 0 && !lampHasFailed }

    /// The level that the gear is going to or stands at.
    var targetLevel: UInt8 { fade.thenOff ? 0 : UInt8(fade.to.rounded()) }

    /// Moves to a level within `duration` nanoseconds; zero is off, reached over the minimum.
    func go(to level: UInt8, within duration: Int64, at now: Int64) {
        integrate(to: now)
        let present = exactLevel(at: now)
        powerCycleSeen = false
        if level == 0 {
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

    /// Nanoseconds of a fade as set: fade time, or the extended fade time when that is zero (IEC 62386-102, 9.5).
    var fadeDuration: Int64 {
        if fadeTime > 0 { return Int64(0.5 * Double(1 << UInt64(fadeTime)).squareRoot() * 1e9) }
        let units: [Int64] = [0, 100_000_000, 1_000_000_000, 10_000_000_000, 60_000_000_000]
        let multiplier = Int(extendedFade >> 4)
        guard extendedFade <= 0x4F, multiplier > 0 else { return Int64(fastFade) * 25_000_000 }
        return Int64((extendedFade & 0xF) + 1) * units[multiplier]
    }

    /// Steps in one second at the fade rate that is set (IEC 62386-102, 9.5.3).
    var stepsPerSecond: Double { 506 / Double(1 << UInt64(max(1, fadeRate))).squareRoot() }

    // MARK: Lamp, mains and power

    public func setLampFailed(_ failed: Bool, at now: BootInstant) {
        integrate(to: now.nanoseconds)
        lampHasFailed = failed
    }

    /// Mains off darkens and mutes the gear; mains on brings the power-on level and sets powerCycleSeen.
    public func setMains(_ on: Bool, at now: BootInstant) {
        guard on != hasMains else { return }
        integrate(to: now.nanoseconds)
        hasMains = on
        guard on else { return }
        let level = powerOnLevel == Self.mask ? lastActive : powerOnLevel
        fade = Fade(from: 0, to: 0, start: now.nanoseconds, duration: 0, thenOff: true)
        go(to: level, within: 0, at: now.nanoseconds)
        powerCycleSeen = true
        dtr = (0, 0, 0)
        searchState = .disabled
    }

    /// The bus had no voltage for longer than 500 ms.
    func fallBack(at now: Int64) {
        guard hasMains, systemFailureLevel != Self.mask else { return }
        let seen = powerCycleSeen
        go(to: systemFailureLevel, within: 0, at: now)
        powerCycleSeen = seen
    }

    /// Electrical power now, W.
    public func power(at now: BootInstant) -> Double {
        power(atLevel: exactLevel(at: now.nanoseconds))
    }

    private func power(atLevel level: Double) -> Double {
        guard hasMains else { return 0 }
        guard !lampHasFailed, level > 0 else { return Self.standbyPower }
        let light = curve.light(at: level)
        return description.ratedPower * (Self.basePower + (1 - Self.basePower) * light)
    }

    /// Adds what was drawn since the last call.
    func integrate(to now: Int64) {
        guard now > integratedTo else { return }
        var at = integratedTo
        // Within a fade in steps of 100 ms; a level that stands is one step.
        while at < now {
            let next = at < fade.end ? min(now, min(at + 100_000_000, fade.end)) : now
            let middle = at + (next - at) / 2
            energy += power(atLevel: exactLevel(at: middle)) * Double(next - at) / 3.6e12
            at = next
        }
        integratedTo = now
    }

    /// Everything as after RESET; the short address stays.
    func reset(at now: Int64) {
        minimum = description.physicalMinimum
        maximum = 254
        powerOnLevel = 254
        systemFailureLevel = 254
        fadeTime = 0
        fadeRate = 7
        extendedFade = 0
        groups = 0
        scenes = [UInt8](repeating: 255, count: 16)
        operatingMode = 0
        randomAddress = 0xFFFFFF
        searchAddress = 0xFFFFFF
        go(to: 254, within: 0, at: now)
        limitError = false
        powerCycleSeen = false
    }

    /// All variables at their reset values (IEC 62386-102, 9.16.7).
    var isInResetState: Bool {
        minimum == description.physicalMinimum && maximum == 254 && powerOnLevel == 254 && systemFailureLevel == 254
            && fadeTime == 0 && fadeRate == 7 && extendedFade == 0 && groups == 0 && randomAddress == 0xFFFFFF
            && scenes.allSatisfy { $0 == 255 } && targetLevel == 254
    }

    /// QUERY STATUS (IEC 62386-102, 9.16).
    func status(at now: Int64) -> UInt8 {
        var bits: UInt8 = 0
        if lampHasFailed { bits |= 1 << 1 }
        if exactLevel(at: now) > 0, !lampHasFailed { bits |= 1 << 2 }
        if limitError { bits |= 1 << 3 }
        if isFading(at: now) { bits |= 1 << 4 }
        if isInResetState { bits |= 1 << 5 }
        if shortAddress == nil { bits |= 1 << 6 }
        if powerCycleSeen { bits |= 1 << 7 }
        return bits
    }
}
