public import Telemetry

/// What the interface sees after a forward frame.
public enum BackwardFrame: Sendable, Equatable {
    case silence
    case answer(UInt8)
    /// Several gear at once: start bits seen, no readable byte.
    case collision
}

/// A DALI bus: its gear, its supply, and what happens when several answer at once.
public final class LampBus {
    /// IEC 62386-101: at most 64 control gear, which 6-bit short addresses can name.
    public static let largestGearCount = 64
    /// Level commands that are remembered: minutes of a bus that does nothing else.
    public static let rememberedCommands = 4096

    public let name: String
    public let gear: [ControlGear]
    /// False: shorted or without supply.
    public private(set) var isPowered = true
    /// Forward frames and backward frames since the start, and the air time they took.
    public private(set) var forwardFrames = 0
    public private(set) var backwardFrames = 0

    /// Forward frames that set a level (direct arc power, or one of the level commands 0 to 1F), oldest first, as two bytes
    /// each: what every lamp was told, whatever it made of it.
    public private(set) var levelCommands: [[UInt8]] = []

    private var random: SeededGenerator
    private var downSince: Int64?

    public init(name: String, gear descriptions: [GearDescription], seed: UInt64, at now: BootInstant) {
        self.name = name
        gear = descriptions.map { ControlGear($0, seed: seed, at: now) }
        random = SeededGenerator(seed: SeededGenerator.seed(seed, "bus " + name))
    }

    /// Everything that all gear draws, W.
    public func power(at now: BootInstant) -> Double { gear.reduce(0) { $0 + $1.power(at: now) } }

    /// Energy of all gear together, W.h.
    public func energy(at now: BootInstant) -> Double {
        gear.reduce(0) {
            $1.integrate(to: now.nanoseconds)
            return $0 + $1.energy
        }
    }

    public func setPowered(_ on: Bool, at now: BootInstant) {
        settle(at: now)
        isPowered = on
        downSince = on ? nil : now.nanoseconds
    }

    /// Gear whose bus has been down for 500 ms goes to its system failure level.
    public func settle(at now: BootInstant) {
        guard let since = downSince, now.nanoseconds >= since + DALITiming.systemFailure else { return }
        downSince = nil
        for gear in gear { gear.fallBack(at: since + DALITiming.systemFailure) }
    }

    /// When ``settle(at:)`` has something to do.
    public var nextDeadline: BootInstant? {
        downSince.map { BootInstant(nanoseconds: $0 + DALITiming.systemFailure) }
    }

    /// Every gear hears a forward frame that ended at `now`. Frames of 24 bits are for control devices; there are none.
    public func transmit(_ frame: [UInt8], at now: BootInstant) -> BackwardFrame {
        settle(at: now)
        guard isPowered else { return .silence }
        forwardFrames += 1
        guard frame.count == 2 else { return .silence }
        remember(frame)
        var answers: [UInt8] = []
        for gear in gear {
            if let answer = gear.receive(frame[0], frame[1], at: now) { answers.append(answer) }
        }
        guard let first = answers.first else { return .silence }
        backwardFrames += 1
        if answers.count == 1 { return .answer(first) }
        // Equal bytes that start at nearly the same moment may still be read; different ones never.
        let areEqual = answers.allSatisfy { $0 == first }
        return areEqual && random.next() & 1 == 0 ? .answer(first) : .collision
    }

    private func remember(_ frame: [UInt8]) {
        let isGear = frame[0] <= 0x9F || frame[0] >= 0xFC
        guard isGear, frame[0] & 1 == 0 || frame[1] <= 0x1F else { return }
        if levelCommands.count == Self.rememberedCommands { levelCommands.removeFirst(Self.rememberedCommands / 2) }
        levelCommands.append(frame)
    }

    public func gear(named name: String) -> ControlGear? { gear.first { $0.description.name == name } }
    public func gear(at address: UInt8) -> ControlGear? { gear.first { $0.shortAddress == address } }
}
