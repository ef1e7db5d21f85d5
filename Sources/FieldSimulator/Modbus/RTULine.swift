public import Telemetry

/// How a line was used, for tests and benchmarks.
public struct LineCounts: Sendable {
    public var frames = 0
    public var brokenFrames = 0
    public var answers = 0
    /// Requests that began before 3.5 characters of silence had passed after an answer.
    public var earlyRequests = 0
    /// Requests that met an answer on the wire.
    public var collisions = 0
    /// Bytes in both directions.
    public var bytes = 0
}

/// An RS-485 line with Modbus RTU slaves and the time that its bytes take.
///
/// A pseudo-terminal moves a whole request in no time; here each byte occupies the line for one character, a frame ends
/// after 3.5 characters of silence, and an answer leaves byte by byte (MODBUS over Serial Line 1.02, 2.5.1).
public final class RTULine: PortSession {
    private struct Answer {
        var start: Int64
        var bytes: [UInt8]
        var sent = 0
    }

    /// Bytes are handed over in pieces of about this length; finer would only wake the machine more often.
    static let pace: Int64 = 1_000_000
    /// Without wire timing a frame that its check does not complete is given up after this silence.
    static let unpacedSilence: Int64 = 5_000_000
    /// A frame longer than the standard's limit is noise.
    static let longestFrame = 256

    public let timing: SerialTiming
    /// False: no wire time, answers leave in one piece after the device's latency.
    public let paced: Bool
    public private(set) var devices: [UInt8: ModbusDevice]
    public private(set) var counts = LineCounts()
    /// The adapter hears what it sends: each request comes back to the master, character by character.
    public var echoes = false
    /// The devices were set to another baud rate: they hear broken frames only, and say nothing.
    public var isMismatched = false

    private var frame: [UInt8] = []
    private var frameIsSpoiled = false
    private var lineEnd: Int64 = 0
    private var lastAnswerEnd: Int64 = 0
    private var answers: [Answer] = []
    private var busyUntil: [UInt8: Int64] = [:]

    public init(timing: SerialTiming, paced: Bool = true, devices: [ModbusDevice]) {
        self.timing = timing
        self.paced = paced
        self.devices = Dictionary(devices.map { ($0.unit, $0) }) { first, _ in first }
    }

    private var character: Int64 { paced ? timing.character : 0 }
    private var silence: Int64 { paced ? timing.silence : Self.unpacedSilence }

    public func receive(_ bytes: [UInt8], at now: BootInstant) {
        guard !bytes.isEmpty else { return }
        closeFrame(at: now.nanoseconds)
        let start = max(now.nanoseconds, lineEnd)
        if frame.isEmpty, paced, start < lastAnswerEnd + silence { counts.earlyRequests += 1 }
        lineEnd = start + Int64(bytes.count) * character
        counts.bytes += bytes.count
        meetAnswers(from: start, to: lineEnd)
        if echoes { insert(Answer(start: start, bytes: bytes)) }
        frame.append(contentsOf: bytes)
        if frame.count > Self.longestFrame { frameIsSpoiled = true }
        // Without wire timing there is no silence to wait for: a right check ends the frame.
        if !paced, frame.count >= 4, ModbusCRC.isRight(frame) { finishFrame(at: lineEnd) }
    }

    /// Noise on the wire that no device sent.
    public func makeNoise(_ bytes: [UInt8], at now: BootInstant) {
        schedule(Answer(start: now.nanoseconds, bytes: bytes))
    }

    public var nextDeadline: BootInstant? {
        var next: Int64?
        if !frame.isEmpty { next = lineEnd + silence }
        if let answer = answers.first {
            let remaining = Int64(answer.bytes.count - answer.sent) * character
            let piece = min(max(character, Self.pace), max(character, remaining))
            let due = answer.start + Int64(answer.sent) * character + (paced ? piece : 0)
            next = min(next ?? due, due)
        }
        return next.map(BootInstant.init(nanoseconds:))
    }

