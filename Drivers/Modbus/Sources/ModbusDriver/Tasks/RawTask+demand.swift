internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// What a person asked of ``RawTask``, checked.
struct RawDemand: Sendable, Hashable {
    /// Address and function stand before the bytes, the check behind them.
    static let longestData = 252

    let unit: UInt8
    let request: ModbusRequest
    let host: HostAddress?
    let timeout: Duration?
    let mayWrite: Bool

    /// nil with a diagnostic where it cannot be understood.
    init?(_ map: NodeMap) {
        let unit = map.required("unit", "the unit address")?.integer(in: 0...255)
        let function = map.required("function", "a function code such as 3")?.integer(in: 1...127)
        var host: HostAddress?
        if let value = map.value("host"), let text = value.text() {
            host = HostAddress(text)
            if host == nil { value.error("\(text) is no host; expected HOST or HOST:PORT") }
        }
        self.host = host
        timeout = map.duration("timeout", in: .milliseconds(10) ... .seconds(60))
        mayWrite = map.flag("write") ?? false
        guard let function, let unit else { return nil }
        self.unit = UInt8(unit)
        guard let request = Self.request(UInt8(function), map) else { return nil }
        self.request = request
        map.finish()
        if unit == 0, !request.isWrite {
            map.diagnostics.error(
                "unit 0 is all of them and answers nothing: only a write goes there", at: map.place.appending("unit"))
        }
    }

    private static func request(_ function: UInt8, _ map: NodeMap) -> ModbusRequest? {
        if let value = map.value("bytes") {
            guard let text = value.text(), let bytes = bytes(text), bytes.count <= longestData else {
                value.error("\(value.written) where bytes in hexadecimal were expected, such as 00 0A 00 02")
                return nil
            }
            // Of the standard's functions it is checked as any other; a strange one goes out as it is.
            return ModbusRequest(bytes: [function] + bytes) ?? .custom(function: function, data: bytes)
        }
        switch function {
        case 1...4:
            guard let table = RegisterTable.allCases.first(where: { $0.readFunction == function }),
                let at = address(map)
            else { return nil }
            return count(map, table.protocolLimit).map { .read(table: table, at: at, count: $0) }
        case 5, 6:
            guard let at = address(map), let values = values(map, exactly: 1) else { return nil }
            return function == 6 ? .writeRegister(at: at, value: values[0]) : .writeCoil(at: at, on: values[0] != 0)
        case 15:
            guard let at = address(map), let values = values(map, limit: 1_968) else { return nil }
            return .writeCoils(at: at, values: values.map { $0 != 0 })
        case 16:
            guard let at = address(map), let values = values(map, limit: 123) else { return nil }
            return .writeRegisters(at: at, values: values)
        case 17: return .reportServerIdentifier
        case 22:
            guard let at = address(map), let values = values(map, exactly: 2) else { return nil }
            return .maskWrite(at: at, and: values[0], or: values[1])
        case 23:
            guard let at = address(map), let count = count(map, 125),
                let writeAt = map.required("write_at", "the first register to write")?.integer(in: 0...0xFFFF),
                let values = values(map, limit: 121)
            else { return nil }
            return .readWrite(at: at, count: count, writeAt: UInt16(writeAt), values: values)
        case 43:
            return .deviceIdentification(
                code: UInt8(map.integer("code", in: 1...4) ?? 1), object: UInt8(map.integer("object", in: 0...255) ?? 0)
            )
        default: return .custom(function: function, data: [])
        }
    }

    private static func address(_ map: NodeMap) -> UInt16? {
        map.required("at", "the first register, such as 0x000C")?.integer(in: 0...0xFFFF).map { UInt16($0) }
    }

    private static func count(_ map: NodeMap, _ limit: Int) -> Int? {
        guard let value = map.value("count") else { return 1 }
        return value.integer(in: 1...limit)
    }

    /// A list of numbers, or one number.
    private static func values(_ map: NodeMap, exactly count: Int? = nil, limit: Int = 1) -> [UInt16]? {
        guard let value = map.required("values", "the values to write, such as [1, 2]") else { return nil }
        let parts = value.isList ? value.list() ?? [] : [value]
        let numbers = parts.compactMap { part -> UInt16? in
            if case .flag(let flag)? = part.node.value { return flag ? 1 : 0 }
            return part.integer(in: -0x8000...0xFFFF).map { UInt16(truncatingIfNeeded: $0) }
        }
        guard numbers.count == parts.count else { return nil }
        guard count.map({ numbers.count == $0 }) ?? (1...limit).contains(numbers.count) else {
            value.error("\(numbers.count) values where \(count.map { "\($0)" } ?? "1 to \(limit)") were expected")
            return nil
        }
        return numbers
    }

    /// `00 0A`, `000A`, `00,0A` or `0x00 0x0A`.
    static func bytes(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for part in text.split(whereSeparator: { $0 == " " || $0 == "," }) {
            var digits = part.hasPrefix("0x") ? part.dropFirst(2) : part
            if digits.utf8.count == 1 { digits = "0" + digits }
            guard digits.utf8.count.isMultiple(of: 2) else { return nil }
            while !digits.isEmpty {
                guard digits.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }), let byte = UInt8(digits.prefix(2), radix: 16)
                else { return nil }
                bytes.append(byte)
                digits = digits.dropFirst(2)
            }
        }
        return bytes
    }
}
