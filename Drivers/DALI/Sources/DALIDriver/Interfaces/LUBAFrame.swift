/// Frames of Lunatone's LUBA protocol: `59 command length data... check`, the check being the exclusive or of all but the 59.
enum LUBA {
    static let sync: UInt8 = 0x59
    /// Longest data part; the interface's own buffer ends there.
    static let longestData = 23

    struct Frame: Sendable, Hashable {
        let command: UInt8
        let data: [UInt8]

        var bytes: [UInt8] {
            let body = [command, UInt8(data.count)] + data
            return [LUBA.sync] + body + [body.reduce(0, ^)]
        }
    }

    /// Commands and their answers; an answer's code is its request's plus one.
    enum Code {
        static let deviceInformation: UInt8 = 0x20
        static let deviceInformationAnswer: UInt8 = 0x21
        static let status: UInt8 = 0x2C
        static let statusAnswer: UInt8 = 0x2D
        static let event: UInt8 = 0x31
        static let send: UInt8 = 0x32
        static let sendAnswer: UInt8 = 0x33
    }

    /// QUERY DEVICE INFO, set 0: article, GTIN, identification.
    static let queryDeviceInformation = Frame(command: Code.deviceInformation, data: [0])
    /// READ STATUS of line 0.
    static let readStatus = Frame(command: Code.status, data: [0])

    /// ADD DALI FRAME TO TX BUFFER.
    static func send(_ request: DALIRequest) -> Frame {
        let bytes = request.frame.bytes
        let padded = bytes + [UInt8](repeating: 0, count: 4 - bytes.count)
        let mode = (request.isSentTwice ? 0x80 : 0) | request.priority.rawValue
        return Frame(command: Code.send, data: [0, UInt8(request.frame.bits), mode] + padded)
    }

    /// Why the interface did not take a frame.
    enum Rejection: UInt8, Sendable, Hashable, CaseIterable {
        case busVoltage = 1
        case initialiseMode = 2
        case quiescentMode = 3
        case bufferFull = 4
        case lineNotAvailable = 5
        case syntax = 6
        case macroRunning = 7

        var text: String {
            switch self {
            case .busVoltage: "the bus has no voltage"
            case .initialiseMode: "it is in initialise mode, another controller is commissioning"
            case .quiescentMode: "it is in quiescent mode, another controller has silenced it"
            case .bufferFull: "its send buffer is full"
            case .lineNotAvailable: "it has no such DALI line"
            case .syntax: "it does not understand the frame"
            case .macroRunning: "it is running a macro of its own"
            }
        }
    }

    /// Cuts a byte stream into frames. Garbage is skipped: after a wrong check or length the hunt starts again at the byte
    /// after the false 59, so that a frame inside the garbage is still found.
    struct Decoder: Sendable {
        private var buffer: [UInt8] = []
        /// Bytes thrown away since the start, for the trace and the statistics.
        private(set) var skipped = 0

        mutating func append(_ bytes: [UInt8]) { buffer.append(contentsOf: bytes) }

        mutating func reset() { buffer.removeAll() }

        /// What was taken for the start of a frame was none, since its rest never came: hunts on after it.
        mutating func abandonPartialFrame() {
            guard !buffer.isEmpty else { return }
            buffer.removeFirst()
            skipped += 1
        }

        mutating func next() -> Frame? {
            var start = 0
            defer { buffer.removeFirst(start) }
            while start < buffer.count {
                guard buffer[start] == LUBA.sync else {
                    start += 1
                    skipped += 1
                    continue
                }
                guard start + 2 < buffer.count else { return nil }
                let length = Int(buffer[start + 2])
                let end = start + 3 + length
                if (1...LUBA.longestData).contains(length) {
                    guard end < buffer.count else { return nil }
                    if buffer[start + 1..<end].reduce(0, ^) == buffer[end] {
                        let frame = Frame(command: buffer[start + 1], data: Array(buffer[start + 3..<end]))
                        start = end + 1
                        return frame
                    }
                }
                start += 1
                skipped += 1
            }
            return nil
        }
    }
}

extension LUBA {
    /// An EVENT (31): `tick(2) line status payload`.
    enum Event: Sendable, Hashable {
        /// The interface has put a frame on the bus.
        case sent(id: UInt8, ForwardFrame)
        case received(ForwardFrame)
        case backward(UInt8)
        /// Bits that are no frame: a collision, or only a start or stop condition.
        case framing
        /// Of the send buffer or a macro: of no use here.
        case other

        init?(_ data: [UInt8]) {
            guard data.count >= 4 else { return nil }
            let payload = data[4...]
            let information = Int(data[3] & 0x3F)
            switch data[3] >> 6 {
            case 0:
                guard let id = payload.first, let frame = ForwardFrame(bits: information, bytes: payload.dropFirst())
                else { return nil }
                self = .sent(id: id, frame)
            case 2 where information >= 62: self = .framing
            case 2 where information == 8:
                guard let value = payload.first else { return nil }
                self = .backward(value)
            case 2:
                guard let frame = ForwardFrame(bits: information, bytes: payload) else { return nil }
                self = .received(frame)
            default: self = .other
            }
        }

        /// The interface's own clock, milliseconds modulo 65,536.
        static func tick(_ data: [UInt8]) -> UInt16 {
            data.count >= 2 ? UInt16(data[0]) << 8 | UInt16(data[1]) : 0
        }
    }
}
