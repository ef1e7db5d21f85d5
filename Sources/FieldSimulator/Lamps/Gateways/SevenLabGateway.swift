public import Telemetry

/// A SevenLab DALI-USB interface (open hardware, firmware 3.5) with a DALI bus behind it: lines of text.
///
/// `Q5 10 0390` sends and always tells a result, `S2 10+FF21` only sends; what was sent comes back as `{time>bits data}`,
/// what is heard as `{time:bits data}`, conditions as `{time:status data}`. Source: doc/commands.md and doc/messages.md of
/// the firmware, and what its own tests expect.
public final class SevenLabGateway: LampGateway {
    enum Status: UInt8 {
        case timeout = 0x81
        case badDataBit = 0x83
        case collision = 0x84
        case busLow = 0x91
        case recovered = 0x92
        case cannotProcess = 0xA0
        case queueFull = 0xA2
        case badCommand = 0xA3
    }

    /// Frames that wait, as in the firmware; one more may be on the bus.
    static let queueDepth = 4
    /// Longest command line; what comes beyond is lost.
    static let longestLine = 20
    /// A bus low for longer is told as a system failure.
    static let failureTime: Int64 = 500_000_000

    public let bus: LampBus
    public let timing: SerialTiming
    public private(set) var rejected = 0

    private let access: BusAccess
    private var line: HostLine
    private var command: [UInt8] = []
    /// When a bus without voltage is to be told.
    private var failure: Int64?
    private var isFailureTold = false
    /// A waveform has been begun by W.
    private var hasSequence = false

    public init(bus: LampBus, timing: SerialTiming = LampInterface.sevenlab.timing) {
        self.bus = bus
        self.timing = timing
        access = BusAccess(bus: bus, depth: Self.queueDepth)
        line = HostLine(timing: timing)
    }

    // MARK: Session

