internal import Telemetry

/// A frame that was overheard on a line.
struct HeardFrame: Sendable, Hashable {
    enum Role: Sendable, Hashable {
        case request
        case answer
    }

    /// When its last byte came.
    let at: BootInstant
    /// Unit, data unit and check.
    let bytes: [UInt8]
    let role: Role
    /// Its length follows from a rule of the standard; a hit of the check alone is weaker evidence.
    let isByRule: Bool

    var unit: UInt8 { bytes[0] }
    var function: UInt8 { bytes[1] & 0x7F }
    /// Without address and check.
    var data: [UInt8] { Array(bytes.dropFirst().dropLast(2)) }
}

/// Finds Modbus RTU frames in bytes that were overheard, without knowing who speaks: by the lengths of the standard's functions and by the
/// check, not by silences, which adapters and kernels blur.
///
/// Pure: bytes go in with their times, frames come out.
struct FrameFinder {
    /// No adapter holds bytes of one frame back for longer; what was not complete by then never will be.
    static let quiet: Duration = .milliseconds(40)

    private(set) var garbage = 0
    /// Bytes in frames that were found by rule.
    private(set) var understood = 0
    private var buffer: [UInt8] = []
    private var lastByte: BootInstant?
    /// The last request that waits for its answer.
    private var asked: (unit: UInt8, function: UInt8)?

    mutating func take(_ heard: HeardBytes) -> [HeardFrame] {
        var frames = settle(at: heard.at)
        buffer += heard.bytes
        lastByte = heard.at
        frames += parse(isQuiet: false)
        return frames
    }

    /// Nothing has come until `now`: what is incomplete for too long is given up.
    mutating func settle(at now: BootInstant) -> [HeardFrame] {
        guard !buffer.isEmpty, let lastByte, now.duration(since: lastByte) >= Self.quiet else { return [] }
        return parse(isQuiet: true)
    }

    private mutating func parse(isQuiet: Bool) -> [HeardFrame] {
        var frames: [HeardFrame] = []
        while !buffer.isEmpty {
            switch next() {
            case .frame(let length, let role, let isByRule):
                let frame = HeardFrame(
                    at: lastByte ?? BootInstant(nanoseconds: 0), bytes: Array(buffer.prefix(length)), role: role,
                    isByRule: isByRule)
                buffer.removeFirst(length)
                if isByRule { understood += length }
                // A broadcast is answered by nobody.
                asked = role == .request && frame.unit != 0 ? (frame.unit, frame.function) : nil
                frames.append(frame)
            case .incomplete where !isQuiet && buffer.count < RTUFrame.longest: return frames
            case .incomplete, .nothing:
                buffer.removeFirst()
                garbage += 1
            }
        }
        return frames
    }

    private enum Finding {
        case frame(Int, HeardFrame.Role, isByRule: Bool)
        case incomplete
        case nothing
    }

    private func next() -> Finding {
        guard buffer.count >= 2 else { return .incomplete }
        // 248 to 255 are reserved; nobody speaks from there, but tools ask there.
        guard buffer[1] & 0x7F != 0 else { return .nothing }
        let isAnswer = asked.map { $0.unit == buffer[0] && $0.function == buffer[1] & 0x7F } ?? false
        let roles: [HeardFrame.Role] = isAnswer || buffer[1] & 0x80 != 0 ? [.answer, .request] : [.request, .answer]
        var isIncomplete = false
        for role in roles {
            let length =
                role == .answer ? RTUFrame.answerLength(buffer[...]) : RTUFrame.requestLength(buffer[...])
            switch length {
            case .needs: isIncomplete = true
            case .known(let length):
                if buffer.count < length {
                    isIncomplete = true
                } else if RTUFrame.isRight(buffer[..<length]) {
                    return .frame(length, role, isByRule: true)
                }
            case .unknown where buffer[1] < 0x80:
                if let length = firstRightLength() {
                    return .frame(length, isAnswer ? .answer : .request, isByRule: false)
                }
                isIncomplete = true
            case .unknown: break
            }
        }
        return isIncomplete ? .incomplete : .nothing
    }

    /// The shortest beginning whose check is right.
    private func firstRightLength() -> Int? {
        (RTUFrame.shortest...RTUFrame.longest).prefix { $0 <= buffer.count }.first { RTUFrame.isRight(buffer[..<$0]) }
    }
}
