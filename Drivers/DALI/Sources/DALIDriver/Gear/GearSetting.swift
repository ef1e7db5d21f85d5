internal import Telemetry

/// One thing that a gear keeps in its own memory: how it is asked for, and how it is written.
enum GearSetting: Sendable, Hashable {
    // In the order in which they are looked at: what later ones are computed with comes first.
    case curve
    case minimumLevel
    case maximumLevel
    case powerOn
    case systemFailure
    case fadeTime
    case fadeRate
    case extendedFade
    case groupsLow
    case groupsHigh
    case scene(UInt8)

    /// Read of every gear: group frames and fades need them, and a report shows what the gear does without us.
    static let always: [GearSetting] = [.powerOn, .systemFailure, .fadeTime, .groupsLow, .groupsHigh]
    /// What a report prints.
    static let told: [GearSetting] = [.powerOn, .systemFailure]

    static func all(for gear: Gear) -> [GearSetting] {
        // What polling has learned already is asked for again only when it is to be another.
        let learned = [
            (GearSetting.curve, gear.curve == nil || gear.isCurveDoubted),
            (.minimumLevel, gear.minimum == nil || gear.areLimitsDoubted),
            (.maximumLevel, gear.maximum == nil || gear.areLimitsDoubted),
        ].filter { $0.1 || $0.0.wanted(gear) != nil }.map(\.0)
        let wanted = [GearSetting.fadeRate, .extendedFade].filter { $0.wanted(gear) != nil }
        return learned + always + wanted + gear.settings.scenes.keys.sorted().map(GearSetting.scene)
    }

    private struct Row {
        let name: String
        let query: GearOpcode
        /// Takes its value from DTR0; nil where it is written otherwise.
        let set: GearOpcode?
    }

    private var row: Row {
        switch self {
        case .curve:
            Row(name: "curve", query: GearOpcode(rawValue: DeviceTypeOpcode.LED.queryDimmingCurve.rawValue), set: nil)
        case .minimumLevel: Row(name: "min_level", query: .queryMinLevel, set: .setMinLevel)
        case .maximumLevel: Row(name: "max_level", query: .queryMaxLevel, set: .setMaxLevel)
        case .powerOn: Row(name: "power_on", query: .queryPowerOnLevel, set: .setPowerOnLevel)
        case .systemFailure:
            Row(name: "system_failure", query: .querySystemFailureLevel, set: .setSystemFailureLevel)
        case .fadeTime: Row(name: "fade", query: .queryFadeTimeFadeRate, set: .setFadeTime)
        case .fadeRate: Row(name: "fade_rate", query: .queryFadeTimeFadeRate, set: .setFadeRate)
        case .extendedFade: Row(name: "extended_fade", query: .queryExtendedFadeTime, set: .setExtendedFadeTime)
        case .groupsLow: Row(name: "groups 0-7", query: .queryGroupsZeroToSeven, set: nil)
        case .groupsHigh: Row(name: "groups 8-15", query: .queryGroupsEightToFifteen, set: nil)
        case .scene(let number): Row(name: "scene \(number)", query: .querySceneLevel(number), set: .setScene(number))
        }
    }

    var name: String { row.name }

    func query(_ gear: Gear, priority: FramePriority) -> [DALIRequest] {
        if case .curve = self {
            return DALIRequest.deviceType(
                .short(gear.address), DeviceTypeOpcode.LED.queryDimmingCurve, priority: priority)
        }
        return [.gear(gear.address, row.query, priority: priority)]
    }

    /// What an answer says of this setting; two share one byte.
    func value(in answer: UInt8) -> UInt8 {
        switch self {
        case .fadeTime: answer >> 4
        case .fadeRate: answer & 0x0F
        default: answer
        }
    }

