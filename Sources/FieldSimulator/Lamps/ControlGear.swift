public import Telemetry

/// One DALI-2 control gear of device type 6 with its lamp (IEC 62386-102 and -207; when described so also -209, -251, -252
/// and -253): the state machine, no bus.
///
/// Levels move on the clock that is handed in; power follows the light, and energy the power. Not thread-safe.
public final class ControlGear {
    enum SearchState { case disabled, enabled, withdrawn }

    /// INITIALISE is over after a quarter of an hour.
    static let searchWindow: Int64 = 15 * 60 * 1_000_000_000
    /// IDENTIFY DEVICE lasts ten seconds.
    static let identifyTime: Int64 = 10_000_000_000
    /// A gear that saves its variables hears nothing; also what RESET may take.
    static let deafness: Int64 = 300_000_000
    static let mask: UInt8 = 255
    /// No random address: as made, and after RESET.
    static let noRandomAddress: UInt32 = 0xFFFFFF

    public let description: GearDescription
    /// Faults and peculiarities at present.
    public internal(set) var personality: Set<GearPersonality>
    /// False while the mains of the luminaire is off.
    public internal(set) var hasMains = true

    // Variables of IEC 62386-102, table 14.
    public internal(set) var shortAddress: UInt8?
    public internal(set) var minimum: UInt8
    public internal(set) var maximum: UInt8 = 254
    public internal(set) var powerOnLevel: UInt8 = 254
    public internal(set) var systemFailureLevel: UInt8 = 254
    public internal(set) var fadeTime: UInt8 = 0
    public internal(set) var fadeRate: UInt8 = 7
    public internal(set) var extendedFade: UInt8 = 0
    /// Bit n: member of group n.
    public internal(set) var groups: UInt16
    public internal(set) var scenes = [UInt8](repeating: 255, count: 16)
    public internal(set) var randomAddress: UInt32
    var operatingMode: UInt8 = 0
    var limitError = false
    var powerCycleSeen = true
    var lastActive: UInt8 = 254
    var dtr: (UInt8, UInt8, UInt8) = (0, 0, 0)
    var searchAddress: UInt32 = noRandomAddress
    var searchState = SearchState.disabled
    var searchEnds: Int64 = 0
    var enabledType: UInt8?
    /// Device types that QUERY NEXT DEVICE TYPE has still to tell; nil: it was not asked right before.
    var remainingTypes: [UInt8]?
    var writeEnabled = false
    var identifyEnds: Int64 = 0
    /// The first frame of a send-twice pair and when it ended.
    var firstOfTwo: (address: UInt8, opcode: UInt8, at: Int64)?
    /// Nothing is heard before.
    var deafUntil: Int64 = 0
    /// The next direct level belongs to a DAPC sequence when it comes before.
    var sequenceEnds: Int64 = 0
    /// The bus has been without voltage for longer than the standard lets pass.
    var busHasFailed = false

    /// Device type 6.
    var led: LEDVariables
    /// Device type 8; nil: it has one white.
    var colour: ColourVariables?
    var memory = GearMemory()
    var physics: LampPhysics
    var fade: Fade
    /// Until then the lamp is starting after the mains came.
    var litAt: Int64
    var random: SeededGenerator
    /// The first draw of gear with a duplicate random address.
    let commonRandomAddress: UInt32
    var hasDrawnCommon = false
    let identification: UInt64

    public init(_ description: GearDescription, seed: UInt64, at now: BootInstant) {
        self.description = description
        personality = description.personality
        shortAddress = description.shortAddress
        minimum = description.physicalMinimum
        groups = description.groups
        randomAddress = description.randomAddress ?? Self.noRandomAddress
        led = LEDVariables(curve: description.curve)
        colour = description.colourTemperatures.map(ColourVariables.init(kelvin:))
        var random = SeededGenerator(seed: SeededGenerator.seed(seed, description.name))
        let drawn = random.next() & 0x00FF_FFFF_FFFF
        let isOld = description.personality.contains(.dali1)
        identification = (description.identification ?? drawn) & (isOld ? 0xFFFF_FFFF : .max)
        physics = LampPhysics(
            energy: Double(random.next() % 400_000), starts: random.next() % 4000, at: now.nanoseconds)
        commonRandomAddress = UInt32(SeededGenerator.seed(seed, "duplicate") % UInt64(Self.noRandomAddress))
        self.random = random
        // A lamp that has been supplied for long stands at its power-on level.
        fade = Fade(from: 254, to: 254, start: now.nanoseconds, duration: 0, thenOff: false)
        litAt = now.nanoseconds
        physics.temperature = restingTemperature(at: now.nanoseconds)
    }

