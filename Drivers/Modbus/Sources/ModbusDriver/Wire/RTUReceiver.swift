internal import Telemetry

/// What is heard on an RTU line after a request, byte by byte, until it is an answer, none, or broken.
///
/// Pure: bytes go in with their time of arrival, what to do next comes out. Nothing here knows a descriptor or a clock.
///
/// Rules that it keeps:
/// - An answer is there as soon as its last byte is: its length stands in its head, no silence is waited for.
/// - Only a frame with the right check, unit and function is an answer; anything else whole is counted (of another unit: foreign; of
///   ours, to something else: late) and the wait goes on to its end.
/// - What is broken is over only when the line is quiet again, so that the next request does not meet its rest.
struct RTUReceiver {
    enum Echo: Sendable, Hashable {
        /// The adapter may send our own bytes back; nobody knows yet.
        case possible
        /// It does.
        case expected
        /// It does not: what looks like our request is an answer.
        case absent
    }

    enum Result: Sendable, Hashable {
        /// Unit, data unit and check.
        case frame([UInt8])
        case silence
        /// What was wrong, and the bytes.
        case broken(String, [UInt8])
    }

    enum Step: Sendable, Hashable {
        /// Listen until then; at least so many bytes are missing.
        case wait(until: BootInstant, missing: Int)
        case done(Result)
    }

    /// Before an answer a transceiver that switches over makes a few bytes of noise.
    static let longestLead = 4
    /// A line on which bytes come for ever is given up after two of the longest frames.
    static let limit = 2 * RTUFrame.longest

    let unit: UInt8
    let request: ModbusRequest
    /// As it went out, check included.
    let sent: [UInt8]
    /// The answer's first byte is there by then, or there is none.
    let deadline: BootInstant
    /// Between two bytes of one frame.
    let byteTimeout: Duration
    /// After something broken: no byte for so long, and the line is at rest.
    let quiet: Duration

    private(set) var strays = LineStrays()
    /// Of what is no echo.
    private(set) var firstByte: BootInstant?
    private(set) var lastByte: BootInstant?
    private(set) var sawEcho = false
    private let echo: Echo
    private var buffer: [UInt8] = []
    private var heard = 0
    private var missing = 1
    /// The buffer can become nothing any more.
    private var isHopeless = false
    private var result: Result?
    /// What was dropped while waiting, for the case that nothing better comes.
    private var problem: (String, [UInt8])?

    init(
        unit: UInt8, request: ModbusRequest, sent: [UInt8], deadline: BootInstant, byteTimeout: Duration,
        quiet: Duration,
        echo: Echo
    ) {
        self.unit = unit
        self.request = request
        self.sent = sent
        self.deadline = deadline
        self.byteTimeout = byteTimeout
        self.quiet = quiet
        self.echo = echo
    }

    /// Bytes that arrived together; nothing after ``Step/done(_:)`` counts.
    mutating func take(_ bytes: [UInt8], at now: BootInstant) {
        guard !bytes.isEmpty, result == nil else { return }
        buffer += bytes
        heard += bytes.count
        lastByte = now
        parse()
        // An echo, or a foreign answer, is not the device's first byte.
        if firstByte == nil, result != nil || (!buffer.isEmpty && !mayBeEcho) { firstByte = now }
    }

    mutating func step(at now: BootInstant) -> Step {
        if let result { return .done(result) }
        if heard > Self.limit { return finish(.broken("a line that does not fall silent", buffer)) }
        if let lastByte, !buffer.isEmpty {
            let end = lastByte.advanced(by: isHopeless ? quiet : byteTimeout)
            guard now >= end else { return .wait(until: end, missing: missing) }
            endBurst()
            if let result { return .done(result) }
        }
        guard now >= deadline else { return .wait(until: deadline, missing: missing) }
        if let problem { return finish(.broken(problem.0, problem.1)) }
        return finish(.silence)
    }

    private mutating func finish(_ result: Result) -> Step {
        self.result = result
        return .done(result)
    }

    // MARK: frames

    private var mayEcho: Bool {
        guard !sawEcho else { return false }
        switch echo {
        case .expected: return true
        case .possible: return !request.isAnsweredByItsOwnBytes
        case .absent: return false
        }
    }

