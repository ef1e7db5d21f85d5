internal import Telemetry

/// One product's registers, as its profile states them.
struct ModbusProfile: Sendable {
    /// What a meter does with its transformers' ratios.
    enum Ratio: String, Sendable {
        /// It has been told them and gives primary values.
        case applied
        /// It gives secondary values; the site's `ct_ratio` and `vt_ratio` are multiplied here.
        case secondary
    }

    /// What registers between values do when they are read along.
    enum Gaps: String, Sendable {
        /// Exception 2.
        case error
        case zeros
        case readable
        /// Nobody knows: treated as `error`.
        case unknown

        var mayBeRead: Bool { self == .zeros || self == .readable }
    }

    struct Limits: Sendable {
        var maximumRegisters = 125
        var gaps = Gaps.unknown
        var isEvenOnly = false
        /// Silence before each request to this product, beyond the line's.
        var pause: Duration = .zero
        /// Longest wait for an answer; nil: the bus's.
        var timeout: Duration?
        var ratio = Ratio.applied
    }

    struct RegisterRange: Sendable, Hashable {
        let table: RegisterTable
        let range: ClosedRange<Int>
    }

    var name: String
    var version = "1"
    var medium = ""
    var models: [String] = []
    var evidence: [String] = []
    var status = "unverified"
    var serial: SerialSettings?
    var limits = Limits()
    var neverRead: [RegisterRange] = []
    var values: [ProfileValue] = []
    var tests: [ProfileTest] = []

    /// Named in what the driver remembers: another version forgets what was learned of an earlier one.
    var identity: String { "\(name)@\(version)" }
}

/// One value of a profile: where it is and what it means. A status word with flags becomes one of these per flag.
struct ProfileValue: Sendable {
    var name: String
    var quantity: String
    var kind: PointDescriptor.Kind
    var unit: String
    var obis: String?
    var table: RegisterTable
    /// On the wire, from zero.
    var address: Int
    var codec: RegisterCodec
    /// Must be a request of its own.
    var isAlone = false
    /// Not read more often than this.
    var interval: Duration?
    var isWritable = false
    var minimum: ExactDecimal?
    var maximum: ExactDecimal?
    var rollover: ExactDecimal?

    var width: Int { table.isBits ? 1 : codec.type.width }
    var addresses: ClosedRange<Int> { address...(address + width - 1) }
}

/// A request and its answer, with the values that must come out of it.
struct ProfileTest: Sendable {
    var table: RegisterTable
    var address: Int
    var words: [UInt16]
    var bits: [Bool]
    /// Point name to what it must be; nil: bad.
    var expected: [(point: String, value: Value?)]

    /// Differences between what must come out and what does, in sentences; none is a pass.
    func failures(in profile: ModbusProfile) -> [String] {
        expected.compactMap { point, wanted in
            guard let value = profile.values.first(where: { $0.name == point }) else {
                return "\(point): the profile has no such point"
            }
            let count = table.isBits ? bits.count : words.count
            let offset = value.address - address
            guard value.table == table, offset >= 0, offset + value.width <= count else {
                return "\(point) at \(hex(UInt16(clamping: value.address))) is not in the answer"
            }
            let decoded =
                table.isBits
                ? value.codec.decode(bit: bits[offset]) : value.codec.decode(words[offset..<offset + value.width])
            // A serial number is written in YAML as a number and told as text.
            if case .text(let text)? = decoded.value, let wanted, "\(wanted)" == text { return nil }
            guard decoded.value != wanted else { return nil }
            return "\(point) is \(Self.spell(decoded.value)) instead of \(Self.spell(wanted))"
        }
    }

    private static func spell(_ value: Value?) -> String { value.map { "\($0)" } ?? "bad" }
}