    func has(_ trait: GearPersonality) -> Bool { personality.contains(trait) }

    /// Gives or takes a fault or peculiarity.
    public func set(_ trait: GearPersonality, _ on: Bool, at now: BootInstant) {
        integrate(to: now.nanoseconds)
        if on { personality.insert(trait) } else { personality.remove(trait) }
        integrate(to: now.nanoseconds)
    }

    /// No answer and no reaction: the gear is dead or its wire is off.
    public var isSilent: Bool {
        get { has(.silent) }
        set { if newValue { personality.insert(.silent) } else { personality.remove(.silent) } }
    }

    public var lampHasFailed: Bool { has(.lampOpen) || has(.lampShort) }

    /// Opens the lamp's circuit, or mends whatever is wrong with the lamp.
    public func setLampFailed(_ failed: Bool, at now: BootInstant) {
        set(.lampOpen, failed, at: now)
        if !failed { set(.lampShort, false, at: now) }
    }

    // MARK: Mains and bus

    /// Mains off darkens and mutes the gear; mains on brings the power-on level and sets powerCycleSeen.
    public func setMains(_ on: Bool, at now: BootInstant) {
        guard on != hasMains else { return }
        integrate(to: now.nanoseconds)
        hasMains = on
        guard on else { return }
        let time = now.nanoseconds
        // It hears after 100 to 350 ms and lights after at most a second, or a slow one after two to three.
        deafUntil = time + 100_000_000 + Int64(random.next() % 250_000_000)
        let slowness: Int64 = has(.slowStart) ? 2_000_000_000 : 300_000_000
        litAt = time + slowness + Int64(random.next() % (has(.slowStart) ? 1_000_000_000 : 600_000_000))
        forgetVolatile()
        fade = Fade(from: 0, to: 0, start: time, duration: 0, thenOff: true)
        let level = busHasFailed && systemFailureLevel != Self.mask ? systemFailureLevel : powerOnLevel
        go(to: level == Self.mask ? lastActive : level, within: 0, at: time)
        powerCycleSeen = true
        physics.gearStarts += 1
    }

    /// What does not survive a loss of mains.
    private func forgetVolatile() {
        dtr = (0, 0, 0)
        searchState = .disabled
        searchAddress = Self.noRandomAddress
        enabledType = nil
        remainingTypes = nil
        writeEnabled = false
        firstOfTwo = nil
        identifyEnds = 0
        sequenceEnds = 0
        memory.forgetVolatile()
        colour?.forgetVolatile()
    }

    /// The bus had no voltage for longer than 500 ms.
    func fallBack(at now: Int64) {
        busHasFailed = true
        guard hasMains, systemFailureLevel != Self.mask else { return }
        let seen = powerCycleSeen
        go(to: systemFailureLevel, within: 0, at: now)
        powerCycleSeen = seen
    }

    // MARK: Reset and status

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
        randomAddress = Self.noRandomAddress
        searchAddress = Self.noRandomAddress
        led.fastFade = 0
        colour?.reset()
        go(to: 254, within: 0, at: now)
        lastActive = 254
        limitError = false
        powerCycleSeen = false
        if has(.deafAfterReset) { deafUntil = now + Self.deafness }
    }

    /// All variables that are kept stand at their reset values (IEC 62386-102, 9.16.7 and table 14).
    var isInResetState: Bool {
        minimum == description.physicalMinimum && maximum == 254 && powerOnLevel == 254 && systemFailureLevel == 254
            && fadeTime == 0 && fadeRate == 7 && extendedFade == 0 && groups == 0
            && randomAddress == Self.noRandomAddress && scenes.allSatisfy { $0 == Self.mask }
    }

    /// QUERY STATUS (IEC 62386-102, 9.16).
    func status(at now: Int64) -> UInt8 {
        var bits: UInt8 = 0
        if has(.gearFailure) { bits |= 1 << 0 }
        if lampHasFailed { bits |= 1 << 1 }
        if saysOn(at: now) { bits |= 1 << 2 }
        if limitError { bits |= 1 << 3 }
        if isFading(at: now) { bits |= 1 << 4 }
        if isInResetState { bits |= 1 << 5 }
        if shortAddress == nil { bits |= 1 << 6 }
        if powerCycleSeen { bits |= 1 << 7 }
        return bits
    }

    var deviceTypes: [UInt8] {
        [6] + (colour == nil ? [] : [8]) + (description.isD4i && !has(.dali1) ? [50, 51, 52] : [])
    }
}
