public import Telemetry

/// A Foxtron DALI232 (serial) or DALInet (TCP) converter with a DALI bus behind it.
///
/// What is sent with differentiation (type 11) is confirmed by 13 (with answer) or 14 (without), everybody else's frames by
/// 3 and 4. Source: the vendor's "Communication protocol", version 1.7 for firmware from 3.3.
public final class FoxtronGateway: LampGateway {
    /// What the converter measures on the bus: item 3, and the first codes of its special messages.
    public enum BusPower: UInt8, Sendable, CaseIterable {
        case good = 0
        /// Missing, or a short circuit.
        case lost = 1
        case mains = 2
        /// Defective or unsuitable supply.
        case badSupply = 3
    }

    private enum Special: UInt8 {
        case bufferFull = 4
        case wrongCheck = 5
        case invalid = 6
    }

    /// Messages that wait, as the vendor's text states.
    static let bufferDepth = 16
    static let serialNumber: UInt16 = 1234
    static let firmware: UInt16 = 0x0406
    static let hardware: UInt16 = 0x0102

    public let bus: LampBus
    public let timing: SerialTiming
    /// Messages of the host that were dropped: wrong check, nonsense, or no room.
    public private(set) var rejected = 0
    /// False: the host does not assert DTR, so the converter has no supply, hears nothing and says nothing.
    public var hasDTR = true {
        didSet {
            guard !hasDTR else { return }
            access.clear()
            receiver = FoxtronReceiver()
            line.clear()
        }
    }

    private let access: BusAccess
    private var receiver = FoxtronReceiver()
    private var line: HostLine
    /// Set by a test or person: mains on the bus, or a bad supply.
    private var fault: BusPower?

    public init(bus: LampBus, timing: SerialTiming = LampInterface.foxtron.timing) {
        self.bus = bus
        self.timing = timing
        access = BusAccess(bus: bus, depth: Self.bufferDepth)
        line = HostLine(timing: timing)
    }

    public var busPower: BusPower { fault ?? (bus.isPowered ? .good : .lost) }

    /// Mains on the bus or a bad supply: nothing is sent meanwhile; `.good` ends it.
    public func setBusPower(_ power: BusPower, at now: BootInstant) {
        let before = busPower
        switch power {
        case .good:
            fault = nil
            bus.setPowered(true, at: now)
        case .lost:
            fault = nil
            bus.setPowered(false, at: now)
        case .mains, .badSupply:
            fault = power
            bus.setPowered(false, at: now)
        }
        // Losing and regaining voltage is told when the bus is next looked at.
        if busPower != before, busPower != .good, busPower != .lost { special(busPower.rawValue, at: now.nanoseconds) }
    }

    // MARK: Session

    public func receive(_ bytes: [UInt8], at now: BootInstant) {
        guard hasDTR else { return }
        let arrived = now.nanoseconds + Int64(bytes.count) * timing.character
        for reception in receiver.receive(bytes) {
            switch reception {
            case .message(let message): perform(message.payload, at: arrived)
            case .wrongCheck: refuse(.wrongCheck, at: arrived)
            case .nonsense: refuse(.invalid, at: arrived)
            }
        }
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

    private func perform(_ payload: [UInt8], at now: Int64) {
        switch payload.first {
        case 0x01: add(payload.dropFirst(), differs: false, at: now)
        case 0x0B: add(payload.dropFirst(), differs: true, at: now)
        case 0x06 where payload.count == 2:
            let value = item(payload[1])
            say([0x07, payload[1], UInt8(value >> 8), UInt8(value & 0xFF)], at: now)
        case 0x08 where payload.count == 4: write(payload, at: now)
        case 0x0A where payload.count == 2: break
        default: refuse(.invalid, at: now)
        }
    }

    private func item(_ number: UInt8) -> UInt16 {
        switch number {
        case 1: Self.serialNumber
        case 2: Self.firmware
        case 3: UInt16(busPower.rawValue)
        case 4: UInt16(access.queue.count)
        case 5: Self.hardware
        case 6: receiver.ignoresCheck ? 1 : 0
        default: 0
        }
    }

    private func write(_ payload: [UInt8], at now: Int64) {
        let value = UInt16(payload[2]) << 8 | UInt16(payload[3])
        var flag: UInt8 = 0
        switch payload[1] {
        case 4 where value == 0: access.clear()
        case 6 where value <= 1: receiver.ignoresCheck = value == 1
        case 4, 6: flag = 2
        default: flag = 1
        }
        say([0x09] + payload.dropFirst() + [flag], at: now)
    }

    /// `priority bits data... [parameter]`
    private func add(_ fields: ArraySlice<UInt8>, differs: Bool, at now: Int64) {
        let fields = Array(fields)
        guard fields.count >= 3, fields[0] <= 5, [16, 24].contains(fields[1]),
            fields.count == 2 + Int(fields[1]) / 8 + (differs ? 1 : 0)
        else { return refuse(.invalid, at: now) }
        let transmission = BusAccess.Transmission(
            identifier: differs ? 1 : 0, bits: Int(fields[1]), data: Array(fields[2..<(2 + Int(fields[1]) / 8)]),
            isTwice: differs && fields[fields.count - 1] & 1 != 0,
            // 0 leaves the priority to the converter.
            priority: fields[0] == 0 ? 3 : Int(fields[0]), isQuery: true)
        guard access.add(transmission, at: now) else { return refuse(.bufferFull, at: now) }
    }

    private func refuse(_ reason: Special, at now: Int64) {
        rejected += 1
        special(reason.rawValue, at: now)
    }

    // MARK: Messages to the host

    private func report(_ event: BusAccess.Event, at now: Int64) {
        switch event {
        case .sent(let transmission, let isSecond):
            // Of a frame that goes twice, the first is told at once, the second with what came after it.
            if transmission.isTwice, !isSecond { confirm(transmission, .silence, at: now) }
        case .collided(let transmission): say([transmission.identifier == 1 ? 0x0E : 0x04, 0], at: now)
        case .answered(let transmission, let answer): confirm(transmission, answer, at: now)
        case .foreign: break
        case .foreignAnswered(let data, let answer): tell(data, answer, differs: false, at: now)
        case .busDown: if fault == nil { special(BusPower.lost.rawValue, at: now) }
        case .busUp: special(BusPower.good.rawValue, at: now)
        }
    }

    private func confirm(_ transmission: BusAccess.Transmission, _ answer: BackwardFrame, at now: Int64) {
        tell(transmission.data, answer, differs: transmission.identifier == 1, at: now)
    }

    private func tell(_ data: [UInt8], _ answer: BackwardFrame, differs: Bool, at now: Int64) {
        let frame = [UInt8(data.count * 8)] + data
        switch answer {
        case .silence: say([differs ? 0x0E : 0x04] + frame, at: now)
        case .answer(let byte): say([differs ? 0x0D : 0x03] + frame + [8, byte], at: now)
        case .collision: say([differs ? 0x0D : 0x03] + frame + [0], at: now)
        }
    }

    private func special(_ code: UInt8, at now: Int64) { say([0x05, code], at: now) }

    private func say(_ payload: [UInt8], at now: Int64) {
        guard hasDTR else { return }
        line.send(FoxtronMessage(payload: payload).bytes, at: now)
    }
}
