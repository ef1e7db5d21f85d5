public import Telemetry

/// A Lunatone LUBA interface with a DALI bus behind it: framing, send buffer, air time, events.
///
/// A frame waits its settling time, takes its air time, is confirmed by a "sent" event, and the answer arrives after its
/// own settling and air time as a "received" event. Source: LUBA protocol PDF and what python-dali 0.16 expects.
public final class LUBAGateway: LampGateway {
    enum Rejection: UInt8 {
        case busVoltage = 1
        case bufferFull = 4
        case lineNotAvailable = 5
        case syntax = 6
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

    private let access: BusAccess
    private var receiver = LUBAReceiver()
    private var lastByte: Int64 = 0
    private var line: HostLine
    private var identifier: UInt8 = 0
    /// Mode, event filter, hardware (bit 7: supply on).
    private var settings: [UInt8]

    public init(bus: LampBus, timing: SerialTiming = LampInterface.luba.timing, hasSupply: Bool = false) {
        self.bus = bus
        self.timing = timing
        self.hasSupply = hasSupply
        access = BusAccess(bus: bus, depth: Self.bufferDepth)
        line = HostLine(timing: timing)
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
        [access.nextDeadline?.nanoseconds, line.nextDeadline].compactMap(\.self).min()
            .map(BootInstant.init(nanoseconds:))
    }

    public func advance(to now: BootInstant) -> [UInt8] {
        for (moment, event) in access.advance(to: now) { report(event, at: moment) }
        return line.take(by: now.nanoseconds)
    }

    public func makeNoise(_ bytes: [UInt8], at now: BootInstant) { line.send(bytes, at: now.nanoseconds) }

    public func foreignFrame(_ data: [UInt8], at now: BootInstant) { access.foreignFrame(data, at: now.nanoseconds) }

    public func collide(nextFrames count: Int) { access.collide(nextFrames: count) }

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
            reply(0x2D, [0] + Self.tick(now) + [identifier, UInt8(access.queue.count), status], at: now)
        case 0x32: add(data, at: now)
        // 34 to 37, the shorter forms of 32, are not answered: their layout is not publicly described.
        default: break
        }
    }

    private func add(_ data: [UInt8], at now: Int64) {
        guard data.count == 7, [16, 24].contains(data[1]), (1...5).contains(data[2] & 7) else {
            return reject(.syntax, at: now)
        }
        guard data[0] == 0 else { return reject(.lineNotAvailable, at: now) }
        guard bus.isPowered else { return reject(.busVoltage, at: now) }
        let number: UInt8 = identifier == 255 ? 1 : identifier + 1
        let transmission = BusAccess.Transmission(
            identifier: number, bits: Int(data[1]), data: Array(data[3..<(3 + Int(data[1]) / 8)]),
            isTwice: data[2] & 0x80 != 0, priority: Int(data[2] & 7))
        guard access.add(transmission, at: now) else { return reject(.bufferFull, at: now) }
        identifier = number
        reply(0x33, [identifier, 0], at: now)
    }

    private func reject(_ reason: Rejection, at now: Int64) {
        rejected += 1
        reply(0x33, [reason.rawValue], at: now)
    }

    // MARK: Messages to the host

    private func report(_ event: BusAccess.Event, at now: Int64) {
        let (tellsSent, tellsReceived) = (settings[1] & 0xC0 == 0, settings[1] & 0xA0 == 0)
        switch event {
        case .sent(let transmission, _):
            if tellsSent { tell(UInt8(transmission.bits), [transmission.identifier] + transmission.data, at: now) }
        case .collided: if tellsReceived { tell(0xBF, [], at: now) }
        case .foreign(let data, _): if tellsReceived { tell(0x80 | UInt8(data.count * 8), data, at: now) }
        case .answered(_, .answer(let byte)), .foreignAnswered(_, .answer(let byte)):
            if tellsReceived { tell(0x88, [byte], at: now) }
        case .answered(_, .collision), .foreignAnswered(_, .collision): if tellsReceived { tell(0xBF, [], at: now) }
        case .answered(_, .silence), .foreignAnswered(_, .silence), .busDown, .busUp: break
        }
    }

    private func tell(_ status: UInt8, _ payload: [UInt8], at now: Int64) {
        let number: [UInt8] = settings[1] & 0x04 == 0 ? [0] : []
        reply(0x31, Self.tick(now) + number + [status] + payload, at: now)
    }

    private func reply(_ command: UInt8, _ data: [UInt8], at now: Int64) {
        line.send(LUBAMessage(command: command, data: data).bytes, at: now)
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
