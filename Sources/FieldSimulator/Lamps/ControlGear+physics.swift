import Glibc
public import Telemetry

/// What happens to the lamp whether or not anybody asks.
struct LampPhysics: Sendable {
    /// Energy drawn since the gear was made, W.h.
    var energy: Double
    /// Seconds with mains, and seconds of light.
    var operatingTime: Double
    var onTime: Double
    var gearStarts: UInt64
    var lampStarts: UInt64
    var temperature = 15.0
    var wasBurning = true
    /// How often each failure has begun, by personality.
    var failures: [GearPersonality: UInt8] = [:]
    var present: Set<GearPersonality> = []
    var integratedTo: Int64

    init(energy: Double, starts: UInt64, at now: Int64) {
        self.energy = energy
        onTime = energy * 60
        operatingTime = onTime * 2.1
        gearStarts = starts / 3
        lampStarts = starts
        integratedTo = now
    }
}

/// Light, power, energy, temperature and counters.
extension ControlGear {
    /// Power of a gear whose lamp is out, W.
    static let standbyPower = 0.3
    /// Share of the rated power that the gear takes at the least light.
    static let basePower = 0.08
    /// Share of its light that a partly dark lamp gives, and of its power that a stronger one draws.
    static let partlyDarkLight = 0.3
    static let strongerLampPower = 1.6
    /// Degrees Celsius around the luminaire; in one whose heat cannot get out; and the rise at rated power.
    static let ambient = 15.0
    static let trappedAmbient = 60.0
    static let temperatureRise = 45.0
    /// Seconds until a change of temperature is done to 63 %.
    static let thermalTime = 1200.0
    /// Above this the gear gives less light, 4 % per kelvin, at the least 40 %.
    static let deratingTemperature = 80.0

    /// Energy drawn since the gear was made, W.h.
    public var energy: Double { physics.energy }
    /// Times the lamp was lit, and seconds it burned.
    public var lampStarts: UInt64 { physics.lampStarts }
    public var lampSeconds: Double { physics.onTime }
    public var temperature: Double { physics.temperature }

    /// For how long a lamp that goes out by itself burns and is out, nanoseconds.
    private var interruption: (on: Int64, off: Int64)? {
        if has(.flickering) { return (3_000_000_000, 1_000_000_000) }
        if has(.cycling) { return (480_000_000_000, 120_000_000_000) }
        return nil
    }

    /// A cycling lamp is out just now.
    func isInterrupted(at now: Int64) -> Bool {
        guard let interruption else { return false }
        return now % (interruption.on + interruption.off) >= interruption.on
    }

    /// The level that the light has, whatever the gear says.
    func burningLevel(at now: Int64) -> Double {
        guard hasMains, !lampHasFailed, now >= litAt, !isInterrupted(at: now) else { return 0 }
        let level = exactLevel(at: now)
        if level == 0 { return has(.concealsBurning) ? 254 : 0 }
        return has(.ignoresDimming) || has(.concealsDimming) ? 254 : level
    }

    var isDerating: Bool { physics.wasBurning && physics.temperature > Self.deratingTemperature }

    private var deratingFactor: Double {
        max(0.4, 1 - max(0, physics.temperature - Self.deratingTemperature) * 0.04)
    }

    /// Light at present as a share of full light.
    public func light(at now: BootInstant) -> Double {
        curve.light(at: burningLevel(at: now.nanoseconds)) * lightFactor
    }

    private var lightFactor: Double { deratingFactor * (has(.partlyDark) ? Self.partlyDarkLight : 1) }

    /// Electrical power now, W.
    public func power(at now: BootInstant) -> Double {
        power(atLevel: burningLevel(at: now.nanoseconds))
    }

    private func power(atLevel level: Double) -> Double {
        guard hasMains else { return 0 }
        guard level > 0 else { return Self.standbyPower }
        let rated = description.ratedPower * (has(.strongerLamp) ? Self.strongerLampPower : 1)
        return rated * (Self.basePower + (1 - Self.basePower) * curve.light(at: level) * lightFactor)
    }

    /// Where the temperature would come to rest.
    func restingTemperature(at now: Int64) -> Double {
        let load = power(atLevel: burningLevel(at: now)) / description.ratedPower
        return (has(.derating) ? Self.trappedAmbient : Self.ambient) + Self.temperatureRise * load
    }

    /// Adds what was drawn, burned and counted since the last call.
    func integrate(to now: Int64) {
        count(at: physics.integratedTo)
        while physics.integratedTo < now {
            let at = physics.integratedTo
            let next = nextChange(after: at, before: now)
            let middle = at + (next - at) / 2
            let seconds = Double(next - at) / 1e9
            let level = burningLevel(at: middle)
            physics.energy += power(atLevel: level) * seconds / 3600
            if hasMains { physics.operatingTime += seconds }
            if level > 0 { physics.onTime += seconds }
            let rest = restingTemperature(at: middle)
            physics.temperature = rest + (physics.temperature - rest) * exp(-seconds / Self.thermalTime)
            physics.integratedTo = next
            count(at: next)
        }
    }

    /// Until when the level stands, within a fade in steps of 100 ms, and with heat that matters in steps of a minute.
    private func nextChange(after at: Int64, before end: Int64) -> Int64 {
        var next = end
        if at < fade.end, fade.duration > 0 { next = min(next, at + 100_000_000, fade.end) }
        if at < litAt { next = min(next, litAt) }
        if has(.derating) { next = min(next, at + 60_000_000_000) }
        if let interruption {
            let phase = at % (interruption.on + interruption.off)
            next = min(
                next, at - phase + (phase < interruption.on ? interruption.on : interruption.on + interruption.off))
        }
        return next
    }

    /// Counts the lamp's starts and the beginnings of failures.
    private func count(at now: Int64) {
        let burns = burningLevel(at: now) > 0
        if burns, !physics.wasBurning { physics.lampStarts += 1 }
        physics.wasBurning = burns
        if personality.isEmpty, physics.present.isEmpty, !isDerating { return }
        var present = personality.intersection([.lampOpen, .lampShort, .gearFailure])
        if isDerating { present.insert(.derating) }
        if exactLevel(at: now) > 0, isInterrupted(at: now) { present.insert(.cycling) }
        for failure in present.subtracting(physics.present) {
            physics.failures[failure] = min(0xFD, (physics.failures[failure] ?? 0) + 1)
        }
        physics.present = present
    }

    /// How often a failure has begun.
    func failureCount(_ failures: [GearPersonality]) -> UInt8 {
        UInt8(min(0xFD, failures.reduce(0) { $0 + Int(physics.failures[$1] ?? 0) }))
    }
}