    /// What the configuration wants, as the gear keeps it; nil when it does not care.
    func wanted(_ gear: Gear) -> UInt8? {
        let settings = gear.settings
        switch self {
        case .curve: return settings.curve.map { $0 == .linear ? 1 : 0 }
        case .minimumLevel: return settings.minimumLevel.map { max(1, level($0, gear)) }
        case .maximumLevel: return settings.maximumLevel.map { max(1, level($0, gear)) }
        case .powerOn: return settings.powerOn?.byte(gear)
        case .systemFailure: return settings.systemFailure?.byte(gear)
        case .fadeTime: return settings.fade
        case .fadeRate: return settings.fadeRate
        case .extendedFade: return settings.extendedFade
        case .groupsLow: return groups(gear, shift: 0)
        case .groupsHigh: return groups(gear, shift: 8)
        case .scene(let number): return settings.scenes[number]?.byte(gear)
        }
    }

    /// Groups that are not ours to say stay as the gear has them.
    private func groups(_ gear: Gear, shift: UInt16) -> UInt8? {
        let ours = UInt8(truncatingIfNeeded: gear.settings.groupsInUse >> shift)
        guard ours != 0, let kept = gear.keeping.kept[self] else { return nil }
        return kept & ~ours | UInt8(truncatingIfNeeded: gear.settings.groups >> shift) & ours
    }

    private func level(_ percent: ExactDecimal, _ gear: Gear) -> UInt8 {
        (gear.curve ?? .logarithmic).level(percent: percent)
    }

    /// Units of frames that make `kept` into `wanted`. The command comes directly after the register it takes its value from.
    func writes(_ gear: Gear, from kept: UInt8, to wanted: UInt8) -> [[DALIRequest]] {
        func unit(_ value: UInt8, _ requests: [DALIRequest]) -> [DALIRequest] {
            [DALIRequest.special(.dataTransferRegister0, value, priority: .configuration)] + requests
        }
        func memberships(from first: UInt8) -> [[DALIRequest]] {
            (0..<8).filter { (kept ^ wanted) >> $0 & 1 == 1 }.map { bit in
                let number = first + UInt8(bit)
                let opcode: GearOpcode = wanted >> bit & 1 == 1 ? .addToGroup(number) : .removeFromGroup(number)
                return [.gear(gear.address, opcode, priority: .configuration)]
            }
        }
        switch self {
        case .curve:
            return [
                unit(
                    wanted,
                    DALIRequest.deviceType(
                        .short(gear.address), DeviceTypeOpcode.LED.selectDimmingCurve, priority: .continuation))
            ]
        case .groupsLow: return memberships(from: 0)
        case .groupsHigh: return memberships(from: 8)
        case .scene(let number) where wanted == 255:
            return [[.gear(gear.address, .removeFromScene(number), priority: .configuration)]]
        default:
            guard let set = row.set else { return [] }
            return [unit(wanted, [.gear(gear.address, set, priority: .continuation)])]
        }
    }

    /// A value for people: `60 %`, `last level`, `2.8 s`.
    func text(_ value: UInt8, _ gear: Gear) -> String {
        let curve = gear.curve ?? .logarithmic
        switch self {
        case .curve: return value == 1 ? "linear" : "logarithmic"
        case .powerOn where value == 255: return "last level"
        case .systemFailure where value == 255: return "no change"
        case .scene where value == 255: return "none"
        case .minimumLevel, .maximumLevel, .powerOn, .systemFailure, .scene:
            return value == 255 ? "MASK" : "\(curve.percent(level: value)) % (level \(value))"
        case .fadeTime:
            guard value > 0, Int(value) <= FadeTime.milliseconds.count else { return "0 s" }
            return "\(ExactDecimal(mantissa: Int64(FadeTime.milliseconds[Int(value) - 1]), exponent: -3).normalized) s"
        case .extendedFade:
            let units: [Int64] = [0, 100, 1_000, 10_000, 60_000]
            let unit = Int(value >> 4) < units.count ? units[Int(value >> 4)] : 0
            return "\(ExactDecimal(mantissa: (Int64(value & 0x0F) + 1) * unit, exponent: -3).normalized) s"
        case .groupsLow: return Self.names(value, from: 0)
        case .groupsHigh: return Self.names(value, from: 8)
        case .fadeRate: return String(value)
        }
    }

    private static func names(_ value: UInt8, from first: Int) -> String {
        let members = (0..<8).filter { value >> $0 & 1 == 1 }.map { String(first + $0) }
        return members.isEmpty ? "none" : members.joined(separator: ", ")
    }
}
