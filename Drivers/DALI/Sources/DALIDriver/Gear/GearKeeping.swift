internal import Telemetry

/// What was read of a gear's own memory, who it is, and whether both must be read (again).
struct GearKeeping: Sendable {
    /// As read; empty before the first time and after anything that may have put another gear, or other settings, there.
    var kept: [GearSetting: UInt8] = [:]
    /// What the gear would not take: not written again while it keeps the same, for its memory wears out.
    var refused: [GearSetting: Refusal] = [:]
    var isDue = true
    /// Not tried again before this moment.
    var notBefore = BootInstant(nanoseconds: .min)

    /// Who answered last when asked; nil when nobody asked, or the gear has no such memory.
    var identity: GearIdentity?
    /// Asked since the last doubt.
    var isIdentityFresh = false
    /// Who belongs here as far as earlier runs know.
    var accepted: GearIdentity?
    /// The settings as they were last told, in words.
    var told = ""

    struct Refusal: Sendable, Hashable {
        let wanted: UInt8
        let kept: UInt8?
    }

    /// DALI groups that the gear is in; nil while nobody knows.
    var groups: UInt16? {
        guard let low = kept[.groupsLow], let high = kept[.groupsHigh] else { return nil }
        return UInt16(high) << 8 | UInt16(low)
    }

    /// Everything is to be read anew.
    mutating func doubt() {
        kept = [:]
        isDue = true
        isIdentityFresh = false
        notBefore = BootInstant(nanoseconds: .min)
    }
}

extension Gear {
    /// Who is to sit at this address: the file's word, otherwise whom an earlier run met.
    var expectedIdentity: GearIdentity? { settings.identity ?? keeping.accepted }

    var isStranger: Bool {
        guard let expected = expectedIdentity, let found = keeping.identity else { return false }
        return expected != found
    }

    /// What the gear will do without us, as read from it: `power_on 60 %, system_failure 60 %`. Empty while nobody has read it.
    var keptText: String {
        GearSetting.told.compactMap { setting in
            keeping.kept[setting].map { "\(setting.name) \(setting.text($0, self))" }
        }.joined(separator: ", ")
    }
}
