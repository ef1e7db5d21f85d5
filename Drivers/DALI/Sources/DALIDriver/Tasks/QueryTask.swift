internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Task "query": everything one gear tells, in words.
///
/// Arguments: `device` or `address`. Result `{address, device?, facts: [{name, value, unit?, note?}]}`.
enum QueryTask {
    private final class Answers {
        var facts: [JSONValue] = []

        func add(_ name: String, _ value: String, unit: String = "", note: String? = nil) {
            var members: [JSONValue.Member] = [.init("name", .string(name)), .init("value", .string(value))]
            if !unit.isEmpty { members.append(.init("unit", .string(unit))) }
            if let note { members.append(.init("note", .string(note))) }
            facts.append(.object(members))
        }
    }

    static func make(_ arguments: DriverNode) -> any DALITask {
        TaskSubject.task(arguments) { address, name, _ in
            let answers = Answers()
            return GearInquiry.presence(address) { present in
                switch present {
                case .silence: return .failed("\(address) did not answer: no gear there, or no mains")
                case .collision:
                    answers.add("presence", "more than one gear answers", note: "commission the bus")
                    return ask(address, answers) { finish(address, name, answers) }
                case .value: return ask(address, answers) { finish(address, name, answers) }
                }
            }
        }
    }

    private static func ask(
        _ address: ShortAddress, _ answers: Answers, then: @escaping () -> ScriptStep
    ) -> ScriptStep {
        .each(
            GearFacts.questions[...],
            { question, next in
                .ask(.gear(address, question.opcode, priority: .user)) { outcome in
                    switch outcome {
                    case .reply(let byte):
                        answers.add(question.name, question.words(byte), note: hexadecimal([byte]))
                    case .collision: answers.add(question.name, "-", note: "several gear answer")
                    case .none, .error: answers.add(question.name, "-", note: "no answer")
                    }
                    return next()
                }
            },
            then: {
                GearFacts.deviceTypes(address) { types in
                    let words = types.map { "\($0)\(GearFacts.types[$0].map { " \($0)" } ?? "")" }
                    answers.add("device types", words.isEmpty ? "none" : words.joined(separator: ", "))
                    return ledFacts(address, types, answers) {
                        GearInquiry.random(address) { random in
                            answers.add("random address", random.value.map { hexadecimal($0) } ?? "-")
                            return GearInquiry.signature(address) { identity in
                                answers.add(
                                    "identity", identity.value?.description ?? "-",
                                    note: identity.value == nil ? "memory bank 0 does not say" : "GTIN/number")
                                return firmware(address, answers, then: then)
                            }
                        }
                    }
                }
            })
    }

    /// Locations 09 and 0A of memory bank 0.
    private static func firmware(
        _ address: ShortAddress, _ answers: Answers, then: @escaping () -> ScriptStep
    ) -> ScriptStep {
        GearInquiry.bytes(address, bank: 0, from: 0x09, count: 2) { bytes in
            if let version = bytes.value, version.count == 2 {
                answers.add("firmware", "\(version[0]).\(version[1])")
            }
            return then()
        }
    }

    /// Bits of QUERY FAILURE STATUS, IEC 62386-207; the lowest first.
    private static let failures = [
        "short circuit", "open circuit", "load decrease", "load increase", "current protector active",
        "thermal shutdown", "thermal overload", "reference measurement failed",
    ]

    private static func ledFacts(
        _ address: ShortAddress, _ types: [UInt8], _ answers: Answers, then: @escaping () -> ScriptStep
    ) -> ScriptStep {
        guard types.contains(6) else { return then() }
        let LED = DeviceTypeOpcode.LED.self
        let asked: [(String, DeviceTypeOpcode, (UInt8) -> String)] = [
            ("dimming curve", LED.queryDimmingCurve, { $0 == 1 ? "linear" : "logarithmic" }),
            ("fast fade time", LED.queryFastFadeTime, { $0 == 0 ? "none" : "\(25 * Int($0)) ms" }),
            (
                "LED failures", LED.queryFailureStatus,
                { byte in
                    let words = failures.enumerated().compactMap { byte >> UInt8($0) & 1 == 1 ? $1 : nil }
                    return words.isEmpty ? "none" : words.joined(separator: ", ")
                }
            ),
        ]
        return .each(
            asked[...],
            { row, next in
                .exchange(DALIRequest.deviceType(.short(address), row.1, priority: .user)) { outcomes in
                    if let byte = outcomes.last?.byte { answers.add(row.0, row.2(byte), note: hexadecimal([byte])) }
                    return next()
                }
            }, then: then)
    }

    private static func finish(_ address: ShortAddress, _ name: String?, _ answers: Answers) -> ScriptStep {
        var members: [JSONValue.Member] = [.init("address", .integer(address.number))]
        if let name { members.append(.init("device", .string(name))) }
        members.append(.init("facts", .array(answers.facts)))
        return .done(.object(members))
    }
}
