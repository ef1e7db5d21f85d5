public import Telemetry

/// What a slave does with a request.
public enum ModbusAnswer: Sendable, Equatable {
    case silence
    /// A protocol data unit (function code and data) that leaves after `latency` nanoseconds; `broken` spoils its check.
    case answer([UInt8], latency: Int64, broken: Bool)
}

extension ModbusDevice {
    static let illegalFunction: UInt8 = 1
    static let illegalAddress: UInt8 = 2
    static let illegalValue: UInt8 = 3

    private enum Refusal: Error {
        case exception(UInt8)
        case silence
    }

    /// Serves one protocol data unit (MODBUS Application Protocol 1.1b3, 6).
    ///
    /// - Parameter broadcast: writes are done and nothing is answered.
    public func serve(_ request: [UInt8], at now: BootInstant, broadcast: Bool = false) -> ModbusAnswer {
        counts.requests += 1
        guard !faults.silent, let function = request.first else { return .silence }
        advance(to: now)
        var answer: [UInt8]
        do {
            if let code = faults.exception { throw Refusal.exception(code) }
            guard product.functions.contains(function) else { throw Refusal.exception(Self.illegalFunction) }
            answer = try perform(function, Array(request.dropFirst()))
        } catch Refusal.exception(let code) {
            counts.exceptions += 1
            answer = [function | 0x80, code]
        } catch {
            return .silence
        }
        if broadcast { return .silence }
        counts.answers += 1
        let broken = faults.brokenChecks > 0
        if broken { faults.brokenChecks -= 1 }
        return .answer(answer, latency: latency + faults.late, broken: broken)
    }

    private func perform(_ function: UInt8, _ data: [UInt8]) throws -> [UInt8] {
        switch function {
        case 1: return try readBits(.coil, function, data)
        case 2: return try readBits(.discrete, function, data)
        case 3: return try readRegisters(.holding, function, data)
        case 4: return try readRegisters(.input, function, data)
        case 5: return try writeCoil(function, data)
        case 6: return try writeRegister(function, data)
        case 8:
            // Sub-function 0 returns the query; the others are not in any product here.
            guard data.count >= 2, data[0] == 0, data[1] == 0 else { throw Refusal.exception(Self.illegalValue) }
            return [function] + data
        case 15: return try writeCoils(function, data)
        case 16: return try writeRegisters(function, data)
        case 17:
            guard data.isEmpty else { throw Refusal.exception(Self.illegalValue) }
            // Identifier, run indicator on, then text of the maker's choice.
            let told = [unit, 0xFF] + Array(product.identifier.utf8.prefix(60))
            return [function, UInt8(told.count)] + told
        case 22: return try maskRegister(function, data)
        case 23: return try readAndWrite(function, data)
        case 43: return try identify(function, data)
        default: throw Refusal.exception(Self.illegalFunction)
        }
    }

    private func field(_ data: [UInt8], _ index: Int) throws -> UInt16 {
        guard data.count >= index * 2 + 2 else { throw Refusal.exception(Self.illegalValue) }
        return UInt16(data[index * 2]) << 8 | UInt16(data[index * 2 + 1])
    }

    private func readBits(_ table: RegisterTable, _ function: UInt8, _ data: [UInt8]) throws -> [UInt8] {
        let (start, count) = (try field(data, 0), Int(try field(data, 1)))
        guard data.count == 4, (1...2000).contains(count) else { throw Refusal.exception(Self.illegalValue) }
        var packed = [UInt8](repeating: 0, count: (count + 7) / 8)
        for offset in 0..<count {
            guard Int(start) + offset <= 0xFFFF, let bit = word(table, start &+ UInt16(offset)) else {
                throw Refusal.exception(Self.illegalAddress)
            }
            if bit != 0 { packed[offset / 8] |= 1 << (offset % 8) }
        }
        return [function, UInt8(packed.count)] + packed
    }

    private func readRegisters(_ table: RegisterTable, _ function: UInt8, _ data: [UInt8]) throws -> [UInt8] {
        let (start, count) = (try field(data, 0), Int(try field(data, 1)))
        guard data.count == 4, count >= 1 else { throw Refusal.exception(Self.illegalValue) }
        if count == 1, let code = product.singleRegisterCode {
            return [function, 2, UInt8(code >> 8), UInt8(truncatingIfNeeded: code)]
        }
        if let most = faults.muteAbove, count > most { throw Refusal.silence }
        guard count <= min(product.largestRequest, faults.limit ?? 125, 125),
            !product.evenOnly || count.isMultiple(of: 2)
        else {
            throw Refusal.exception(Self.illegalValue)
        }
        var answer: [UInt8] = [function, UInt8(count * 2)]
        answer.reserveCapacity(2 + count * 2)
        for offset in 0..<count {
            guard Int(start) + offset <= 0xFFFF, let word = word(table, start &+ UInt16(offset)) else {
                throw Refusal.exception(Self.illegalAddress)
            }
            answer.append(UInt8(word >> 8))
            answer.append(UInt8(truncatingIfNeeded: word))
        }
        return answer
    }

