public import Telemetry

/// One client's connection to a Modbus TCP server with one or many units behind it
/// (MODBUS Messaging on TCP/IP Implementation Guide 1.0b, 3.1).
public final class ModbusTCPSession: PortSession {
    /// A unit that is not behind this server: "gateway target device failed to respond".
    static let noSuchUnit: UInt8 = 0x0B
    static let headerLength = 7
    static let longestMessage = 260

    private let devices: [UInt8: ModbusDevice]
    private var buffer: [UInt8] = []
    private var answers: [(due: Int64, bytes: [UInt8])] = []
    /// The client sent what is no Modbus TCP; the connection should be closed.
    public private(set) var isBroken = false

    public init(devices: [ModbusDevice]) {
        self.devices = Dictionary(devices.map { ($0.unit, $0) }) { first, _ in first }
    }

    public func receive(_ bytes: [UInt8], at now: BootInstant) {
        buffer.append(contentsOf: bytes)
        while buffer.count >= Self.headerLength, !isBroken {
            let length = Int(buffer[4]) << 8 | Int(buffer[5])
            guard buffer[2] == 0, buffer[3] == 0, length >= 2, length + 6 <= Self.longestMessage else {
                isBroken = true
                return
            }
            guard buffer.count >= length + 6 else { return }
            let message = Array(buffer[0..<(length + 6)])
            buffer.removeFirst(length + 6)
            serve(message, at: now)
        }
    }

    private func serve(_ message: [UInt8], at now: BootInstant) {
        let unit = message[6]
        let request = Array(message[7...])
        guard let device = devices[unit] else {
            reply(to: message, unit, [request[0] | 0x80, Self.noSuchUnit], due: now.nanoseconds, broken: false)
            return
        }
        guard case .answer(let answer, let latency, let broken) = device.serve(request, at: now) else { return }
        reply(to: message, unit, answer, due: now.nanoseconds + latency, broken: broken)
    }

    private func reply(to message: [UInt8], _ unit: UInt8, _ answer: [UInt8], due: Int64, broken: Bool) {
        let length = answer.count + 1
        // TCP has no check of its own: a broken answer carries another transaction's number.
        let head = broken ? [message[0] ^ 0xFF, message[1]] : Array(message[0..<2])
        let bytes = head + [0, 0, UInt8(length >> 8), UInt8(truncatingIfNeeded: length), unit] + answer
        let place = answers.firstIndex { $0.due > due } ?? answers.count
        answers.insert((due, bytes), at: place)
    }

    public func makeNoise(_ bytes: [UInt8], at now: BootInstant) { answers.append((now.nanoseconds, bytes)) }

    public var nextDeadline: BootInstant? { answers.first.map { BootInstant(nanoseconds: $0.due) } }

    public func advance(to now: BootInstant) -> [UInt8] {
        var out: [UInt8] = []
        while let first = answers.first, first.due <= now.nanoseconds {
            out.append(contentsOf: first.bytes)
            answers.removeFirst()
        }
        return out
    }
}
