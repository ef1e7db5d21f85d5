internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Reads a profile's tree; everything wrong with it becomes a diagnostic with its path.
struct ProfileReader {
    /// Longest list of values: SunSpec-like maps with all phases and tariffs have a few hundred.
    static let valueLimit = 2_000
    static let statuses: KeyValuePairs<String, String> = [
        "verified": "verified", "field_tested": "field_tested", "unverified": "unverified",
    ]
    /// Keys of the profile format that need more than this version does.
    static let laterValueKeys = [
        "scale_from", "unit_from", "times", "sign_from", "minus", "plus", "codec", "good_when", "instances",
        "only_when",
        "pulse", "group",
    ]

    let diagnostics: Diagnostics
    private let root: NodeMap
    private let place: NodePlace

    init(_ profile: DriverProfile, diagnostics: Diagnostics) {
        self.diagnostics = diagnostics
        place = NodePlace(.profile, name: profile.name)
        root = NodeMap(profile.content, place: place, diagnostics: diagnostics)
        name = profile.name
    }

    private let name: String

    /// - Returns: what could be read; use it only when the diagnostics hold no error of this profile.
    func read() -> ModbusProfile {
        var profile = ModbusProfile(name: name)
        if let driver = root.text("driver"), driver != "modbus" {
            diagnostics.error("a profile of the driver \(driver) on a modbus bus", at: place.appending("driver"))
        }
        if let written = root.text("profile"), written != name {
            diagnostics.error(
                "the profile calls itself \(written), its file \(name); they must be the same",
                at: place.appending("profile"))
        }
        profile.version = root.text("version") ?? "1"
        profile.medium =
            root.choice(
                "medium",
                [
                    "electricity": "electricity", "water": "water", "gas": "gas", "heat": "heat", "cooling": "cooling",
                    "pulse": "pulse",
                ]) ?? ""
        profile.models = texts("models")
        profile.evidence = texts("evidence")
        if let status = root.required("status", "verified, field_tested or unverified") {
            profile.status = status.choice(Self.statuses) ?? "unverified"
        }
        _ = root.value("description")
        let numbers = ProfileNumbers(root.map("numbers"))
        profile.serial = root.map("serial").map(Self.serial)
        if let tcp = root.map("tcp") {
            _ = tcp.integer("port", in: 1...65_535)
            _ = tcp.integer("unit_id", in: 0...255)
            tcp.finish()
        }
        if let limits = root.map("limits") { profile.limits = Self.limits(limits) }
        // How to recognise the product; used when a bus is scanned.
        for line in root.list("identify") ?? [] { checkIdentification(line, numbers) }
        profile.neverRead = neverRead(numbers)
        let defaults = ProfileDefaults(root.map("defaults_for_values"))
        let reader = ProfileValueReader(numbers: numbers, defaults: defaults, limits: profile.limits)
        let list = root.required("values", "a list of values")?.list() ?? []
        if list.count > Self.valueLimit {
            diagnostics.error(
                "\(list.count) values, more than the \(Self.valueLimit) a profile may have",
                at: place.appending("values"))
        }
        for item in list.prefix(Self.valueLimit) {
            guard let map = item.map() else { continue }
            profile.values += reader.read(map)
        }
        checkNames(profile, list)
        for item in root.list("tests") ?? [] {
            if let test = ProfileTestReader(numbers: numbers).read(item) {
                profile.tests.append(test)
                for failure in test.failures(in: profile) {
                    diagnostics.error("the profile's own test fails: \(failure)", at: item.place)
                }
            }
        }
        root.finish()
        return profile
    }

    private func texts(_ key: String) -> [String] {
        guard let value = root.value(key) else { return [] }
        if value.isList { return (value.list() ?? []).compactMap { $0.text() } }
        return value.text().map { [$0] } ?? []
    }

    private static func serial(_ map: NodeMap) -> SerialSettings {
        var settings = SerialSettings()
        settings.baud = map.integer("baud", oneOf: SerialRates.all) ?? settings.baud
        settings.parity = map.choice("parity", BusOptions.parities) ?? settings.parity
        settings.stopBits = map.integer("stop_bits", in: 1...2) ?? settings.stopBits
        _ = map.integer("unit_id", in: 1...247)
        map.finish()
        return settings
    }

    private static func limits(_ map: NodeMap) -> ModbusProfile.Limits {
        var limits = ModbusProfile.Limits()
        limits.maximumRegisters = map.integer("max_registers", in: 1...125) ?? limits.maximumRegisters
        limits.gaps =
            map.choice(
                "gaps",
                ["error": .error, "zeros": .zeros, "readable": .readable, "unknown": ModbusProfile.Gaps.unknown])
            ?? limits.gaps
        limits.isEvenOnly = map.flag("even_only") ?? false
        limits.pause = map.duration("pause", in: .zero ... .seconds(1)) ?? .zero
        limits.timeout = map.duration("timeout", in: .milliseconds(10) ... .seconds(10))
        limits.ratio =
            map.choice("ratio", ["applied": .applied, "secondary": ModbusProfile.Ratio.secondary]) ?? .applied
        map.finish()
        return limits
    }

    private func checkIdentification(_ line: NodeValue, _ numbers: ProfileNumbers) {
        guard let map = line.map() else { return }
        _ = numbers.address(map)
        if let type = map.text("as"), ValueType(type) == nil {
            diagnostics.error("\(type) is no type; expected one of \(ValueType.names)", at: map.place.appending("as"))
        }
        _ = map.flag("alone")
        _ = map.value("equals")
        map.finish()
    }

    private func neverRead(_ numbers: ProfileNumbers) -> [ModbusProfile.RegisterRange] {
        (root.list("never_read") ?? []).compactMap { item in
            var table = numbers.table
            var text: String?
            var spot = item
            if item.isMap, let map = item.map() {
                if let named = map.choice("table", ProfileNumbers.tables) { table = named }
                guard let at = map.required("at", "an address or a range such as 0x4000-0x4001") else { return nil }
                spot = at
                text = at.text()
                map.finish()
            } else {
                text = item.text()
            }
            let parts = (text ?? "").split(separator: "-").map { NodeValue.parseInteger(String($0)) }
            guard let first = parts.first ?? nil, let last = parts.last ?? nil, parts.count <= 2, first <= last,
                let from = numbers.wire(first, table), let to = numbers.wire(last, table)
            else {
                spot.error("\(spot.written) where an address or a range such as 0x4000-0x4001 was expected")
                return nil
            }
            return ModbusProfile.RegisterRange(table: table, range: from...to)
        }
    }

    /// Names are unique, and what must never be read is not in the list.
    private func checkNames(_ profile: ModbusProfile, _ list: [NodeValue]) {
        var seen: Set<String> = []
        for value in profile.values {
            if !seen.insert(value.name).inserted {
                diagnostics.error("two values are called \(value.name)", at: place.appending("values"))
            }
            for never in profile.neverRead where never.table == value.table && never.range.overlaps(value.addresses) {
                diagnostics.error(
                    "\(value.name) at \(hex(UInt16(clamping: value.address))) lies in never_read",
                    at: place.appending("values"))
            }
        }
        if list.isEmpty && !diagnostics.hasErrors(.profile, name: name) {
            diagnostics.error("the list of values is empty", at: place.appending("values"))
        }
    }
}
