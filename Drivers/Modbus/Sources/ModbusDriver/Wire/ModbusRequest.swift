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
    /// Function 16.
    case writeRegisters(at: UInt16, values: [UInt16])

    var function: UInt8 {
        switch self {
        case .read(let table, _, _): table.readFunction
        case .writeCoil: 5
        case .writeRegister: 6
        case .writeRegisters: 16
        }
    }

    var bytes: [UInt8] {
        var bytes = [function]
        func append(_ word: UInt16) { bytes += [UInt8(word >> 8), UInt8(word & 0xFF)] }
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
        case .writeRegisters(let address, let values):
            append(address)
            append(UInt16(values.count))
            bytes.append(UInt8(values.count * 2))
            for value in values { append(value) }
        }
        return bytes
    }

    /// Bytes of the regular answer's data unit.
    var answerLength: Int {
        switch self {
        case .read(let table, _, let count): 2 + (table.isBits ? (count + 7) / 8 : count * 2)
        case .writeCoil, .writeRegister, .writeRegisters: 5
        }
    }

    var isWrite: Bool {
        if case .read = self { false } else { true }
    }

    /// In words, for people: "read 2 input registers at 0x000C".
    var words: String {
        switch self {
        case .read(let table, let address, let count): "read \(count) \(table.words(count: count)) at \(hex(address))"
        case .writeCoil(let address, let on): "write coil at \(hex(address)) \(on ? "on" : "off")"
        case .writeRegister(let address, let value): "write holding register at \(hex(address)) = \(hex(value))"
        case .writeRegisters(let address, let values):
            "write \(values.count) holding registers at \(hex(address)) = \(values.map { hex($0) }.joined(separator: " "))"
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
