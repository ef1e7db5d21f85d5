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
    static let media: KeyValuePairs<String, String> = [
        "electricity": "electricity", "water": "water", "gas": "gas", "heat": "heat", "cooling": "cooling",
        "steam": "steam", "pulse": "pulse",
    ]

    let diagnostics: Diagnostics
    let root: NodeMap
    let place: NodePlace
    let name: String

    init(_ profile: DriverProfile, diagnostics: Diagnostics) {
        self.diagnostics = diagnostics
        place = NodePlace(.profile, name: profile.name)
        root = NodeMap(profile.content, place: place, diagnostics: diagnostics)
        name = profile.name
    }

    /// - Returns: what could be read; use it only when the diagnostics hold no error of this profile.
    func read() -> ModbusProfile {
        var profile = ModbusProfile(name: name)
        head(&profile)
        let numbers = ProfileNumbers(root.map("numbers"))
        profile.base = numbers.base
        if let serial = root.map("serial") { (profile.serial, profile.factoryUnit) = Self.serial(serial) }
        profile.network = root.map("tcp").map(Self.network)
        if let limits = root.map("limits") { profile.limits = Self.limits(limits) }
        let operands = OperandReader(numbers: numbers)
        profile.identification = (root.list("identify") ?? []).compactMap { identification($0, operands) }
        profile.neverRead = neverRead(numbers)
        if profile.kind == .sunspec {
            SunSpecProfile(diagnostics: diagnostics, place: place).fill(&profile)
            _ = root.value("values")
        } else {
            values(&profile, numbers, operands)
        }
        for item in root.list("tests") ?? [] {
            if let test = ProfileTestReader(numbers: numbers).read(item) { profile.tests.append(test) }
        }
        root.finish()
        checkTests(profile)
        return profile
    }

    private func head(_ profile: inout ModbusProfile) {
        if let driver = root.text("driver"), driver != "modbus" {
            diagnostics.error("a profile of the driver \(driver) on a modbus bus", at: place.appending("driver"))
        }
        if let written = root.text("profile"), written != name {
            diagnostics.error(
                "the profile calls itself \(written), its file \(name); they must be the same",
                at: place.appending("profile"))
        }
        profile.kind =
            root.choice("kind", ["registers": .registers, "sunspec": ModbusProfile.Kind.sunspec]) ?? .registers
        profile.version = root.text("version") ?? "1"
        profile.medium = root.choice("medium", Self.media) ?? ""
        if profile.kind == .sunspec {
            profile.informationModels = (root.required("models", "model numbers such as [1, 203]")?.list() ?? [])
                .compactMap { $0.integer(oneOf: SunSpecModel.known) }
            profile.models = texts("products")
        } else {
            profile.models = texts("models")
        }
        profile.evidence = texts("evidence")
        profile.disputes = texts("disputes")
        if let status = root.required("status", "verified, field_tested or unverified") {
            profile.status = status.choice(Self.statuses) ?? "unverified"
        }
        profile.description = root.text("description") ?? ""
    }

    private func values(_ profile: inout ModbusProfile, _ numbers: ProfileNumbers, _ operands: OperandReader) {
        let defaults = ProfileDefaults(root.map("defaults_for_values"))
        let ratios = ProfileRatios(
            root.map("ratios"), operands, limits: profile.limits, place: place, diagnostics)
        let reader = ProfileValueReader(
            numbers: numbers, defaults: defaults, limits: profile.limits,
            recipes: RecipeReader(operands: operands, limits: profile.limits, ratios: ratios))
        let list = root.required("values", "a list of values")?.list() ?? []
        if list.count > Self.valueLimit {
            diagnostics.error(
                "\(list.count) values, more than the \(Self.valueLimit) a profile may have",
                at: place.appending("values"))
        }
        for (position, item) in list.prefix(Self.valueLimit).enumerated() {
            guard let map = item.map() else { continue }
            profile.values += reader.read(map, position: position)
            if profile.values.count > Self.valueLimit {
                item.error("more than \(Self.valueLimit) values, instances included")
                break
            }
        }
        if list.isEmpty && !diagnostics.hasErrors(.profile, name: name) {
            diagnostics.error("the list of values is empty", at: place.appending("values"))
        }
        ProfileAssembly(diagnostics: diagnostics, place: place).finish(&profile)
    }

    private func checkTests(_ profile: ModbusProfile) {
        guard !diagnostics.hasErrors(.profile, name: name) else { return }
        for test in profile.tests {
            for failure in test.failures(in: profile) {
                diagnostics.error(
                    "the profile's own test fails: \(failure)", at: place.appending("tests").appending(test.position))
            }
        }
    }

    private func texts(_ key: String) -> [String] {
        guard let value = root.value(key) else { return [] }
        if value.isList { return (value.list() ?? []).compactMap { $0.text() } }
        return value.text().map { [$0] } ?? []
    }
}
