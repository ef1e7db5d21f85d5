import Telemetry

/// The four tables of a Modbus device (MODBUS Application Protocol 1.1b3, 4.3).
public enum RegisterTable: String, Sendable, CaseIterable {
    case coil, discrete, input, holding
}

/// How a value lies in registers.
public enum RegisterEncoding: Sendable, Hashable {
    case float32, unsigned16, signed16, unsigned32, signed32, unsigned64, signed64
    /// Eight decimal digits in two registers.
    case decimalCoded32
    /// Text, two characters in each of so many registers, padded with spaces.
    case text(registers: Int)

    /// Registers that the value takes.
    public var width: Int {
        switch self {
        case .unsigned16, .signed16: 1
        case .float32, .unsigned32, .signed32, .decimalCoded32: 2
        case .unsigned64, .signed64: 4
        case .text(let registers): registers
        }
    }
}

/// One value of a product's register list: where it lies, how it is coded, and what it is called.
public struct RegisterPoint: Sendable {
    /// The point's name as on the gateway: `voltage.L1`, `active_energy_import`.
    public let name: String
    public let table: RegisterTable
    /// The zero-based number that goes on the wire.
    public let address: UInt16
    public let encoding: RegisterEncoding
    /// The register's number is the model's quantity multiplied with this (Wh to kWh: 0.001; 0.1 V steps: 10).
    public let factor: Double
    public let lowWordFirst: Bool
    /// A setup register: a client may write it; it keeps what was written.
    public let writable: Bool
    /// What it holds when no model provides it.
    public let initial: Double
    public let text: String?

    init(
        _ name: String, _ table: RegisterTable, _ address: UInt16, _ encoding: RegisterEncoding, factor: Double = 1,
        lowWordFirst: Bool = false, writable: Bool = false, initial: Double = 0, text: String? = nil
    ) {
        self.name = name
        self.table = table
        self.address = address
        self.encoding = encoding
        self.factor = factor
        self.lowWordFirst = lowWordFirst
        self.writable = writable
        self.initial = initial
        self.text = text
    }

    /// The registers for a number that is already in the register's own unit; what does not fit is held at the end of
    /// the range, as a meter's display does.
    func registers(for number: Double) -> [UInt16] {
        let words: [UInt16]
        switch encoding {
        case .float32:
            let bits = Float(number).bitPattern
            words = [UInt16(bits >> 16), UInt16(truncatingIfNeeded: bits)]
        case .unsigned16: words = Self.words(Self.clamped(number, UInt16.self), count: 1)
        case .signed16: words = Self.words(UInt16(bitPattern: Self.clamped(number, Int16.self)), count: 1)
        case .unsigned32: words = Self.words(Self.clamped(number, UInt32.self), count: 2)
        case .signed32: words = Self.words(UInt32(bitPattern: Self.clamped(number, Int32.self)), count: 2)
        case .unsigned64: words = Self.words(Self.clamped(number, UInt64.self), count: 4)
        case .signed64: words = Self.words(UInt64(bitPattern: Self.clamped(number, Int64.self)), count: 4)
        case .decimalCoded32:
            var rest = Self.clamped(number, UInt32.self) % 100_000_000
            var coded: UInt32 = 0
            for digit in 0..<8 {
                coded |= (rest % 10) << (4 * UInt32(digit))
                rest /= 10
            }
            words = Self.words(coded, count: 2)
        case .text(let registers): words = Self.words(of: "", registers: registers)
        }
        return lowWordFirst ? words.reversed() : words
    }

    static func words(of text: String, registers: Int) -> [UInt16] {
        var bytes = Array(text.utf8.prefix(registers * 2))
        while bytes.count < registers * 2 { bytes.append(UInt8(ascii: " ")) }
        return (0..<registers).map { UInt16(bytes[$0 * 2]) << 8 | UInt16(bytes[$0 * 2 + 1]) }
    }

    /// The number that lies in `words`, in the register's own unit; nil for text.
    func number(in words: [UInt16]) -> Double? {
        let ordered = lowWordFirst ? words.reversed() : words
        let bits = ordered.reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        switch encoding {
        case .float32: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        case .unsigned16, .unsigned32, .unsigned64: return Double(bits)
        case .signed16: return Double(Int16(truncatingIfNeeded: bits))
        case .signed32: return Double(Int32(truncatingIfNeeded: bits))
        case .signed64: return Double(Int64(bitPattern: bits))
        case .decimalCoded32: return Double(String(bits, radix: 16))
        case .text: return nil
        }
    }

    private static func words(_ value: some FixedWidthInteger, count: Int) -> [UInt16] {
        (0..<count).map { UInt16(truncatingIfNeeded: value >> (16 * (count - 1 - $0))) }
    }

    private static func clamped<Integer: FixedWidthInteger>(_ number: Double, _: Integer.Type) -> Integer {
        // Towards zero, never up: an energy register must not show what was not yet consumed.
        let whole = number.isFinite ? number.rounded(.towardZero) : 0
        if let exact = Integer(exactly: whole) { return exact }
        return whole < 0 ? .min : .max
    }
}
