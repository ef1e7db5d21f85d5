import Telemetry

/// A label of SenML: a registered one, which CBOR writes as an integer, or an extension, which is text in both forms.
enum SenMLLabel: Sendable, Hashable {
    case baseVersion
    case baseTime
    case baseName
    case name
    case unit
    case value
    case stringValue
    case booleanValue
    case time
    /// Ignored by receivers that do not know it, unless it ends with `_`: then they must refuse the pack (RFC 8428, 4.4).
    case other(String)

    /// Of RFC 8428, table 1.
    var text: String {
        switch self {
        case .baseVersion: "bver"
        case .baseTime: "bt"
        case .baseName: "bn"
        case .name: "n"
        case .unit: "u"
        case .value: "v"
        case .stringValue: "vs"
        case .booleanValue: "vb"
        case .time: "t"
        case .other(let text): text
        }
    }

    /// Of RFC 8428, table 4; nil for extensions.
    var number: Int64? {
        switch self {
        case .baseVersion: -1
        case .baseTime: -3
        case .baseName: -2
        case .name: 0
        case .unit: 1
        case .value: 2
        case .stringValue: 3
        case .booleanValue: 4
        case .time: 6
        case .other: nil
        }
    }
}

/// One record of a pack, its fields in the order in which they are written.
struct SenMLRecord {
    private(set) var fields: [(label: SenMLLabel, value: JSONValue)] = []

    mutating func add(_ label: SenMLLabel, _ value: JSONValue) { fields.append((label, value)) }

    mutating func add(_ label: String, _ value: JSONValue) { fields.append((.other(label), value)) }
}

/// Names of SenML: letters, digits and `- : . / _`, with a letter or a digit first (RFC 8428, 4.5.1).
enum SenMLName {
    /// `text` as it is, or with `:` and two hexadecimal digits for each byte that a name must not have.
    static func part(_ text: String) -> String {
        guard !text.utf8.allSatisfy(isAllowed) else { return text }
        var name: [UInt8] = []
        let digits = Array("0123456789abcdef".utf8)
        for byte in text.utf8 {
            if isAllowed(byte) {
                name.append(byte)
            } else {
                name += [UInt8(ascii: ":"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: name, as: UTF8.self)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }
}
