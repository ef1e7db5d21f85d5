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
    /// RECALL MIN LEVEL: the gear's lowest level at once.
    case recallMin
    /// GO TO SCENE: the level that the gear keeps for it.
    case scene(UInt8)
    /// A command whose end only the gear knows: up, down, steps, its last active level.
    case relative(GearOpcode)
    /// IDENTIFY DEVICE: the lamp shows itself for 10 s.
    case identify

    /// Actions without a value, and what they order. Commands that change what the gear keeps are not among them: those are the
    /// configuration's.
    private static let table: [(name: String, order: LampOrder)] = [
        ("off", .off), ("recall_max", .recallMax), ("recall_min", .recallMin), ("identify", .identify),
        ("up", .relative(.up)), ("down", .relative(.down)), ("step_up", .relative(.stepUp)),
        ("step_down", .relative(.stepDown)), ("on_and_step_up", .relative(.onAndStepUp)),
        ("step_down_and_off", .relative(.stepDownAndOff)),
        ("go_to_last_active_level", .relative(.goToLastActiveLevel)),
    ]

    /// Actions beyond `set`.
    static let actions = table.map(\.name) + ["go_to_scene"]

    struct Refusal: Error, Sendable, Hashable {
        let reason: String
    }

    init(_ command: DriverCommand, gear: Gear) throws(Refusal) {
        switch command.action {
        case "set": self = try Self.set(command, gear: gear)
        case "go_to_scene":
            guard case .number(let number)? = command.value.telemetry, let scene = number.integer,
                (0...15).contains(scene)
            else { throw Refusal(reason: "go_to_scene takes the number of a scene, 0 to 15") }
            self = .scene(UInt8(scene))
        default:
            guard let row = Self.table.first(where: { $0.name == command.action }) else {
                throw Refusal(
                    reason: "a lamp knows no action \(command.action.prefix(40)); it knows set, "
                        + Self.actions.joined(separator: ", "))
            }
            self = row.order
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
        case .recallMin: return gear.limits.lowerBound
        case .scene, .relative, .identify: return nil
        }
    }

    /// Where it leads depends on what the gear knows; it is looked at afterwards and told.
    var isRelative: Bool {
        switch self {
        case .relative, .scene: true
        default: false
        }
    }

    /// One frame to a group means the same to each of its lamps as a frame to each of them.
    var isShareable: Bool { self != .identify }

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
        case .recallMin: .gear(gear.address, .recallMinLevel, priority: priority)
        case .scene(let number): .gear(gear.address, .goToScene(number), priority: priority)
        case .relative(let opcode): .gear(gear.address, opcode, priority: priority)
        case .identify: .gear(gear.address, .identifyDevice, priority: priority)
        }
    }
}
