public import Telemetry

/// A Lunatone LUBA interface with a DALI bus behind it: framing, send buffer, air time, events.
///
/// A frame waits its settling time, takes its air time, is confirmed by a "sent" event, and the answer arrives after its
/// own settling and air time as a "received" event. Source: LUBA protocol PDF and what python-dali 0.16 expects.
public final class LUBAGateway: PortSession {
    enum Rejection: UInt8 {
        case busVoltage = 1
        case bufferFull = 4
        case lineNotAvailable = 5
        case syntax = 6
    }

    private struct Transmission {
        let identifier: UInt8
        let bits: UInt8
        let data: [UInt8]
        let twice: Bool
        let priority: Int
    }

    private enum Step {
        /// The forward frame has ended; the gear hear it.
        case sent(Transmission, isSecond: Bool)
        case answered(BackwardFrame, isForeign: Bool)
        /// A frame that is not the host's has ended.
        case heard([UInt8], LoggedFrame.Origin)
    }

    /// Frames that wait. The vendor's text does not state the depth; this is what the simulator takes.
    static let bufferDepth = 16
    /// Half a message older than this is forgotten.
    static let messageTimeout: Int64 = 100_000_000

    public let bus: LampBus
    public let timing: SerialTiming
    /// The interface feeds the bus itself and can switch its supply.
    public let hasSupply: Bool
    public private(set) var rejected = 0

    private var receiver = LUBAReceiver()
    private var lastByte: Int64 = 0
    private var queue: [Transmission] = []
    private var steps: [(due: Int64, step: Step)] = []
    private var out: [(due: Int64, bytes: [UInt8])] = []
    private var lineEnd: Int64 = 0
    /// When the last bit of the last frame was on the bus.
    private var lastBit: Int64 = 0
    private var isSending = false
    private var identifier: UInt8 = 0
    /// Mode, event filter, hardware (bit 7: supply on).
    private var settings: [UInt8]

    public init(bus: LampBus, timing: SerialTiming = SerialTiming(baud: 38400), hasSupply: Bool = false) {
        self.bus = bus
        self.timing = timing
        self.hasSupply = hasSupply
        settings = [0, 0x12, hasSupply ? 0x80 : 0]
    }

    // MARK: Session

    public func receive(_ bytes: [UInt8], at now: BootInstant) {
        if now.nanoseconds - lastByte > Self.messageTimeout { receiver.forget() }
        lastByte = now.nanoseconds
        // The bytes come in one piece here; on the wire the last one is complete after all have passed.
        let arrived = now.nanoseconds + Int64(bytes.count) * timing.character
        for message in receiver.receive(bytes) { perform(message, at: arrived) }
    }

    public var nextDeadline: BootInstant? {
        [steps.first?.due, out.first?.due, bus.nextDeadline?.nanoseconds].compactMap(\.self).min()
            .map(BootInstant.init(nanoseconds:))
    }

    public func advance(to now: BootInstant) -> [UInt8] {
        bus.settle(at: now)
        for frame in bus.dueFrames(at: now) { hear(frame.data, frame.origin, at: now.nanoseconds) }
        while let next = steps.first, next.due <= now.nanoseconds {
            steps.removeFirst()
            take(next.step, at: next.due)
        }
        var bytes: [UInt8] = []
        while let next = out.first, next.due <= now.nanoseconds {
            bytes.append(contentsOf: next.bytes)
            out.removeFirst()
        }
        return bytes
    }

    public func makeNoise(_ bytes: [UInt8], at now: BootInstant) {
        lineEnd = max(now.nanoseconds, lineEnd) + Int64(bytes.count) * timing.character
        out.append((lineEnd, bytes))
    }

    /// A frame of another master on the bus: the gear obey it and the interface reports it.
    public func foreignFrame(_ data: [UInt8], at now: BootInstant) { hear(data, .foreign, at: now.nanoseconds) }

    /// It waits until the bus is free, as every sender does.
    private func hear(_ data: [UInt8], _ origin: LoggedFrame.Origin, at now: Int64) {
        lastBit = max(now, lastBit + DALITiming.settling(priority: 2)) + DALITiming.frame(bits: data.count * 8)
        step(.heard(data, origin), at: lastBit + DALITiming.stop)
    }

    // MARK: Messages of the host

    private func perform(_ message: LUBAMessage, at now: Int64) {
        let data = message.data
        switch message.command {
        case 0x20: reply(0x21, data.first == 1 ? [UInt8](repeating: 0, count: 18) : Self.information, at: now)
        case 0x28:
            var descriptor = [UInt8](repeating: 0, count: 19)
            descriptor[18] = hasSupply ? 0x80 : 0
            reply(0x29, descriptor, at: now)
        case 0x2A:
            // Without data it only reads; that form is this simulator's reading of "READ/WRITE SETTINGS".
            if data.count >= 3 {
                settings = Array(data.prefix(3))
                if hasSupply { bus.setPowered(settings[2] & 0x80 != 0, at: BootInstant(nanoseconds: now)) }
            }
            reply(0x2B, settings, at: now)
        case 0x2C:
            guard data.first == 0 else { return reply(0x2D, [data.first ?? 0], at: now) }
            let status: UInt8 = bus.isPowered ? 0 : 0x80
            reply(0x2D, [0] + Self.tick(now) + [identifier, UInt8(queue.count), status], at: now)
        case 0x32: add(data, at: now)
        default: break
        }
    }

