internal import Telemetry

/// What one gear tells of itself: questions as a table, answers in words.
enum GearFacts {
    /// Bits of QUERY STATUS, IEC 62386-102, 9.16; the lowest first.
    static let statusWords = [
        "control gear failure", "lamp failure", "lamp on", "limit error", "fade running", "reset state",
        "no short address", "power cycle seen",
    ]

    static func status(_ byte: UInt8) -> [String] {
        statusWords.enumerated().compactMap { byte >> UInt8($0) & 1 == 1 ? $1 : nil }
    }

    /// IEC 62386-102, 11.5.10: what each device type is.
    static let types: [UInt8: String] = [
        0: "fluorescent lamps", 1: "emergency lighting", 2: "discharge lamps", 3: "low-voltage halogen lamps",
        4: "incandescent lamps", 5: "conversion to a voltage", 6: "LED modules", 7: "switching", 8: "colour control",
        15: "load referencing", 16: "thermal protection", 17: "dimming curve selection", 20: "demand response",
        21: "thermal lamp protection", 49: "integrated bus supply", 50: "luminaire data (251)",
        51: "energy (252)", 52: "diagnostics (253)",
    ]

    struct Question: Sendable {
        let name: String
        let opcode: GearOpcode
        var unit = ""
        let words: @Sendable (UInt8) -> String
    }

    /// 255 as a level is MASK.
    private static func level(_ byte: UInt8) -> String { byte == 255 ? "MASK" : String(byte) }
    private static func yes(_ byte: UInt8) -> String { byte == 255 ? "yes" : "no" }

    static let questions: [Question] = [
        Question(name: "status", opcode: .queryStatus) { byte in
            let words = status(byte)
            return words.isEmpty ? "nothing set" : words.joined(separator: ", ")
        },
        Question(name: "actual level", opcode: .queryActualLevel, words: level),
        Question(name: "version", opcode: .queryVersionNumber) { byte in
            byte <= 1 ? "1 (DALI of 2009 or before)" : "\(byte >> 2).\(byte & 3)"
        },
        Question(name: "physical minimum", opcode: .queryPhysicalMinimum, words: level),
        Question(name: "minimum level", opcode: .queryMinLevel, words: level),
        Question(name: "maximum level", opcode: .queryMaxLevel, words: level),
        Question(name: "power-on level", opcode: .queryPowerOnLevel) { $0 == 255 ? "last level" : String($0) },
        Question(name: "system failure level", opcode: .querySystemFailureLevel) {
            $0 == 255 ? "no change" : String($0)
        },
        Question(name: "fade time", opcode: .queryFadeTimeFadeRate) { fadeTime($0 >> 4) },
        Question(name: "fade rate", opcode: .queryFadeTimeFadeRate) { "\($0 & 0x0F)" },
        Question(name: "extended fade time", opcode: .queryExtendedFadeTime) { extendedFade($0) },
        Question(name: "operating mode", opcode: .queryOperatingMode) { String($0) },
        Question(name: "light source", opcode: .queryLightSourceType) { $0 == 6 ? "LED" : "type \($0)" },
        Question(name: "groups 0 to 7", opcode: .queryGroupsZeroToSeven) { groups($0, from: 0) },
        Question(name: "groups 8 to 15", opcode: .queryGroupsEightToFifteen) { groups($0, from: 8) },
    ]

    private static func groups(_ byte: UInt8, from first: Int) -> String {
        let numbers = (0..<8).filter { byte >> UInt8($0) & 1 == 1 }.map { String($0 + first) }
        return numbers.isEmpty ? "none" : numbers.joined(separator: ", ")
    }

    private static func fadeTime(_ index: UInt8) -> String {
        index == 0 ? "none, or the extended one" : "\(FadeTime.milliseconds[Int(index) - 1]) ms"
    }

    /// Multiplier and base, IEC 62386-102, 9.5.4.
    private static func extendedFade(_ byte: UInt8) -> String {
        let multipliers = ["", "100 ms", "1 s", "10 s", "1 min"]
        let multiplier = Int(byte >> 4)
        guard byte <= 0x4F, multiplier > 0 else { return "none" }
        return "\((byte & 0x0F) + 1) x \(multipliers[multiplier])"
    }

    /// QUERY DEVICE TYPE, and QUERY NEXT DEVICE TYPE until there is no more.
    static func deviceTypes(_ address: ShortAddress, then: @escaping ([UInt8]) -> ScriptStep) -> ScriptStep {
        .ask(.gear(address, .queryDeviceType, priority: .configuration)) { outcome in
            guard let first = outcome.byte, first != 254 else { return then([]) }
            guard first == 255 else { return then([first]) }
            return allTypes(address, questions: 5, then: then)
        }
    }

    /// More device types than a gear can have.
    private static let typeLimit = 20

    /// The gear forgets where it was when another command comes between, and polls do: the first question and those after it go as
    /// one piece. Five are enough for D4i; who has more is asked again from the beginning.
    private static func allTypes(
        _ address: ShortAddress, questions: Int, then: @escaping ([UInt8]) -> ScriptStep
    ) -> ScriptStep {
        .exchange(
            [.gear(address, .queryDeviceType, priority: .configuration)]
                + [DALIRequest](
                    repeating: .gear(address, .queryNextDeviceType, priority: .continuation), count: questions)
        ) { outcomes in
            let types = outcomes.dropFirst().map(\.byte).prefix { $0.map { $0 < 254 } ?? false }.compactMap { $0 }
            if types.count == questions, questions < typeLimit {
                return allTypes(address, questions: questions * 2, then: then)
            }
            return then(types)
        }
    }
}
