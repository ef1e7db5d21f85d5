internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// What is allowed in a profile and still looks like a slip: warnings for whoever writes one.
///
/// Most real mistakes in public profiles are an address off by one, a word order, a factor of ten or a thousand, and swapped quantities.
struct ProfileLint {
    /// So many values at the same addresses, and two profiles describe one map.
    static let kinship = 5

    let profile: ModbusProfile
    let diagnostics: Diagnostics
    /// Profiles of the same house; a neighbour shares its map with this one.
    let library: [ModbusProfile]

    private var place: NodePlace { NodePlace(.profile, name: profile.name) }

    func check() {
        guard profile.kind == .registers else { return }
        head()
        overlaps()
        for value in profile.values { check(value) }
        for other in library where other.name != profile.name && Self.house(other) == Self.house(profile) {
            neighbours(other)
        }
        tests()
    }

    private static func house(_ profile: ModbusProfile) -> Substring { profile.name.prefix { $0 != "-" } }

    private func warn(_ message: String, _ value: ProfileValue, _ key: String) {
        diagnostics.warning(
            message, at: place.appending("values").appending(value.position).appending(key))
    }

    private func head() {
        if profile.tests.isEmpty {
            diagnostics.warning("it has no test: nobody would notice a wrong address", at: place)
        }
        if profile.evidence.isEmpty {
            diagnostics.warning("no evidence: nobody can tell where the numbers come from", at: place)
        }
        if profile.status == "verified", profile.evidence.count < 2 {
            diagnostics.warning(
                "verified needs two independent sources, or one and the vendor's text", at: place.appending("status"))
        }
        if profile.medium.isEmpty { diagnostics.warning("the medium is not stated", at: place) }
    }

    private func check(_ value: ProfileValue) {
        if value.isDerived { return }
        let type = value.codec.type
        if profile.limits.isEvenOnly, type.width % 2 == 0, value.ownAddress % 2 != 0 {
            warn("\(value.name) begins at an odd address of a product that takes even requests only", value, "at")
        }
        if value.kind == .counter, type == .u16, value.rollover == nil, value.recipe == nil {
            warn("\(value.name) is a counter of 16 bits and does not say where it starts again (rollover)", value, "as")
        }
        if value.kind == .counter, type == .f32, value.unit == "W.h" || value.unit == "var.h" {
            warn("a 32-bit float in \(value.unit) stops counting single ones above 16.7 million", value, "as")
        }
        scale(value)
    }

    /// Compares what the type can hold with what the quantity usually is.
    private func scale(_ value: ProfileValue) {
        guard value.recipe == nil, profile.limits.ratio == .applied, value.kind == .gauge,
            let range = PlausibleRange(value)
        else { return }
        let bits: Int
        switch value.codec.type {
        case .u16: bits = 16
        case .i16: bits = 15
        case .u32: bits = 32
        case .i32: bits = 31
        default: return
        }
        guard value.codec.coding == .plain, value.codec.field == nil else { return }
        let largest = ExactDecimal((Int64(1) << Int64(bits)) - 1).multiplied(by: value.codec.scale)
        if let largest, range.least > .zero, largest < range.least {
            warn(
                "\(value.name) never exceeds \(largest.normalized) \(value.unit) with this scale; usual is \(range.words)",
                value, "scale")
        } else if value.codec.scale > range.most {
            warn(
                "one step of \(value.name) is \(value.codec.scale.normalized) \(value.unit); usual is \(range.words)",
                value, "scale")
        }
    }

    private func overlaps() {
        let sorted = profile.values.filter { !$0.isDerived }.sorted { $0.ownAddress < $1.ownAddress }
        for (index, value) in sorted.enumerated() {
            for other in sorted[(index + 1)...] {
                guard other.ownAddress <= value.ownAddresses.upperBound else { break }
                guard other.table == value.table, !Self.shareAWord(value, other) else { continue }
                let what =
                    value.ownAddresses == other.ownAddresses
                    ? "are the same registers" : "overlap"
                warn("\(value.name) and \(other.name) \(what)", other.position > value.position ? other : value, "at")
            }
        }
    }

    /// Flags and parts of one word, or one number in two units or codings.
    private static func shareAWord(_ a: ProfileValue, _ b: ProfileValue) -> Bool {
        guard a.ownAddresses == b.ownAddresses else { return a.codec.field != nil || b.codec.field != nil }
        return a.codec.mask != nil || b.codec.mask != nil || a.codec.field != nil || b.codec.field != nil
            || !a.codec.names.isEmpty || !b.codec.names.isEmpty || a.recipe != b.recipe
    }

    /// A value one register beside where a profile of the same map has it.
    private func neighbours(_ other: ModbusProfile) {
        let theirs = Dictionary(other.values.map { ($0.name, $0) }) { first, _ in first }
        let shared = profile.values.filter { value in
            theirs[value.name].map { $0.table == value.table && $0.ownAddress == value.ownAddress } ?? false
        }
        guard shared.count >= Self.kinship else { return }
        for value in profile.values {
            guard let their = theirs[value.name], their.table == value.table,
                their.codec.type == value.codec.type, abs(their.ownAddress - value.ownAddress) == 1
            else { continue }
            warn(
                "\(value.name) is at \(hex(UInt16(clamping: value.ownAddress))), in \(other.name), which has \(shared.count) values at the same addresses, at \(hex(UInt16(clamping: their.ownAddress))): one of them is off by one",
                value, "at")
        }
    }

    private func tests() {
        for test in profile.tests {
            for (point, wanted) in test.expected {
                guard case .value(.number(let number)) = wanted,
                    let value = profile.values.first(where: { $0.name == point }), let range = PlausibleRange(value),
                    !range.contains(number), number != .zero
                else { continue }
                diagnostics.warning(
                    "the test expects \(point) to be \(number) \(value.unit); usual is \(range.words)",
                    at: place.appending("tests").appending(test.position))
            }
        }
    }
}
