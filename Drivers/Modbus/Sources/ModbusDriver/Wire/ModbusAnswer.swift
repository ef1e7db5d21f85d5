/// What a device said to a request, once address and checksum are known to be right.
enum ModbusAnswer: Sendable, Hashable, CustomStringConvertible {
    case words([UInt16])
    case bits([Bool])
    case written
    /// Function 17: the bytes after the byte count, as the maker chose them.
    case serverIdentifier([UInt8])
    case identification(DeviceIdentification)
    /// What follows the function code of a maker's own function.
    case custom([UInt8])
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
        if let length = request.fixedAnswerLength, bytes.count != length {
            throw AnswerMismatch("an answer of \(bytes.count) bytes instead of \(length)")
        }
        switch request {
        case .read(let table, _, let count):
            try Self.checkByteCount(bytes)
            self = table.isBits ? .bits(Self.bits(bytes, count)) : .words(Self.words(bytes, count))
        case .readWrite(_, let count, _, _):
            try Self.checkByteCount(bytes)
            self = .words(Self.words(bytes, count))
        case .writeCoil, .writeRegister, .maskWrite:
            guard bytes == request.bytes else { throw AnswerMismatch("an echo that differs from what was written") }
            self = .written
        case .writeCoils, .writeRegisters:
            guard bytes[...] == request.bytes.prefix(5) else {
                throw AnswerMismatch("an acknowledgement of another range than was written")
            }
            self = .written
        case .reportServerIdentifier:
            guard bytes.count >= 2 else { throw AnswerMismatch("an identification without its byte count") }
            try Self.checkByteCount(bytes)
            self = .serverIdentifier(Array(bytes.dropFirst(2)))
        case .deviceIdentification(let code, _):
            self = .identification(try DeviceIdentification(bytes, code: code))
        case .custom: self = .custom(Array(bytes.dropFirst()))
        }
    }

    private static func checkByteCount(_ bytes: [UInt8]) throws(AnswerMismatch) {
        guard Int(bytes[1]) == bytes.count - 2 else {
            throw AnswerMismatch("a byte count of \(bytes[1]) before \(bytes.count - 2) bytes")
        }
    }

    private static func words(_ bytes: [UInt8], _ count: Int) -> [UInt16] {
        (0..<count).map { UInt16(bytes[2 + 2 * $0]) << 8 | UInt16(bytes[3 + 2 * $0]) }
    }

    private static func bits(_ bytes: [UInt8], _ count: Int) -> [Bool] {
        (0..<count).map { bytes[2 + $0 / 8] >> UInt8($0 % 8) & 1 == 1 }
    }

    /// In words, for people: "2 registers: 0x4366 0x0000".
    var description: String {
        switch self {
        case .words(let words):
            "\(words.count) register\(words.count == 1 ? "" : "s"): \(words.map { hex($0) }.joined(separator: " "))"
        case .bits(let bits):
            "\(bits.count) bit\(bits.count == 1 ? "" : "s"): \(bits.map { $0 ? "1" : "0" }.joined(separator: " "))"
        case .written: "written"
        case .serverIdentifier(let bytes): "server identifier \(hex(bytes)) \(printable(bytes))"
        case .identification(let identification): identification.words
        case .custom(let bytes): bytes.isEmpty ? "done" : "\(bytes.count) bytes: \(hex(bytes))"
        case .exception(let exception): exception.words
        }
    }
}

/// What function 43/14 told (Modbus Application Protocol V1.1b3, clause 6.21).
struct DeviceIdentification: Sendable, Hashable {
    struct Object: Sendable, Hashable {
        let number: UInt8
        let bytes: [UInt8]

        /// The standard's name of the objects that it names.
        var name: String {
            let names = [
                "vendor", "product code", "revision", "vendor URL", "product name", "model name", "application name",
            ]
            return Int(number) < names.count ? names[Int(number)] : "object \(number)"
        }
    }

    let conformity: UInt8
    /// More objects follow from this one on; nil: that was all.
    let next: UInt8?
    let objects: [Object]

    /// - Parameter bytes: the answer's data unit, function code first.
    init(_ bytes: [UInt8], code: UInt8) throws(AnswerMismatch) {
        guard bytes.count >= 7, bytes[1] == 14 else { throw AnswerMismatch("no answer to a device identification") }
        guard bytes[2] == code else {
            throw AnswerMismatch("an identification of code \(bytes[2]) instead of \(code)")
        }
        var objects: [Object] = []
        var position = 7
        for _ in 0..<bytes[6] {
            guard position + 2 <= bytes.count, position + 2 + Int(bytes[position + 1]) <= bytes.count else {
                throw AnswerMismatch("an identification that ends inside object \(objects.count + 1) of \(bytes[6])")
            }
            let end = position + 2 + Int(bytes[position + 1])
            objects.append(Object(number: bytes[position], bytes: Array(bytes[(position + 2)..<end])))
            position = end
        }
        guard position == bytes.count else {
            throw AnswerMismatch("\(bytes.count - position) bytes after the last identification object")
        }
        conformity = bytes[3]
        next = bytes[4] == 0xFF ? bytes[5] : nil
        self.objects = objects
    }

    var words: String {
        objects.map { "\($0.name) \(printable($0.bytes))" }.joined(separator: ", ")
            + (next.map { "; more from object \($0) on" } ?? "")
    }
}

/// Text for people: what is no printable ASCII becomes a dot.
func printable(_ bytes: some Sequence<UInt8>) -> String {
    "\"" + String(decoding: bytes.map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self) + "\""
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
