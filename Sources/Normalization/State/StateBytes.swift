import Telemetry

/// Writes what must survive a restart, compactly: numbers as variable-length integers, texts with their length.
struct StateWriter {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(256) }

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func unsigned(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func signed(_ value: Int64) { unsigned(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

    mutating func text(_ value: String) {
        unsigned(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    mutating func block(_ value: [UInt8]) {
        unsigned(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func flag(_ value: Bool) { bytes.append(value ? 1 : 0) }

    mutating func decimal(_ value: ExactDecimal) {
        signed(value.mantissa)
        signed(Int64(value.exponent))
    }

    mutating func optional<T>(_ value: T?, _ write: (inout StateWriter, T) -> Void) {
        flag(value != nil)
        if let value { write(&self, value) }
    }

    mutating func list<T>(_ values: [T], _ write: (inout StateWriter, T) -> Void) {
        unsigned(UInt64(values.count))
        for value in values { write(&self, value) }
    }

    mutating func value(_ value: Value) {
        switch value {
        case .number(let number):
            byte(0)
            decimal(number)
        case .flag(let flag): byte(flag ? 2 : 1)
        case .text(let text):
            byte(3)
            self.text(text)
        }
    }
}

/// Reads it again. Bytes that are cut short or damaged are an error, never a trap.
struct StateReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var damaged: StateProblem { StateProblem(explanation: "damaged at byte \(position) of \(bytes.count)") }

    mutating func byte() throws(StateProblem) -> UInt8 {
        guard position < bytes.count else { throw damaged }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func unsigned() throws(StateProblem) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try byte()
            guard shift < 63 || byte <= 1 else { throw damaged }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
    }

    mutating func signed() throws(StateProblem) -> Int64 {
        let value = try unsigned()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    mutating func block() throws(StateProblem) -> [UInt8] {
        let count = try unsigned()
        guard count <= UInt64(bytes.count - position) else { throw damaged }
        defer { position += Int(count) }
        return Array(bytes[position..<position + Int(count)])
    }

    mutating func text() throws(StateProblem) -> String { String(decoding: try block(), as: UTF8.self) }

    mutating func flag() throws(StateProblem) -> Bool { try byte() != 0 }

    mutating func decimal() throws(StateProblem) -> ExactDecimal {
        let mantissa = try signed()
        return ExactDecimal(mantissa: mantissa, exponent: Int32(clamping: try signed()))
    }

    mutating func value() throws(StateProblem) -> Value {
        switch try byte() {
        case 0: .number(try decimal())
        case 1: .flag(false)
        case 2: .flag(true)
        case 3: .text(try text())
        default: throw damaged
        }
    }

    mutating func quality() throws(StateProblem) -> Quality {
        guard let code = UInt16(exactly: try unsigned()), let quality = Quality(code: code) else { throw damaged }
        return quality
    }

    mutating func reason() throws(StateProblem) -> Quality.Reason {
        guard let reason = Quality.Reason(rawValue: try byte()) else { throw damaged }
        return reason
    }
}

/// Why a stored state cannot be used. The device then begins anew: its counters in epoch 1.
public struct StateProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong, in a few words.
    public let explanation: String

    public init(explanation: String) { self.explanation = explanation }

    public var description: String { "the stored state of its counters cannot be used: \(explanation)" }
}
