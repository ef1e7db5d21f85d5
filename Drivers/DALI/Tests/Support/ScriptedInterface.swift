import DALIDriver
import DriverKit
import Telemetry

/// A LUBA interface with a bus of gear behind it, in virtual time, written from the protocol's description and not from the
/// driver's code: a shared bug would hide.
final class ScriptedInterface: DALIChannel {
    let clock: VirtualClock
    var gear: [UInt8: ScriptedGear] = [:]
    /// Every forward frame that reached the bus, with its mode byte.
    private(set) var frames: [(bytes: [UInt8], mode: UInt8, at: BootInstant)] = []
    var written: [[UInt8]] = []

    var isBusDown = false
    var isMute = false
    var isGone = false
    /// Reject codes for the next frames.
    var rejections: [UInt8] = []
    /// The next frames are accepted and their sent-events come so much later.
    var sentDelays: [Duration] = []
    /// Extra delay of the next answers on the bus.
    var replyDelays: [Duration] = []
    /// Bytes put in front of the next messages.
    var noise: [[UInt8]] = []
    /// Cuts messages into pieces of this size.
    var chunk = Int.max
    var onFrame: ((ScriptedInterface, [UInt8]) -> Void)?

    private var pending: [(at: BootInstant, bytes: [UInt8])] = []
    private var nextID: UInt8 = 0
    private var busFree: BootInstant

    init(clock: VirtualClock) {
        self.clock = clock
        busFree = clock.now
    }

    var summary: String { "scripted" }

    func read(until deadline: BootInstant) throws(SerialPortError) -> [UInt8] {
        try checkGone()
        guard let first = pending.first, first.at <= max(deadline, clock.now) else {
            clock.advance(to: deadline)
            return []
        }
        clock.advance(to: first.at)
        pending.removeFirst()
        if first.bytes.count > chunk {
            pending.insert((first.at, Array(first.bytes.dropFirst(chunk))), at: 0)
            return Array(first.bytes.prefix(chunk))
        }
        return first.bytes
    }

    func write(_ bytes: [UInt8], until deadline: BootInstant) throws(SerialPortError) {
        try checkGone()
        written.append(bytes)
        guard !isMute else { return }
        let data = Array(bytes[3..<bytes.count - 1])
        switch bytes[1] {
        case 0x20: answer(0x21, [0, 0, 0, 0, 0, 1] + [0, 0, 0, 0, 0, 0, 0, 9] + [1, 1] + [0x01, 0x70, 0xBE, 0xD0])
        case 0x2C: answer(0x2D, [0, 0, 0, nextID, UInt8(pendingSends), isBusDown ? 0x80 : 0])
        case 0x32: takeFrame(data)
        default: break
        }
    }

    /// Something another controller or chance puts on the bus, now.
    func event(status: UInt8, _ payload: [UInt8], after: Duration = .zero) {
        schedule(0x31, tick(clock.now.advanced(by: after)) + [0, status] + payload, at: clock.now.advanced(by: after))
    }

    private var sends: [BootInstant] = []
    private var pendingSends: Int { sends.filter { $0 > clock.now }.count }

    private func takeFrame(_ data: [UInt8]) {
        if isBusDown {
            answer(0x33, [1])
            return
        }
        if !rejections.isEmpty {
            answer(0x33, [rejections.removeFirst()])
            return
        }
        nextID = nextID &+ 1
        answer(0x33, [nextID, 0])
        let mode = data[2]
        let frame = Array(data[3..<3 + Int(data[1]) / 8])
        onFrame?(self, frame)
        let delay = sentDelays.isEmpty ? .zero : sentDelays.removeFirst()
        var sent = max(busFree, clock.now).advanced(by: .milliseconds(30)).advanced(by: delay)
        for _ in 0..<(mode & 0x80 != 0 ? 2 : 1) {
            schedule(0x31, tick(sent) + [0, data[1], nextID] + frame, at: sent)
            sends.append(sent)
            frames.append((frame, mode, sent))
            perform(frame, at: sent)
            busFree = sent
            sent = sent.advanced(by: .milliseconds(29))
        }
    }

    private func perform(_ frame: [UInt8], at sent: BootInstant) {
        guard frame.count == 2 else { return }
        let (first, second) = (frame[0], frame[1])
        if first & 0x80 != 0 {
            for one in gear.values { one.special(first, second) }
            return
        }
        guard let one = gear[first >> 1] else { return }
        if first & 1 == 0 {
            one.directLevel(second, at: sent)
            return
        }
        guard let answer = one.command(second, at: sent), !one.isSilent else { return }
        let delay = replyDelays.isEmpty ? .zero : replyDelays.removeFirst()
        let heard = sent.advanced(by: .milliseconds(15)).advanced(by: delay)
        schedule(0x31, tick(heard) + (one.collides ? [0, 0xBF] : [0, 0x88, answer]), at: heard)
        busFree = heard
    }

    private func checkGone() throws(SerialPortError) {
        if isGone { throw SerialPortError(code: .gone, path: "scripted", description: "scripted is gone") }
    }

    private func tick(_ instant: BootInstant) -> [UInt8] {
        let milliseconds = UInt16(truncatingIfNeeded: instant.nanoseconds / 1_000_000)
        return [UInt8(milliseconds >> 8), UInt8(milliseconds & 0xFF)]
    }

    private func answer(_ code: UInt8, _ data: [UInt8]) {
        schedule(code, data, at: clock.now.advanced(by: .milliseconds(2)))
    }

    private func schedule(_ code: UInt8, _ data: [UInt8], at moment: BootInstant) {
        var bytes = [0x59, code, UInt8(data.count)] + data
        bytes.append(bytes.dropFirst().reduce(0, ^))
        if !noise.isEmpty { bytes = noise.removeFirst() + bytes }
        let place = pending.firstIndex { $0.at > moment } ?? pending.count
        pending.insert((moment, bytes), at: place)
    }
}
