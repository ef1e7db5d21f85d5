public import Telemetry

/// A DALI bus: its gear, its supply, and what happens when several answer at once.
public final class LampBus {
    /// IEC 62386-101: at most 64 control gear, which 6-bit short addresses can name.
    public static let largestGearCount = 64
    /// Level commands that are remembered: minutes of a bus that does nothing else.
    public static let rememberedCommands = 4096

    public let name: String
    public let gear: [ControlGear]
    public let sensors: [ControlDevice]
    /// False: shorted or without supply.
    public private(set) var isPowered = true
    /// Forward frames and backward frames since the start, and the air time they took.
    public private(set) var forwardFrames = 0
    public private(set) var backwardFrames = 0

    /// Forward frames that set a level (direct arc power, or one of the level commands 0 to 1F), oldest first, as two bytes
    /// each: what every lamp was told, whatever it made of it.
    public private(set) var levelCommands: [[UInt8]] = []

    /// Every forward frame with its time, oldest first; the oldest are forgotten.
    public private(set) var log: [LoggedFrame] = []
    /// Frames that are remembered: a quarter of an hour of a busy bus.
    public static let rememberedFrames = 32_768

    /// The share of frames that something on the line destroys: nobody hears such a forward frame, and a destroyed answer
    /// looks like a collision.
    public var noise = 0.0

    private var random: SeededGenerator
    private var foreign: [(due: Int64, data: [UInt8])] = []
    private var downSince: Int64?

    public init(
        name: String, gear descriptions: [GearDescription], sensors: [SensorDescription] = [], seed: UInt64,
        at now: BootInstant
    ) {
        self.name = name
        self.sensors = sensors.map { ControlDevice($0, seed: seed, at: now) }
        gear = descriptions.map { ControlGear($0, seed: seed, at: now) }
        random = SeededGenerator(seed: SeededGenerator.seed(seed, "bus " + name))
    }

    /// Everything that all gear draws, W.
    public func power(at now: BootInstant) -> Double { Self.power(of: gear, at: now) }

    /// What these gear draw, W.
    public static func power(of gear: [ControlGear], at now: BootInstant) -> Double {
        gear.reduce(0) {
            $1.integrate(to: now.nanoseconds)
            return $0 + $1.power(at: now)
        }
    }

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

    /// When ``settle(at:)`` has something to do, or a frame is due that the interface did not send.
    public var nextDeadline: BootInstant? {
        let failure = downSince.map { $0 + DALITiming.systemFailure }
        let events = isPowered ? sensors.compactMap(\.nextDeadline) : []
        return ([failure, foreign.first?.due].compactMap(\.self) + events).min().map(BootInstant.init(nanoseconds:))
    }

    /// Another master will send this frame.
    public func schedule(foreign data: [UInt8], at moment: BootInstant) {
        let place = foreign.firstIndex { $0.due > moment.nanoseconds } ?? foreign.count
        foreign.insert((moment.nanoseconds, data), at: place)
    }

    /// Frames of other masters and of control devices that begin now, the interface puts them on the bus when it is free, and
    /// hands them to ``respond(to:from:at:)`` then.
    public func dueFrames(at now: BootInstant) -> [(data: [UInt8], origin: LoggedFrame.Origin)] {
        guard isPowered else { return [] }
        var frames: [(data: [UInt8], origin: LoggedFrame.Origin)] = []
        while let first = foreign.first, first.due <= now.nanoseconds {
            frames.append((first.data, .foreign))
            foreign.removeFirst()
        }
        for sensor in sensors { frames += sensor.events(at: now).map { ($0, .device) } }
        return frames
    }

    /// Everyone hears a forward frame that ended at `now`.
    public func transmit(_ frame: [UInt8], at now: BootInstant) -> BackwardFrame { respond(to: frame, at: now).frame }

    /// Everyone hears a forward frame that ended at `now`: 16 bits for control gear, 24 bits for control devices.
    ///
    /// - Returns: what the interface hears, and when.
    public func respond(to frame: [UInt8], from origin: LoggedFrame.Origin = .master, at now: BootInstant)
        -> BusResponse
    {
        settle(at: now)
        guard isPowered else { return BusResponse(.silence) }
        forwardFrames += 1
        let isHeard = !isHitByNoise()
        var answers: [Answer] = []
        if frame.count == 2 {
            remember(frame)
            if isHeard {
                answers = gear.compactMap { one in
                    one.receive(frame[0], frame[1], at: now).map { Answer(byte: $0, settling: one.answerSettling) }
                }
            }
        } else if frame.count == 3, origin != .device, isHeard {
            answers = sensors.compactMap { one in
                one.receive(frame, at: now).map { Answer(byte: $0, settling: DALITiming.backwardSettling) }
            }
        }
        let answer = merge(answers)
        log.append(LoggedFrame(data: frame, at: now, origin: origin, answer: answer.frame))
        if log.count > Self.rememberedFrames { log.removeFirst(Self.rememberedFrames / 2) }
        return answer
    }

    private struct Answer {
        let byte: UInt8
        let settling: Int64
    }

    private func merge(_ answers: [Answer]) -> BusResponse {
        guard let first = answers.min(by: { $0.settling < $1.settling }) else { return BusResponse(.silence) }
        backwardFrames += 1
        if isHitByNoise() { return BusResponse(.collision, settling: first.settling) }
        if answers.count == 1 { return BusResponse(.answer(first.byte), settling: first.settling) }
        // Equal bytes that start at nearly the same moment may still be read; different ones never.
        let areEqual = answers.allSatisfy { $0.byte == first.byte && $0.settling == first.settling }
        let isReadable = areEqual && random.next() & 1 == 0
        return BusResponse(isReadable ? .answer(first.byte) : .collision, settling: first.settling)
    }

    private func isHitByNoise() -> Bool { noise > 0 && Double(random.next() >> 11) / Double(1 << 53) < noise }

    private func remember(_ frame: [UInt8]) {
        let isGear = frame[0] <= 0x9F || frame[0] >= 0xFC
        guard isGear, frame[0] & 1 == 0 || frame[1] <= 0x1F else { return }
        if levelCommands.count == Self.rememberedCommands { levelCommands.removeFirst(Self.rememberedCommands / 2) }
        levelCommands.append(frame)
    }

    public func gear(named name: String) -> ControlGear? { gear.first { $0.description.name == name } }
    public func gear(at address: UInt8) -> ControlGear? { gear.first { $0.shortAddress == address } }
}
