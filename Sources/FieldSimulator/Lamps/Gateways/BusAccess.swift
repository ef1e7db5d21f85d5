internal import Telemetry

/// An interface's side of the bus: what waits to be sent, its settling and air times, what comes back.
///
/// Every kind of interface does this the same way and tells its host about it in its own; so it is here once and the codecs
/// are apart.
final class BusAccess {
    struct Transmission {
        /// The interface's own number for it.
        var identifier: UInt8 = 0
        let bits: Int
        /// The frame's bytes, first bit first.
        let data: [UInt8]
        var isTwice = false
        /// 1 to 5; 6 begins right after the stop condition.
        var priority: Int
        /// The interface listens for an answer and tells of silence.
        var isQuery = false
    }

    enum Event {
        /// A forward frame of ours has ended, stop condition included.
        case sent(Transmission, isSecond: Bool)
        /// Our forward frame was destroyed by another master's.
        case collided(Transmission)
        /// After our (last) forward frame; silence is known when nobody may answer any more.
        case answered(Transmission, BackwardFrame)
        /// A frame of another master or a control device has ended, stop condition included.
        case foreign([UInt8], LoggedFrame.Origin)
        /// What came after another master's frame.
        case foreignAnswered([UInt8], BackwardFrame)
        case busDown
        /// The bus has voltage again after so many nanoseconds.
        case busUp(after: Int64)
    }

    let bus: LampBus
    /// Frames that may wait.
    let depth: Int
    private(set) var queue: [Transmission] = []
    private var events: [(due: Int64, event: Event)] = []
    /// When the last bit of the last frame was on the bus.
    private var lastBit: Int64 = 0
    private var isSending = false
    private var collisions = 0
    private var downSince: Int64?

    init(bus: LampBus, depth: Int) {
        self.bus = bus
        self.depth = depth
    }

    var nextDeadline: BootInstant? {
        [events.first?.due, bus.nextDeadline?.nanoseconds].compactMap(\.self).min()
            .map(BootInstant.init(nanoseconds:))
    }

    /// - Returns: false when the queue is full.
    func add(_ transmission: Transmission, at now: Int64) -> Bool {
        guard queue.count < depth else { return false }
        queue.append(transmission)
        sendNext(at: now)
        return true
    }

    func clear() { queue.removeAll() }

    func collide(nextFrames count: Int) { collisions = count }

    func foreignFrame(_ data: [UInt8], at now: Int64) {
        hear(data, .foreign, at: now)
    }

    /// A frame that is not the host's waits until the bus is free, as every sender does.
    private func hear(_ data: [UInt8], _ origin: LoggedFrame.Origin, at now: Int64) {
        lastBit = max(now, lastBit + DALITiming.settling(priority: 2)) + DALITiming.frame(bits: data.count * 8)
        schedule(.foreign(data, origin), at: lastBit + DALITiming.stop)
    }

    /// Everything that has happened by now, in order, each with its moment.
    func advance(to now: BootInstant) -> [(at: Int64, event: Event)] {
        bus.settle(at: now)
        for frame in bus.dueFrames(at: now) { hear(frame.data, frame.origin, at: now.nanoseconds) }
        var happened: [(at: Int64, event: Event)] = []
        if bus.isPowered, let since = downSince {
            downSince = nil
            happened.append((now.nanoseconds, .busUp(after: now.nanoseconds - since)))
        } else if !bus.isPowered, downSince == nil {
            downSince = now.nanoseconds
            happened.append((now.nanoseconds, .busDown))
        }
        while let next = events.first, next.due <= now.nanoseconds {
            events.removeFirst()
            happened += take(next.event, at: next.due)
        }
        return happened
    }

    private func sendNext(at now: Int64) {
        guard !isSending, !queue.isEmpty else { return }
        isSending = true
        begin(queue.removeFirst(), isSecond: false, after: now)
    }

    private func begin(_ transmission: Transmission, isSecond: Bool, after now: Int64) {
        let start = max(now, lastBit + Self.settling(transmission, isSecond: isSecond))
        lastBit = start + DALITiming.frame(bits: transmission.bits)
        schedule(.sent(transmission, isSecond: isSecond), at: lastBit + DALITiming.stop)
    }