    public func advance(to now: BootInstant) -> [UInt8] {
        closeFrame(at: now.nanoseconds)
        var out: [UInt8] = []
        while !answers.isEmpty {
            let elapsed = now.nanoseconds - answers[0].start
            guard elapsed >= 0 else { break }
            let done = character == 0 ? answers[0].bytes.count : Int(elapsed / character)
            let until = min(answers[0].bytes.count, done)
            if until > answers[0].sent {
                out.append(contentsOf: answers[0].bytes[answers[0].sent..<until])
                answers[0].sent = until
            }
            guard answers[0].sent == answers[0].bytes.count else { break }
            lastAnswerEnd = answers[0].start + Int64(answers[0].bytes.count) * character
            answers.removeFirst()
        }
        counts.bytes += out.count
        return out
    }

    /// A request that begins while an answer is on the wire spoils both.
    private func meetAnswers(from start: Int64, to end: Int64) {
        guard paced else { return }
        for index in answers.indices {
            let answerEnd = answers[index].start + Int64(answers[index].bytes.count) * character
            guard answers[index].start < end, answerEnd > start else { continue }
            counts.collisions += 1
            frameIsSpoiled = true
            for position in answers[index].sent..<answers[index].bytes.count { answers[index].bytes[position] ^= 0x5A }
        }
    }

    private func closeFrame(at now: Int64) {
        guard !frame.isEmpty, now >= lineEnd + silence else { return }
        finishFrame(at: lineEnd + silence)
    }

    private func finishFrame(at end: Int64) {
        let request = frame
        let spoiled = frameIsSpoiled
        frame.removeAll(keepingCapacity: true)
        frameIsSpoiled = false
        counts.frames += 1
        guard !spoiled, !isMismatched, request.count >= 4, ModbusCRC.isRight(request) else {
            counts.brokenFrames += 1
            return
        }
        let protocolUnit = Array(request[1..<(request.count - 2)])
        let now = BootInstant(nanoseconds: end)
        if request[0] == 0 {
            for device in devices.values { _ = device.serve(protocolUnit, at: now, broadcast: true) }
            return
        }
        guard let device = devices[request[0]], busyUntil[device.unit, default: 0] <= end else { return }
        guard case .answer(let answer, let latency, let broken) = device.serve(protocolUnit, at: now) else { return }
        var bytes = ModbusCRC.appended(to: [device.unit] + answer)
        if broken { bytes[bytes.count - 1] ^= 0xFF }
        let start = end + latency
        busyUntil[device.unit] = start + Int64(bytes.count) * character
        counts.answers += 1
        guard device.faults.foreign > 0 else {
            schedule(Answer(start: start, bytes: bytes))
            return
        }
        // Another slave takes the request for its own and is quicker; the one that was asked speaks after it.
        device.faults.foreign -= 1
        // With other values: whoever believes it shows.
        let stranger = ModbusCRC.appended(to: [device.unit &+ 1] + answer.prefix(2) + answer.dropFirst(2).map { ~$0 })
        schedule(Answer(start: start, bytes: stranger))
        schedule(Answer(start: start + Int64(stranger.count) * character + silence, bytes: bytes))
    }

    /// Two answers at the same time spoil each other.
    private func schedule(_ answer: Answer) {
        var answer = answer
        let end = answer.start + Int64(answer.bytes.count) * character
        for index in answers.indices where paced {
            let other = answers[index].start + Int64(answers[index].bytes.count) * character
            guard answers[index].start < end, other > answer.start else { continue }
            counts.collisions += 1
            for position in answers[index].sent..<answers[index].bytes.count { answers[index].bytes[position] ^= 0x5A }
            answer.bytes = answer.bytes.map { $0 ^ 0x5A }
        }
        insert(answer)
    }

    private func insert(_ answer: Answer) {
        let place = answers.firstIndex { $0.start > answer.start } ?? answers.count
        answers.insert(answer, at: place)
    }
}