    public func receive(_ bytes: [UInt8], at now: BootInstant) {
        let arrived = now.nanoseconds + Int64(bytes.count) * timing.character
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "?"):
                command = []
                banner(at: arrived)
            case 0x0D:
                perform(at: arrived)
                command = []
            // A command's letter begins a new one wherever it comes.
            case let letter where "SQRNWYXI".utf8.contains(letter): command = [letter]
            default: if command.count < Self.longestLine - 1 { command.append(byte) }
            }
        }
    }

    public var nextDeadline: BootInstant? {
        [access.nextDeadline?.nanoseconds, line.nextDeadline, failure].compactMap(\.self).min()
            .map(BootInstant.init(nanoseconds:))
    }

    public func advance(to now: BootInstant) -> [UInt8] {
        for (moment, event) in access.advance(to: now) { report(event, at: moment) }
        if let due = failure, due <= now.nanoseconds {
            failure = nil
            isFailureTold = true
            tell(.busLow, at: due)
        }
        return line.take(by: now.nanoseconds)
    }

    public func makeNoise(_ bytes: [UInt8], at now: BootInstant) { line.send(bytes, at: now.nanoseconds) }

    public func foreignFrame(_ data: [UInt8], at now: BootInstant) { access.foreignFrame(data, at: now.nanoseconds) }

    public func collide(nextFrames count: Int) { access.collide(nextFrames: count) }

    // MARK: Commands

    private func perform(at now: Int64) {
        let text = String(decoding: command.dropFirst(), as: UTF8.self)
        let numbers = text.split(whereSeparator: { $0 == " " || $0 == "+" }).map { UInt64($0, radix: 16) ?? .max }
        switch command.first {
        case UInt8(ascii: "Q"), UInt8(ascii: "S"):
            let isQuery = command[0] == UInt8(ascii: "Q")
            guard numbers.count == 3 else { return refuse(.badCommand, at: now) }
            send(numbers[0], numbers[1], numbers[2], isTwice: text.contains("+"), isQuery: isQuery, at: now)
        case UInt8(ascii: "R"):
            guard numbers.count == 4, numbers[1] <= 0xFF else { return refuse(.badCommand, at: now) }
            for _ in 0...numbers[1] {
                send(numbers[0], numbers[2], numbers[3], isTwice: false, isQuery: false, at: now)
            }
        case UInt8(ascii: "Y"):
            guard numbers.count == 1, numbers[0] <= 0xFF else { return refuse(.badCommand, at: now) }
            say(">", 8, UInt32(numbers[0]), at: now + DALITiming.frame(bits: 8) + DALITiming.stop)
        case UInt8(ascii: "I"):
            // What it hears of its own broken frame: a bit of 625 us, the first.
            say(":", Status.badDataBit.rawValue, 0x0002_7101, at: now + DALITiming.frame(bits: 8) + DALITiming.stop)
        case UInt8(ascii: "W"), UInt8(ascii: "N"):
            guard numbers.count == 1, (1..<UInt64(UInt32.max)).contains(numbers[0]) else {
                return refuse(.badCommand, at: now)
            }
            hasSequence = hasSequence || command[0] == UInt8(ascii: "W")
        case UInt8(ascii: "X"):
            if !hasSequence { refuse(.cannotProcess, at: now) }
            hasSequence = false
        default: break
        }
    }

    private func send(
        _ priority: UInt64, _ bits: UInt64, _ data: UInt64, isTwice: Bool, isQuery: Bool, at now: Int64
    ) {
        // One beyond the largest number passes, as in the firmware.
        guard (1...6).contains(priority), bits <= 32, data < (UInt64(1) << bits) + 1 else {
            return refuse(.badCommand, at: now)
        }
        // A query right behind a stop condition is taken and never sent.
        if isQuery, priority == 6 { return }
        guard bits == 16 || bits == 24 else { return }
        let bytes = (0..<Int(bits) / 8).map { UInt8(truncatingIfNeeded: data >> (bits - 8 - 8 * UInt64($0))) }
        let transmission = BusAccess.Transmission(
            bits: Int(bits), data: bytes, isTwice: isTwice, priority: Int(priority), isQuery: isQuery)
        if !access.add(transmission, at: now) { refuse(.queueFull, at: now) }
    }

    private func refuse(_ status: Status, at now: Int64) {
        rejected += 1
        tell(status, at: now)
    }

    // MARK: To the host

    private func report(_ event: BusAccess.Event, at now: Int64) {
        switch event {
        case .sent(let transmission, _):
            say(">", UInt8(transmission.bits), Self.number(transmission.data), at: now)
        case .collided: tell(.collision, at: now)
        case .answered(let transmission, let answer): heard(answer, isQuery: transmission.isQuery, at: now)
        case .foreign(let data, _): say(":", UInt8(data.count * 8), Self.number(data), at: now)
        case .foreignAnswered(_, let answer): heard(answer, isQuery: false, at: now)
        case .busDown: failure = now + Self.failureTime
        case .busUp(let after):
            failure = nil
            guard isFailureTold else { return }
            isFailureTold = false
            say(":", Status.recovered.rawValue, UInt32(truncatingIfNeeded: after / 1000) << 8, at: now)
        }
    }

    private func heard(_ answer: BackwardFrame, isQuery: Bool, at now: Int64) {
        switch answer {
        case .silence: if isQuery { tell(.timeout, at: now) }
        case .answer(let byte): say(":", 8, UInt32(byte), at: now)
        // The third bit was too long for one gear's.
        case .collision: tell(.badDataBit, 0x0003_6B03, at: now)
        }
    }

    private func tell(_ status: Status, _ data: UInt32 = 0, at now: Int64) { say(":", status.rawValue, data, at: now) }

    private func say(_ mark: String, _ length: UInt8, _ data: UInt32, at now: Int64) {
        let time = Self.digits(UInt32(truncatingIfNeeded: now / 1_000_000), 8)
        let text = "{\(time)\(mark)\(Self.digits(UInt32(length), 2)) \(Self.digits(data, 8))}\r\n"
        line.send(Array(text.utf8), at: now)
    }

    private func banner(at now: Int64) {
        line.send(Array("DALI USB interface - SevenLab 2024\r\nVersion 3.5.0 \r\n\r\n".utf8), at: now)
    }

    private static func number(_ data: [UInt8]) -> UInt32 { data.reduce(0) { $0 << 8 | UInt32($1) } }

    private static func digits(_ number: UInt32, _ width: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