    private func writeCoil(_ function: UInt8, _ data: [UInt8]) throws -> [UInt8] {
        let (address, value) = (try field(data, 0), try field(data, 1))
        guard data.count == 4, value == 0 || value == 0xFF00 else { throw Refusal.exception(Self.illegalValue) }
        guard isWritable(.coil, address) else { throw Refusal.exception(Self.illegalAddress) }
        store(.coil, address, [value == 0 ? 0 : 1])
        return [function] + data
    }

    private func writeRegister(_ function: UInt8, _ data: [UInt8]) throws -> [UInt8] {
        let (address, value) = (try field(data, 0), try field(data, 1))
        guard data.count == 4 else { throw Refusal.exception(Self.illegalValue) }
        guard isWritable(.holding, address) else { throw Refusal.exception(Self.illegalAddress) }
        store(.holding, address, [value])
        return [function] + data
    }

    private func writeCoils(_ function: UInt8, _ data: [UInt8]) throws -> [UInt8] {
        let (start, count) = (try field(data, 0), Int(try field(data, 1)))
        guard (1...1968).contains(count), data.count == 5 + (count + 7) / 8, Int(data[4]) == (count + 7) / 8 else {
            throw Refusal.exception(Self.illegalValue)
        }
        try requireWritable(.coil, start, count)
        let bits = (0..<count).map { (bit: Int) -> UInt16 in
            let byte: UInt8 = data[5 + bit / 8]
            return UInt16((byte >> (bit % 8)) & 1)
        }
        store(.coil, start, bits)
        return [function] + data.prefix(4)
    }

    private func writeRegisters(_ function: UInt8, _ data: [UInt8]) throws -> [UInt8] {
        let (start, count) = (try field(data, 0), Int(try field(data, 1)))
        guard (1...123).contains(count), data.count == 5 + count * 2, Int(data[4]) == count * 2 else {
            throw Refusal.exception(Self.illegalValue)
        }
        try requireWritable(.holding, start, count)
        store(.holding, start, (0..<count).map { UInt16(data[5 + $0 * 2]) << 8 | UInt16(data[6 + $0 * 2]) })
        return [function] + data.prefix(4)
    }

    /// Function 22: (register AND and) OR (or AND NOT and).
    private func maskRegister(_ function: UInt8, _ data: [UInt8]) throws -> [UInt8] {
        let (address, and, or) = (try field(data, 0), try field(data, 1), try field(data, 2))
        guard data.count == 6 else { throw Refusal.exception(Self.illegalValue) }
        guard isWritable(.holding, address), let word = word(.holding, address) else {
            throw Refusal.exception(Self.illegalAddress)
        }
        store(.holding, address, [(word & and) | (or & ~and)])
        return [function] + data
    }

    /// Function 23: the write is done before the read.
    private func readAndWrite(_ function: UInt8, _ data: [UInt8]) throws -> [UInt8] {
        guard data.count >= 9 else { throw Refusal.exception(Self.illegalValue) }
        _ = try writeRegisters(16, Array(data[4...]))
        return try readRegisters(.holding, function, Array(data[..<4]))
    }

    /// Function 43/14: vendor, product and revision, in one piece.
    private func identify(_ function: UInt8, _ data: [UInt8]) throws -> [UInt8] {
        guard data.count == 3, data[0] == 14 else { throw Refusal.exception(Self.illegalFunction) }
        let objects = ["Candela simulator", product.identifier, "1.0"].map { Array($0.utf8) }
        guard (1...4).contains(data[1]) else { throw Refusal.exception(Self.illegalValue) }
        let first = Int(data[2])
        if data[1] == 4, first >= objects.count { throw Refusal.exception(Self.illegalAddress) }
        let from = first < objects.count ? first : 0
        let told = data[1] == 4 ? Array(objects[from...from]) : Array(objects[from...])
        var answer: [UInt8] = [function, 14, data[1], 0x81, 0, 0, UInt8(told.count)]
        for (offset, object) in told.enumerated() { answer += [UInt8(from + offset), UInt8(object.count)] + object }
        return answer
    }

    private func requireWritable(_ table: RegisterTable, _ start: UInt16, _ count: Int) throws {
        for offset in 0..<count {
            guard Int(start) + offset <= 0xFFFF, isWritable(table, start &+ UInt16(offset)) else {
                throw Refusal.exception(Self.illegalAddress)
            }
        }
    }

    private func store(_ table: RegisterTable, _ start: UInt16, _ words: [UInt16]) {
        counts.writes += 1
        for (offset, word) in words.enumerated() { written[table, default: [:]][start &+ UInt16(offset)] = word }
    }
}
