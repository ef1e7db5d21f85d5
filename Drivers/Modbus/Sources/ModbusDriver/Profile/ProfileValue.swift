internal import Telemetry

/// One value of a profile: where it is and what it means. A status word with flags becomes one of these per flag.
struct ProfileValue: Sendable {
    var name: String
    var quantity: String
    var kind: PointDescriptor.Kind
    var unit: String
    var obis: String?
    var table: RegisterTable
    /// On the wire, from zero. Where it is read together with others (``span``), the first register of all of them.
    var address: Int
    var codec: RegisterCodec
    /// Must be a request of its own.
    var isAlone = false
    /// Not read more often than this.
    var interval: Duration?
    var isWritable = false
    var minimum: ExactDecimal?
    var maximum: ExactDecimal?
    /// In `unit`.
    var rollover: ExactDecimal?
    /// Registers that a request for this value always reads, when they are more than its own.
    var span: Int?
    /// Where its own registers begin in those.
    var offset = 0
    /// What else makes the value; nil for a plain register.
    var recipe: ValueRecipe?
    /// Computed from other values, it has no registers of its own; it is told when its first operand is read.
    var isDerived = false
    /// The register counts pulses whose worth the site states.
    var isPulse = false
    /// Transformer ratios change it, if its unit says so.
    var takesRatios = true
    /// States its word order itself, so that the site's does not apply.
    var hasOwnLayout = false
    /// Values of one group are read in one request.
    var group: String?
    /// The number that the manual has for it.
    var manual: String?
    /// SunSpec models that have it; nil for registers that a profile lists.
    var informationModels: [Int]?
    /// Position in the profile's list, for messages.
    var position = 0

    /// Registers that are read for it.
    var width: Int { span ?? (table.isBits ? 1 : codec.type.width) }
    var addresses: ClosedRange<Int> { address...(address + width - 1) }
    /// Its own registers.
    var ownAddress: Int { address + offset }
    var ownAddresses: ClosedRange<Int> { ownAddress...(ownAddress + (table.isBits ? 1 : codec.type.width) - 1) }
}

/// A register that is read for another value's sake.
struct RegisterSource: Sendable, Hashable {
    var table: RegisterTable
    var address: Int
    /// Its scale is applied; a name table or flags are not.
    var codec: RegisterCodec
    /// How far it moves from one instance to the next, per dimension.
    var strides: [Int] = []
    var hasOwnLayout = false
    /// A transformer ratio: the same for all values, and never read in one request with them.
    var isRatio = false

    var width: Int { table.isBits ? 1 : codec.type.width }
    var addresses: ClosedRange<Int> { address...(address + width - 1) }
    var words: String { "\(table.rawValue) \(hex(UInt16(clamping: address)))" }
}

/// What a computed value needs besides its own registers.
enum Operand: Sendable, Hashable {
    case register(RegisterSource)
    /// Another value of the profile, by point name.
    case point(String)
}

/// How a value is made of its own registers and of others, step by step.
///
/// Operands are named by their position in ``operands``, so that a device's decoder can say where it has each of them.
struct ValueRecipe: Sendable, Hashable {
    var operands: [Operand] = []
    var steps: [Step] = []

    enum Step: Sendable, Hashable {
        /// Bad `notSupported` unless the operand is one of these.
        case onlyWhen(Int, Condition)
        /// Bad `deviceReported` unless the operand passes.
        case goodWhen(Int, Gate)
        /// Added to the raw number.
        case rawPlus(Int)
        case rawMinus(Int)
        /// × the value's own scale: it stands where the codec's scale takes effect.
        case ownScale
        case powerOfTen(Int)
        case times(Int)
        case over(Int)
        case lookUp(Int, [Code: ExactDecimal])
        /// × the power of ten between the unit that the operand names and the value's.
        case unit(Int, [Code: UnitChoice])
        case sign(Int, Negative)
        case autoScale(above: ExactDecimal, factor: ExactDecimal)
        case offset(ExactDecimal)
        case plus(Int)
        case minus(Int)
        case sum([Int])
        /// Outside it is bad `outOfRange`.
        case valid(ClosedRange<ExactDecimal>)
    }

