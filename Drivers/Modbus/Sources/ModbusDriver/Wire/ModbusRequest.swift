/// The four tables of the Modbus data model (Modbus Application Protocol V1.1b3, clause 4.3).
enum RegisterTable: String, Sendable, Hashable, CaseIterable {
    case coil
    case discrete
    case holding
    case input

    /// The function code that reads it.
    var readFunction: UInt8 {
        switch self {
        case .coil: 1
        case .discrete: 2
        case .holding: 3
        case .input: 4
        }
    }

    var isBits: Bool { self == .coil || self == .discrete }
    var isWritable: Bool { self == .coil || self == .holding }

    /// Most values one request may ask for (clause 6.1 to 6.4).
    var protocolLimit: Int { isBits ? 2_000 : 125 }

    func words(count: Int) -> String {
        switch self {
        case .coil: count == 1 ? "coil" : "coils"
        case .discrete: count == 1 ? "discrete input" : "discrete inputs"
        case .holding: count == 1 ? "holding register" : "holding registers"
        case .input: count == 1 ? "input register" : "input registers"
        }
    }
}

/// What we ask of a device: the protocol data unit of a request, without address and checksum.
enum ModbusRequest: Sendable, Hashable {
    case read(table: RegisterTable, at: UInt16, count: Int)
    /// Function 5.
    case writeCoil(at: UInt16, on: Bool)
    /// Function 6.
    case writeRegister(at: UInt16, value: UInt16)
    /// Function 15.
    case writeCoils(at: UInt16, values: [Bool])
    /// Function 16.
    case writeRegisters(at: UInt16, values: [UInt16])
    /// Function 17: who the device is, in bytes of its maker's choice.
    case reportServerIdentifier
    /// Function 22: (register AND and) OR (or AND NOT and).
    case maskWrite(at: UInt16, and: UInt16, or: UInt16)
    /// Function 23: the write is done before the read.
    case readWrite(at: UInt16, count: Int, writeAt: UInt16, values: [UInt16])
    /// Function 43/14: `code` 1 basic, 2 regular, 3 extended, 4 one object; from `object` on.
    case deviceIdentification(code: UInt8, object: UInt8)
    /// A function of a maker's own; `data` follows the function code.
    case custom(function: UInt8, data: [UInt8])

    var function: UInt8 {
        switch self {
        case .read(let table, _, _): table.readFunction
        case .writeCoil: 5
        case .writeRegister: 6
        case .writeCoils: 15
        case .writeRegisters: 16
        case .reportServerIdentifier: 17
        case .maskWrite: 22
        case .readWrite: 23
        case .deviceIdentification: 43
        case .custom(let function, _): function
        }
    }

    /// The same write by the function for several: 15 for 5, 16 for 6. nil for anything else.
    var asSeveral: ModbusRequest? {
        switch self {
        case .writeCoil(let address, let on): .writeCoils(at: address, values: [on])
        case .writeRegister(let address, let value): .writeRegisters(at: address, values: [value])
        default: nil
        }
    }

    var bytes: [UInt8] {
        var bytes = [function]
        func append(_ word: UInt16) { bytes += [UInt8(word >> 8), UInt8(word & 0xFF)] }
        func append(_ values: [UInt16]) {
            append(UInt16(truncatingIfNeeded: values.count))
            bytes.append(UInt8(truncatingIfNeeded: values.count * 2))
            for value in values { append(value) }
        }
        switch self {
        case .read(_, let address, let count):
            append(address)
            append(UInt16(count))
        case .writeCoil(let address, let on):
            append(address)
            append(on ? 0xFF00 : 0)
        case .writeRegister(let address, let value):
            append(address)
            append(value)
        case .writeCoils(let address, let values):
            append(address)
            append(UInt16(truncatingIfNeeded: values.count))
            bytes.append(UInt8(truncatingIfNeeded: (values.count + 7) / 8))
            for start in stride(from: 0, to: values.count, by: 8) {
                bytes.append(
                    (start..<min(start + 8, values.count)).reduce(UInt8(0)) {
                        $0 | (values[$1] ? 1 << UInt8($1 - start) : 0)
                    })
            }
        case .writeRegisters(let address, let values):
            append(address)
            append(values)
        case .reportServerIdentifier: break
        case .maskWrite(let address, let and, let or):
            append(address)
            append(and)
            append(or)
        case .readWrite(let address, let count, let writeAddress, let values):
            append(address)
            append(UInt16(truncatingIfNeeded: count))
            append(writeAddress)
            append(values)
        case .deviceIdentification(let code, let object): bytes += [14, code, object]
        case .custom(_, let data): bytes += data
        }
        return bytes
    }

