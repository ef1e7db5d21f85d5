internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// A level that a gear keeps in its own memory.
enum KeptLevel: Sendable, Hashable {
    /// Percent of light, by the gear's own curve and within its limits.
    case percent(ExactDecimal)
    /// MASK, 255: the last level for power-on, no change for a system failure, no level for a scene.
    case mask

    func byte(_ gear: Gear) -> UInt8 {
        guard case .percent(let percent) = self else { return 255 }
        let level = (gear.curve ?? .logarithmic).level(percent: percent)
        return level == 0 ? 0 : min(max(level, gear.limits.lowerBound), gear.limits.upperBound)
    }
}

/// What the configuration wants to stand in a gear's own memory. nil: whatever is there is left alone.
struct GearSettings: Sendable, Hashable {
    var curve: ArcPowerCurve?
    var minimumLevel: ExactDecimal?
    var maximumLevel: ExactDecimal?
    var powerOn: KeptLevel?
    var systemFailure: KeptLevel?
    /// Index of the standard's fade times.
    var fade: UInt8?
    /// Index of the standard's fade rates, 1 to 15.
    var fadeRate: UInt8?
    /// Multiplier and base as QUERY EXTENDED FADE TIME gives them.
    var extendedFade: UInt8?
    var scenes: [UInt8: KeptLevel] = [:]
    /// Groups 0 to 15 that the gear is to be in, and those of them that are ours to say.
    var groups: UInt16 = 0
    var groupsInUse: UInt16 = 0
    /// `gear: GTIN/number`: who is to sit at this address.
    var identity: GearIdentity?

    static let options: [DriverOptionDescription] = [
        .init("gear", "text", "", "GTIN/identification number of the gear that belongs here, as scan prints it"),
        .init("power_on", "percent|last", "fallback", "level after mains return, kept in the gear"),
        .init("system_failure", "percent|keep", "fallback", "level when the bus has no voltage, kept in the gear"),
        .init("fade_rate", "number", "", "fade rate 1 to 15 of up and down, the standard's table"),
        .init("extended_fade", "duration", "", "fade time beyond the table, up to 16min; needs fade 0s"),
        .init("min_level", "percent", "", "lowest level, kept in the gear"),
        .init("max_level", "percent", "", "highest level, kept in the gear"),
        .init("scenes", "map", "", "scene number to percent, or none"),
    ]

}

extension GearSettings {
    /// Reads the keys of a device; what is wrong goes to the map's diagnostics.
    ///
    /// - Parameters:
    ///   - fallback: `Device.fallback_percent`; fills what is kept for mains and bus where the device says nothing itself.
    ///   - curve, fade: as read by the caller.
    init(_ options: NodeMap, fallback: String, curve: ArcPowerCurve?, fade: UInt8?) {
        self.curve = curve
        self.fade = fade
        identity = options.value("gear").flatMap(Self.identity)
        let standard = ExactDecimal(fallback).map(KeptLevel.percent)
        powerOn = options.value("power_on").flatMap { Self.level($0, mask: "last") } ?? standard
        systemFailure = options.value("system_failure").flatMap { Self.level($0, mask: "keep") } ?? standard
        minimumLevel = options.value("min_level").flatMap(Self.percent)
        maximumLevel = options.value("max_level").flatMap(Self.percent)
        fadeRate = options.integer("fade_rate", in: 1...15).map(UInt8.init)
        if let value = options.value("extended_fade") {
            extendedFade = Self.extendedFade(value)
            if let fade, fade > 0 { value.error("extended_fade counts only with fade: 0s, and fade is not 0s") }
            self.fade = fade ?? 0
        }
        if let minimumLevel, let maximumLevel, minimumLevel > maximumLevel {
            options.value("min_level")?.error("min_level \(minimumLevel) % is above max_level \(maximumLevel) %")
        }
        for (key, value) in options.map("scenes")?.all() ?? [] {
            guard let number = UInt8(key), number <= 15 else {
                value.error("\(key.prefix(40)) is no scene; they are numbered 0 to 15")
                continue
            }
            if let level = Self.level(value, mask: "none") { scenes[number] = level }
        }
    }

    private static func identity(_ value: NodeValue) -> GearIdentity? {
        guard let text = value.text() else { return nil }
        if let identity = GearIdentity(text) { return identity }
        value.error("\(value.written) where GTIN/number was expected, such as 7630000000012/4711")
        return nil
    }

    private static func level(_ value: NodeValue, mask: String) -> KeptLevel? {
        if case .text(mask)? = value.node.value { return .mask }
        guard let percent = percent(value, or: " or \(mask)") else { return nil }
        return .percent(percent)
    }

    private static func percent(_ value: NodeValue) -> ExactDecimal? { percent(value, or: "") }

    /// `60%`, `60 %` or 60: all are percent of light.
    private static func percent(_ value: NodeValue, or other: String) -> ExactDecimal? {
        var written = ""
        if case .text(let text)? = value.node.value { written = text }
        if case .number(let text)? = value.node.value { written = text }
        if written.hasSuffix("%") { written.removeLast() }
        while written.last == " " { written.removeLast() }
        if let percent = ExactDecimal(written), percent >= .zero, percent <= ExactDecimal(100) { return percent }
        value.error("\(value.written) where a level from 0% to 100%\(other) was expected")
        return nil
    }

    /// (base + 1) times 100 ms, 1 s, 10 s or 1 min, IEC 62386-102.
    private static func extendedFade(_ value: NodeValue) -> UInt8? {
        guard let wanted = value.duration(in: .zero ... .seconds(960))?.wholeMilliseconds else { return nil }
        if wanted == 0 { return 0 }
        for (multiplier, unit) in [Int64(100), 1_000, 10_000, 60_000].enumerated()
        where wanted % unit == 0 && (1...16).contains(wanted / unit) {
            return UInt8(multiplier + 1) << 4 | UInt8(wanted / unit - 1)
        }
        value.error(
            "\(value.written) is no extended fade time of DALI gear; it has 1 to 16 times 100 ms, 1 s, 10 s or 1 min")
        return nil
    }
}