    /// A register's content where it stands for something: a number or a text.
    enum Code: Sendable, Hashable {
        case number(Int64)
        case text(String)

        init?(_ value: Value) {
            switch value {
            case .number(let number):
                guard let integer = number.integer else { return nil }
                self = .number(integer)
            case .text(let text): self = .text(text)
            case .flag(let flag): self = .number(flag ? 1 : 0)
            }
        }
    }

    /// A unit with a factor: a meter that counts in steps of 10 L.
    struct UnitChoice: Sendable, Hashable {
        var factor: ExactDecimal
        var unit: String
    }

    enum Negative: Sendable, Hashable {
        case nonzero
        case zero
        case codes(Set<Int64>)

        func holds(_ code: Int64) -> Bool {
            switch self {
            case .nonzero: code != 0
            case .zero: code == 0
            case .codes(let codes): codes.contains(code)
            }
        }
    }

    /// What a quality register must say.
    enum Gate: Sendable, Hashable {
        case lowByteAbove(Int64)
        case highByteAbove(Int64)
        case above(ExactDecimal)
        case below(ExactDecimal)
        case oneOf(Set<Int64>)
        /// These bits are so.
        case masked(Int64, equals: Int64)

        func passes(_ number: ExactDecimal) -> Bool {
            switch self {
            case .above(let limit): return number > limit
            case .below(let limit): return number < limit
            default: break
            }
            guard let raw = number.integer else { return false }
            switch self {
            case .lowByteAbove(let limit): return raw & 0xFF > limit
            case .highByteAbove(let limit): return raw >> 8 & 0xFF > limit
            case .oneOf(let codes): return codes.contains(raw)
            case .masked(let mask, let wanted): return raw & mask == wanted
            case .above, .below: return true
            }
        }
    }

    /// What must hold of a value for another to be there.
    enum Condition: Sendable, Hashable {
        case oneOf(Set<String>)
        case version(Comparison, [Int])

        enum Comparison: String, Sendable, Hashable, CaseIterable {
            case atLeast = ">="
            case atMost = "<="
            case above = ">"
            case below = "<"
        }

        func holds(_ value: Value) -> Bool {
            switch self {
            case .oneOf(let wanted): return wanted.contains("\(value)")
            case .version(let comparison, let wanted):
                let own = Self.numbers("\(value)")
                guard !own.isEmpty else { return false }
                let order = Self.compare(own, wanted)
                switch comparison {
                case .atLeast: return order >= 0
                case .atMost: return order <= 0
                case .above: return order > 0
                case .below: return order < 0
                }
            }
        }

        /// 2.10.3 is after 2.9; a missing part is 0.
        static func compare(_ a: [Int], _ b: [Int]) -> Int {
            for index in 0..<max(a.count, b.count) {
                let difference = (index < a.count ? a[index] : 0) - (index < b.count ? b[index] : 0)
                if difference != 0 { return difference < 0 ? -1 : 1 }
            }
            return 0
        }

        /// The numbers of a version: "v2.3.0-rc1" is 2, 3, 0.
        static func numbers(_ text: String) -> [Int] {
            let start = text.firstIndex { $0.isASCII && $0.isNumber } ?? text.endIndex
            let digits = text[start...].prefix { $0 == "." || ($0.isASCII && $0.isNumber) }
            return digits.split(separator: ".").compactMap { Int($0) }
        }
    }

    /// Adds an operand and gives its position.
    mutating func operand(_ operand: Operand) -> Int {
        if let known = operands.firstIndex(of: operand) { return known }
        operands.append(operand)
        return operands.count - 1
    }

    var isEmpty: Bool { steps.allSatisfy { $0 == .ownScale } }
}