    private func add(_ data: [UInt8], at now: Int64) {
        guard data.count == 7, [16, 24].contains(data[1]), (1...5).contains(data[2] & 7) else {
            return reject(.syntax, at: now)
        }
        guard data[0] == 0 else { return reject(.lineNotAvailable, at: now) }
        guard bus.isPowered else { return reject(.busVoltage, at: now) }
        guard queue.count < Self.bufferDepth else { return reject(.bufferFull, at: now) }
        identifier = identifier == 255 ? 1 : identifier + 1
        queue.append(
            Transmission(
                identifier: identifier, bits: data[1], data: Array(data[3..<(3 + Int(data[1]) / 8)]),
                twice: data[2] & 0x80 != 0, priority: Int(data[2] & 7)))
        reply(0x33, [identifier, 0], at: now)
        sendNext(at: now)
    }

    private func reject(_ reason: Rejection, at now: Int64) {
        rejected += 1
        reply(0x33, [reason.rawValue], at: now)
    }

    // MARK: The bus

    private func sendNext(at now: Int64) {
        guard !isSending, !queue.isEmpty else { return }
        isSending = true
        schedule(queue.removeFirst(), isSecond: false, after: now)
    }

    private func schedule(_ transmission: Transmission, isSecond: Bool, after now: Int64) {
        // The second of two goes out as the continuation of a transaction.
        let settling = DALITiming.settling(priority: isSecond ? 1 : transmission.priority)
        let start = max(now, lastBit + settling)
        lastBit = start + DALITiming.frame(bits: Int(transmission.bits))
        step(.sent(transmission, isSecond: isSecond), at: lastBit + DALITiming.stop)
    }

    private func take(_ step: Step, at now: Int64) {
        switch step {
        case .sent(let transmission, let isSecond):
            let forwardEnd = now - DALITiming.stop
            guard bus.isPowered else { return finish(at: now) }
            if settings[1] & 0xC0 == 0 {
                event(transmission.bits, [transmission.identifier] + transmission.data, at: now)
            }
            let answer = bus.respond(to: transmission.data, at: BootInstant(nanoseconds: forwardEnd))
            if transmission.twice, !isSecond {
                return schedule(transmission, isSecond: true, after: now)
            }
            reportAnswer(answer, forwardEnd: forwardEnd, isForeign: false)
            if answer.frame == .silence { finish(at: now) }
        case .answered(let answer, let isForeign):
            if settings[1] & 0xA0 == 0 {
                switch answer {
                case .answer(let byte): event(0x88, [byte], at: now)
                case .collision: event(0xBF, [], at: now)
                case .silence: break
                }
            }
            if !isForeign { finish(at: now) }
        case .heard(let data, let origin):
            let forwardEnd = now - DALITiming.stop
            if settings[1] & 0xA0 == 0, bus.isPowered { event(0x80 | UInt8(data.count * 8), data, at: now) }
            let answer = bus.respond(to: data, from: origin, at: BootInstant(nanoseconds: forwardEnd))
            reportAnswer(answer, forwardEnd: forwardEnd, isForeign: true)
        }
    }

    private func reportAnswer(_ answer: BusResponse, forwardEnd: Int64, isForeign: Bool) {
        guard answer.frame != .silence else { return }
        lastBit = max(lastBit, forwardEnd + answer.settling + DALITiming.frame(bits: 8))
        step(.answered(answer.frame, isForeign: isForeign), at: lastBit + DALITiming.stop)
    }

    private func finish(at now: Int64) {
        isSending = false
        sendNext(at: now)
    }

    private func step(_ step: Step, at due: Int64) {
        let place = steps.firstIndex { $0.due > due } ?? steps.count
        steps.insert((due, step), at: place)
    }

    // MARK: Messages to the host

    private func event(_ status: UInt8, _ payload: [UInt8], at now: Int64) {
        let line: [UInt8] = settings[1] & 0x04 == 0 ? [0] : []
        reply(0x31, Self.tick(now) + line + [status] + payload, at: now)
    }

    private func reply(_ command: UInt8, _ data: [UInt8], at now: Int64) {
        let bytes = LUBAMessage(command: command, data: data).bytes
        lineEnd = max(now, lineEnd) + Int64(bytes.count) * timing.character
        out.append((lineEnd, bytes))
    }

    /// Milliseconds, 16 bit.
    private static func tick(_ now: Int64) -> [UInt8] {
        let milliseconds = now / 1_000_000
        return [UInt8(truncatingIfNeeded: milliseconds >> 8), UInt8(truncatingIfNeeded: milliseconds)]
    }

    /// GTIN (6), device id (8), board and assembly version, article number (4): a DALI-2 RS232 PS of no real serial number.
    private static let information: [UInt8] =
        [0x1F, 0x71, 0xFB, 0x04, 0xCB, 0x00] + [0, 0, 0, 0, 0, 0, 0, 0x2A] + [1, 1] + [0x01, 0x70, 0xBE, 0xD0]
}
