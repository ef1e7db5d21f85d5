internal import DriverKit
internal import Telemetry

/// What a scan says of one device, as JSON and as an entry to paste.
enum ScanReport {
    static func result(_ found: ScanTask.Found, _ finding: DeviceInquiry.Finding, bus: String) -> JSONValue {
        var members: [JSONValue.Member] = [.init("address", .number(ExactDecimal(Int64(found.unit))))]
        if let host = found.host { members.append(.init("host", .string("\(host)"))) }
        if let settings = found.settings { members.append(.init("settings", .string(settings.words))) }
        if let name = found.name { members.append(.init("configured", .string(name))) }
        var profile: String?
        switch finding.verdict {
        case .identified(let name, let model):
            profile = name
            members.append(.init("verdict", "identified"))
            members.append(.init("profile", .string(name)))
            if !model.isEmpty { members.append(.init("model", .string(model))) }
        case .candidates(let names):
            members.append(.init("verdict", "candidates"))
            members.append(.init("candidates", .array(names.map(JSONValue.string))))
        case .unknown: members.append(.init("verdict", "unknown"))
        }
        members.append(.init("reasons", .array(finding.reasons.map(JSONValue.string))))
        if !finding.words.isEmpty { members.append(.init("says", .array(finding.words.map(JSONValue.string)))) }
        if !finding.clues.isEmpty { members.append(.init("clues", .array(finding.clues.map(clue)))) }
        if let profile, found.name == nil {
            members.append(.init("entry", .string(entry(found, profile: profile, bus: bus))))
        }
        members.append(.init("line", .string(line(found, finding))))
        return .object(members)
    }

    /// As it stands in `devices:` of the configuration.
    static func entry(_ found: ScanTask.Found, profile: String, bus: String) -> String {
        let host = found.host.map { "host: \"\($0)\", " } ?? ""
        let place = found.host.map { "\($0.host)-\(found.unit)".map { $0.isLetter || $0.isNumber ? $0 : "-" } }
        let name = place.map { "meter-" + String($0).lowercased() } ?? "meter-\(found.unit)"
        return "\(name): {bus: \(bus), \(host)address: \(found.unit), profile: \(profile)}"
    }

    /// A line of a profile, with why.
    private static func clue(_ clue: RegisterDetective.Clue) -> JSONValue {
        let phase = clue.phase == "total" ? "" : ", phase: \(clue.phase)"
        let line =
            "{quantity: \(clue.quantity)\(phase), table: \(clue.table.rawValue), at: \(hex(UInt16(clamping: clue.address))), "
            + "\(clue.encoding.words), unit: \(clue.unit == "1" ? "\"1\"" : clue.unit)}"
        return .object([
            .init("value", .string(line)),
            .init("reads", .string("\(RegisterDetective.short(clue.value)) \(clue.unit)")),
            .init("reason", .string(clue.reason)),
        ])
    }

    private static func line(_ found: ScanTask.Found, _ finding: DeviceInquiry.Finding) -> String {
        let place =
            (found.host.map { "\($0) unit \(found.unit)" } ?? "address \(found.unit)")
            + (found.settings.map { ", \($0.words)" } ?? "")
        let what =
            switch finding.verdict {
            case .identified(let profile, let model): model.isEmpty ? profile : "\(profile) (\(model))"
            case .candidates(let names): "perhaps \(names.joined(separator: ", or "))"
            case .unknown:
                finding.clues.isEmpty ? "not known" : "not known; \(finding.clues.count) registers can be guessed at"
            }
        return "\(place): \(what)\(found.name.map { ", configured as \($0)" } ?? "")"
    }
}
