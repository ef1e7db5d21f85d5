/// What a device said to a request, once address and checksum are known to be right.
enum ModbusAnswer: Sendable, Hashable {
    case words([UInt16])
    case bits([Bool])
    case written
    /// The device refuses; that is a value, not an error.
    case exception(ModbusException)

    /// Reads an answer's data unit.
    ///
    /// - Throws: when it is no answer to `request`; nothing of it may be used then.
    init(_ bytes: [UInt8], to request: ModbusRequest) throws(AnswerMismatch) {
        guard let function = bytes.first else { throw AnswerMismatch("an empty answer") }
        if function == request.function | 0x80 {
            guard bytes.count == 2 else { throw AnswerMismatch("an exception of \(bytes.count) bytes instead of 2") }
            self = .exception(ModbusException(code: bytes[1]))
            return
        }
        guard function == request.function else {
            throw AnswerMismatch("an answer to function \(function) instead of \(request.function)")
        }
        guard bytes.count == request.answerLength else {
            throw AnswerMismatch("an answer of \(bytes.count) bytes instead of \(request.answerLength)")
        }
        switch request {
        case .read(let table, _, let count):
            guard Int(bytes[1]) == bytes.count - 2 else {
                throw AnswerMismatch("a byte count of \(bytes[1]) before \(bytes.count - 2) bytes")
            }
            if table.isBits {
                self = .bits((0..<count).map { bytes[2 + $0 / 8] >> UInt8($0 % 8) & 1 == 1 })
            } else {
                self = .words((0..<count).map { UInt16(bytes[2 + 2 * $0]) << 8 | UInt16(bytes[3 + 2 * $0]) })
            }
        case .writeCoil, .writeRegister:
            guard bytes == request.bytes else { throw AnswerMismatch("an echo that differs from what was written") }
            self = .written
        case .writeRegisters:
            guard bytes[...] == request.bytes.prefix(5) else {
                throw AnswerMismatch("an acknowledgement of another range than was written")
            }
            self = .written
        }
    }
}

struct AnswerMismatch: Error, Sendable, Hashable {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

/// Exception codes (Modbus Application Protocol V1.1b3, clause 7).
struct ModbusException: Sendable, Hashable {
    let code: UInt8

    /// The device has no such function or register, or not this many at once.
    var isRefusal: Bool { (1...3).contains(code) }
    /// A gateway says that the device behind it does not answer.
    var isGatewayTimeout: Bool { code == 10 || code == 11 }

    var words: String {
        let name =
            switch code {
            case 1: "illegal function"
            case 2: "illegal data address"
            case 3: "illegal data value"
            case 4: "server device failure"
            case 5: "acknowledge"
            case 6: "server device busy"
            case 8: "memory parity error"
            case 10: "gateway path unavailable"
            case 11: "gateway target device failed to respond"
            default: "no code of the standard"
            }
        return "exception \(code) (\(name))"
    }
}
