internal import DriverProtocol
internal import Telemetry

/// What a command wants of a lamp, checked.
enum LampOrder: Sendable, Hashable {
    /// Percent of light, by DAPC: fades, 0 fades to off.
    case level(ExactDecimal)
    /// OFF: dark at once.
    case off
    /// RECALL MAX LEVEL: the gear's highest level at once.
    case recallMax
    /// IDENTIFY DEVICE: the lamp shows itself for 10 s.
    case identify

    /// Actions beyond `set`.
    static let actions = ["off", "recall_max", "identify"]

    struct Refusal: Error, Sendable, Hashable {
        let reason: String
    }

    init(_ command: DriverCommand, gear: Gear) throws(Refusal) {
        switch command.action {
        case "off": self = .off
        case "recall_max": self = .recallMax
        case "identify": self = .identify
        case "set": self = try Self.set(command, gear: gear)
        default:
            throw Refusal(
                reason:
                    "a lamp knows no action \(command.action.prefix(40)); it knows set, off, recall_max and identify")
        }
    }

    private static func set(_ command: DriverCommand, gear: Gear) throws(Refusal) -> LampOrder {
        guard command.point < UInt32(gear.points.count) else {
            throw Refusal(reason: "\(gear.name) has no point number \(command.point)")
        }
        let point = gear.points[Int(command.point)].kind
        switch (point, command.value.telemetry) {
        case (.level, .number(let percent)?):
            guard percent >= .zero, percent <= ExactDecimal(100) else {
                throw Refusal(reason: "level is \(percent) %; a lamp takes 0 to 100 %")
            }
            return .level(percent)
        case (.level, _): throw Refusal(reason: "level takes a number from 0 to 100, in percent of light")
        case (.on, .flag(let isOn)?): return isOn ? .recallMax : .off
        case (.on, _): throw Refusal(reason: "on takes true or false")
        default: throw Refusal(reason: "\(point.rawValue) is read-only")
        }
    }

    /// Whether the gear's curve must be known to say which level is meant. The ends of every curve are the same.
    var needsCurve: Bool {
        if case .level(let percent) = self { percent > .zero && percent < ExactDecimal(100) } else { false }
    }

    /// The level the lamp will be at, within the gear's limits; nil for what changes none.
    func target(_ gear: Gear) -> UInt8? {
        switch self {
        case .level(let percent):
            let level = (gear.curve ?? .logarithmic).level(percent: percent)
            return level == 0 ? 0 : min(max(level, gear.limits.lowerBound), gear.limits.upperBound)
        case .off: return 0
        case .recallMax: return gear.limits.upperBound
        case .identify: return nil
        }
    }

    /// Says so when the gear's limits stand in the way of what was asked for.
    func limitNote(_ gear: Gear) -> String? {
        guard case .level(let percent) = self, let target = target(gear), target > 0 else { return nil }
        let wanted = (gear.curve ?? .logarithmic).level(percent: percent)
        guard wanted != target else { return nil }
        let which = wanted < target ? "lowest" : "highest"
        return "\(percent) % is beyond the gear's \(which) level, which is \(gear.levelText(target))"
    }

    func request(_ gear: Gear, priority: FramePriority) -> DALIRequest {
        switch self {
        case .level: DALIRequest(.directArcPower(gear.address, level: target(gear) ?? 0), priority: priority)
        case .off: .gear(gear.address, .off, priority: priority)
        case .recallMax: .gear(gear.address, .recallMaxLevel, priority: priority)
        case .identify: .gear(gear.address, .identifyDevice, priority: priority)
        }
    }
}
