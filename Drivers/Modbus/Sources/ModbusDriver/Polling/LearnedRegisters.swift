internal import Telemetry

/// What a device refused and how much it takes at once: handed to the runtime to keep, read back at the next start.
///
/// One line of text per fact, so that a technician can read it in the state database:
/// `profile eastron-sdm630@1`, `refused input 0x001C`, `max_registers 20`.
struct LearnedRegisters: Sendable, Hashable {
    /// Key under which the runtime keeps it, per device.
    static let key = "registers"

    var profile: String
    var refused: Set<Place> = []
    var maximumRegisters: Int?

    struct Place: Sendable, Hashable {
        let table: RegisterTable
        let address: Int
    }

    init(profile: String) { self.profile = profile }

    /// nil when it is not ours or of another profile: then everything is tried again.
    init?(bytes: [UInt8], profile: String) {
        self.init(profile: profile)
        var isSameProfile = false
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            switch words.first {
            case "profile"?: isSameProfile = words.count == 2 && words[1] == profile
            case "refused"?:
                guard words.count == 3, let table = RegisterTable(rawValue: String(words[1])), words[2].hasPrefix("0x"),
                    let address = Int(words[2].dropFirst(2), radix: 16)
                else { return nil }
                refused.insert(Place(table: table, address: address))
            case "max_registers"?:
                guard words.count == 2, let count = Int(words[1]), (1...125).contains(count) else { return nil }
                maximumRegisters = count
            default: return nil
            }
        }
        guard isSameProfile else { return nil }
    }

    var bytes: [UInt8] {
        var lines = ["profile \(profile)"]
        lines += refused.map { "refused \($0.table.rawValue) \(hex(UInt16($0.address)))" }.sorted()
        if let maximumRegisters { lines.append("max_registers \(maximumRegisters)") }
        return Array(lines.joined(separator: "\n").utf8)
    }
}