    private func take(_ event: Event, at now: Int64) -> [(at: Int64, event: Event)] {
        switch event {
        case .sent(let transmission, let isSecond):
            guard bus.isPowered else {
                finish(at: now)
                return []
            }
            if collisions > 0 {
                collisions -= 1
                finish(at: now)
                return [(now, .collided(transmission))]
            }
            let end = now - DALITiming.stop
            let answer = bus.respond(to: transmission.data, at: BootInstant(nanoseconds: end))
            if transmission.isTwice, !isSecond {
                begin(transmission, isSecond: true, after: now)
            } else {
                let isTooLate = answer.settling > DALITiming.answerWindow
                // What begins when nobody may answer any more is no answer, and is told as a frame without a question.
                if isTooLate { afterwards(BusResponse(.silence), end: end) { .answered(transmission, $0) } }
                afterwards(answer, end: end) {
                    isTooLate ? .foreignAnswered(transmission.data, $0) : .answered(transmission, $0)
                }
                // Without an answer the next frame's own settling covers the time for one.
                if answer.frame == .silence || isTooLate, !transmission.isQuery { finish(at: now) }
            }
            return [(now, event)]
        case .answered(let transmission, let answer):
            if answer != .silence || transmission.isQuery { finish(at: now) }
            return [(now, event)]
        case .foreign(let data, let origin):
            guard bus.isPowered else { return [] }
            let end = now - DALITiming.stop
            let answer = bus.respond(to: data, from: origin, at: BootInstant(nanoseconds: end))
            afterwards(answer, end: end) { .foreignAnswered(data, $0) }
            return [(now, event)]
        default: return [(now, event)]
        }
    }

    private func afterwards(_ answer: BusResponse, end: Int64, _ event: (BackwardFrame) -> Event) {
        if answer.frame == .silence {
            schedule(event(answer.frame), at: end + DALITiming.answerWindow)
        } else {
            let answerEnd = end + answer.settling + DALITiming.frame(bits: 8)
            postpone(after: answerEnd)
            schedule(event(answer.frame), at: answerEnd + DALITiming.stop)
        }
    }

    /// Senders listen: forward frames that were to begin next wait until an answer has passed, each its own settling time.
    private func postpone(after answerEnd: Int64) {
        var end = answerEnd
        for index in events.indices {
            let (bits, settling): (Int, Int64)
            switch events[index].event {
            case .sent(let transmission, let isSecond):
                (bits, settling) = (transmission.bits, Self.settling(transmission, isSecond: isSecond))
            case .foreign(let data, _): (bits, settling) = (data.count * 8, DALITiming.settling(priority: 2))
            default: continue
            }
            let taken = DALITiming.frame(bits: bits)
            let start = max(events[index].due - DALITiming.stop - taken, end + settling)
            end = start + taken
            events[index].due = end + DALITiming.stop
        }
        lastBit = max(lastBit, end)
        events.sort { $0.due < $1.due }
    }

    private static func settling(_ transmission: Transmission, isSecond: Bool) -> Int64 {
        // The second of two goes out as the continuation of a transaction.
        let priority = isSecond ? 1 : transmission.priority
        return priority == 6 ? DALITiming.stop : DALITiming.settling(priority: priority)
    }

    private func finish(at now: Int64) {
        isSending = false
        sendNext(at: now)
    }

    private func schedule(_ event: Event, at due: Int64) {
        let place = events.firstIndex { $0.due > due } ?? events.count
        events.insert((due, event), at: place)
    }
}

/// The way to the host: bytes leave one after the other at the line's speed, in pieces as they were meant.
struct HostLine {
    let timing: SerialTiming
    private var pieces: [(due: Int64, bytes: [UInt8])] = []
    private var end: Int64 = 0

    init(timing: SerialTiming) { self.timing = timing }

    var nextDeadline: Int64? { pieces.first?.due }

    mutating func send(_ bytes: [UInt8], at now: Int64) {
        end = max(now, end) + Int64(bytes.count) * timing.character
        pieces.append((end, bytes))
    }

    mutating func take(by now: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        while let next = pieces.first, next.due <= now {
            bytes.append(contentsOf: next.bytes)
            pieces.removeFirst()
        }
        return bytes
    }

    mutating func clear() { pieces.removeAll() }
}