    private var mayBeEcho: Bool { mayEcho && !buffer.isEmpty && sent.starts(with: buffer) }

    private mutating func parse() {
        missing = 1
        isHopeless = false
        while !buffer.isEmpty, result == nil {
            if mayEcho, buffer.starts(with: sent) {
                buffer.removeFirst(sent.count)
                strays.echoes += 1
                sawEcho = true
                continue
            }
            for lead in 0...Self.longestLead {
                if accept(from: lead) { return }
            }
            if mayBeEcho {
                missing = sent.count - buffer.count
                return
            }
            switch RTUFrame.answerLength(buffer[...]) {
            case .needs(let count):
                missing = isOurs ? max(1, count - buffer.count) : 1
                return
            case .known(let length) where buffer.count < length:
                missing = isOurs ? length - buffer.count : 1
                return
            case .known(let length):
                guard RTUFrame.isRight(buffer[..<length]) else {
                    isHopeless = true
                    return
                }
                drop(Array(buffer[..<length]))
                buffer.removeFirst(length)
            case .unknown:
                isHopeless = true
                return
            }
        }
    }

    /// It begins as an answer to our request would: then its head tells how much is still to come.
    private var isOurs: Bool {
        buffer.count >= 2 && buffer[0] == unit && buffer[1] & 0x7F == request.function
    }

    /// Takes the answer that begins after `lead` bytes of noise, if it is there.
    private mutating func accept(from lead: Int) -> Bool {
        guard buffer.count >= lead + RTUFrame.shortest, buffer[lead] == unit,
            buffer[lead + 1] & 0x7F == request.function
        else { return false }
        let rest = buffer[lead...]
        let isException = buffer[lead + 1] & 0x80 != 0
        let length: Int
        if !isException, let fixed = request.fixedAnswerLength {
            length = fixed + 3
        } else if case .known(let known) = RTUFrame.answerLength(rest) {
            length = known
        } else {
            return false
        }
        guard rest.count >= length, RTUFrame.isRight(rest.prefix(length)) else { return false }
        if !isException, case .known(let known) = RTUFrame.answerLength(rest), known != length { return false }
        strays.noise += lead + rest.count - length
        result = .frame(Array(rest.prefix(length)))
        return true
    }

    /// A whole frame that answers something else.
    private mutating func drop(_ frame: [UInt8]) {
        if frame[0] == unit {
            strays.late += 1
            problem = ("a late answer to an earlier request", frame)
        } else {
            strays.foreign += 1
            problem = ("an answer of unit \(frame[0])", frame)
        }
    }

    /// No more bytes come for now: what is there is all there is.
    private mutating func endBurst() {
        let frame = buffer
        buffer = []
        missing = 1
        if frame.count >= RTUFrame.shortest, RTUFrame.isRight(frame) {
            // A function without a rule of length; only the silence tells that it is complete.
            if frame[0] == unit, frame[1] & 0x7F == request.function {
                result = .frame(frame)
            } else {
                drop(frame)
            }
            return
        }
        let begins = frame[0] == unit && (frame.count < 2 || frame[1] & 0x7F == request.function)
        if frame.count < RTUFrame.shortest, !begins || frame.count == 1 {
            strays.noise += frame.count
            problem = ("noise", frame)
            return
        }
        if isHopeless {
            result = .broken("a checksum error", frame)
        } else if mayEcho, sent.starts(with: frame) {
            result = .broken("an echo of our request that stops after \(frame.count) bytes", frame)
        } else {
            result = .broken("an answer that stops after \(frame.count) bytes", frame)
        }
    }

    /// What bytes are that came when nothing was asked.
    ///
    /// - Parameter lastUnit: the unit that was asked last; a frame of it is a late answer.
    static func strays(_ bytes: [UInt8], lastUnit: UInt8?) -> LineStrays {
        var strays = LineStrays()
        var rest = bytes[...]
        while !rest.isEmpty {
            if case .known(let length) = RTUFrame.answerLength(rest), rest.count >= length,
                RTUFrame.isRight(rest.prefix(length))
            {
                if rest.first == lastUnit { strays.late += 1 } else { strays.foreign += 1 }
                rest = rest.dropFirst(length)
            } else {
                strays.noise += 1
                rest = rest.dropFirst()
            }
        }
        return strays
    }
}