    /// Bytes of the regular answer's data unit; nil where only the answer itself tells.
    var fixedAnswerLength: Int? {
        switch self {
        case .read(let table, _, let count): 2 + (table.isBits ? (count + 7) / 8 : count * 2)
        case .readWrite(_, let count, _, _): 2 + count * 2
        case .writeCoil, .writeRegister, .writeCoils, .writeRegisters: 5
        case .maskWrite: 7
        case .reportServerIdentifier, .deviceIdentification, .custom: nil
        }
    }

    /// As ``fixedAnswerLength``; where only the answer tells, a usual one.
    var answerLength: Int {
        switch self {
        case .reportServerIdentifier: 12
        case .deviceIdentification: 40
        case .custom: bytes.count
        default: fixedAnswerLength ?? 2
        }
    }

    /// Whether it changes something in the device. Of a maker's own function nobody knows, so it counts as a write.
    var isWrite: Bool {
        switch self {
        case .read, .reportServerIdentifier, .deviceIdentification: false
        case .custom(let function, _): !Self.harmless.contains(function)
        default: true
        }
    }

    /// Functions of the standard that only ask, beyond those with a case of their own: exception status, event counter and
    /// log, file record, FIFO queue.
    static let harmless: Set<UInt8> = [7, 11, 12, 20, 24]

    /// A device that does it answers with the very bytes of the request (functions 5, 6 and 22; of a custom one it may be).
    var isAnsweredByItsOwnBytes: Bool {
        switch self {
        case .writeCoil, .writeRegister, .maskWrite, .custom: true
        default: false
        }
    }

    /// In words, for people: "read 2 input registers at 0x000C".
    var words: String {
        switch self {
        case .read(let table, let address, let count): "read \(count) \(table.words(count: count)) at \(hex(address))"
        case .writeCoil(let address, let on): "write coil at \(hex(address)) \(on ? "on" : "off")"
        case .writeRegister(let address, let value): "write holding register at \(hex(address)) = \(hex(value))"
        case .writeCoils(let address, let values):
            "write \(values.count) coils at \(hex(address)) = \(values.map { $0 ? "1" : "0" }.joined())"
        case .writeRegisters(let address, let values):
            "write \(values.count) holding registers at \(hex(address)) = \(values.map { hex($0) }.joined(separator: " "))"
        case .reportServerIdentifier: "report server identifier"
        case .maskWrite(let address, let and, let or):
            "mask holding register at \(hex(address)): and \(hex(and)), or \(hex(or))"
        case .readWrite(let address, let count, let writeAddress, let values):
            "write \(values.count) holding registers at \(hex(writeAddress)) = "
                + values.map { hex($0) }.joined(separator: " ")
                + ", then read \(count) at \(hex(address))"
        case .deviceIdentification(let code, let object):
            "read device identification, code \(code), from object \(object)"
        case .custom(let function, let data):
            "function \(function)" + (data.isEmpty ? "" : " with \(hex(data))")
        }
    }
}

/// `0x000C`.
func hex(_ word: UInt16) -> String {
    let digits = String(word, radix: 16, uppercase: true)
    return "0x" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
}

/// `01 04 00 0C`.
func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.utf8.count == 1 ? "0" + digits : digits
    }.joined(separator: " ")
}
