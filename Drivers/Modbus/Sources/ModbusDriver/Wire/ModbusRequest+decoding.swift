extension ModbusRequest {
    /// Reads a request's data unit, function code first; nil when it is none.
    ///
    /// A function without a rule becomes ``custom(function:data:)``; one with a rule that its bytes break is no request.
    init?(bytes: [UInt8]) {
        guard let function = bytes.first, function != 0, function < 0x80 else { return nil }
        func word(_ position: Int) -> UInt16 { UInt16(bytes[position]) << 8 | UInt16(bytes[position + 1]) }
        func words(count: UInt16, from position: Int) -> [UInt16]? {
            guard bytes.count == position + 2 * Int(count), bytes[position - 1] == UInt8(truncatingIfNeeded: 2 * count)
            else { return nil }
            return (0..<Int(count)).map { word(position + 2 * $0) }
        }
        switch function {
        case 1...6:
            guard bytes.count == 5 else { return nil }
            let (address, value) = (word(1), word(3))
            switch function {
            case 5:
                guard value == 0 || value == 0xFF00 else { return nil }
                self = .writeCoil(at: address, on: value != 0)
            case 6: self = .writeRegister(at: address, value: value)
            default:
                guard let table = RegisterTable.allCases.first(where: { $0.readFunction == function }), value > 0,
                    Int(value) <= table.protocolLimit
                else { return nil }
                self = .read(table: table, at: address, count: Int(value))
            }
        case 15:
            guard bytes.count >= 7 else { return nil }
            let count = Int(word(3))
            guard count > 0, bytes.count == 6 + (count + 7) / 8, Int(bytes[5]) == (count + 7) / 8 else { return nil }
            self = .writeCoils(
                at: word(1), values: (0..<count).map { bytes[6 + $0 / 8] >> UInt8($0 % 8) & 1 == 1 })
        case 16:
            guard bytes.count >= 8, let values = words(count: word(3), from: 6), !values.isEmpty else { return nil }
            self = .writeRegisters(at: word(1), values: values)
        case 17:
            guard bytes.count == 1 else { return nil }
            self = .reportServerIdentifier
        case 22:
            guard bytes.count == 7 else { return nil }
            self = .maskWrite(at: word(1), and: word(3), or: word(5))
        case 23:
            guard bytes.count >= 12, let values = words(count: word(7), from: 10), !values.isEmpty,
                (1...125).contains(word(3))
            else { return nil }
            self = .readWrite(at: word(1), count: Int(word(3)), writeAt: word(5), values: values)
        case 43:
            guard bytes.count == 4, bytes[1] == 14 else { return nil }
            self = .deviceIdentification(code: bytes[2], object: bytes[3])
        default: self = .custom(function: function, data: Array(bytes.dropFirst()))
        }
    }
}
