internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// The keys of a device that belong to this driver.
struct DeviceOptions: Sendable {
    static let descriptions: [DriverOptionDescription] = [
        .init("address", "number", "", "unit (slave) address: 1 to 247, on TCP 0 to 255", required: true),
        .init("host", "text", "", "HOST or HOST:PORT, on a bus with port: tcp"),
        .init(
            "ct_ratio", "number", "1", "current transformers, 250 or 250/5, for a meter that gives secondary values"),
        .init("vt_ratio", "number", "1", "voltage transformers, for a meter that gives secondary values"),
        .init("invert", "flag", "false", "the meter is mounted the other way round: import and export change places"),
        .init("pulse", "map", "", "{per, start, at}: what one pulse is worth, for a pulse input"),
        .init(
            "word_order", "high_first|low_first", "", "as it is set in the meter, where the installer can choose it"),
        .init(
            "units", "map", "", "{heat_energy: GJ}: the unit a meter is set to, where it differs from the profile's"),
        .init("force_profile", "flag", "false", "read the device although it says that it is another product"),
        .init(
            "setup", "map", "",
            "{POINT: VALUE}: what must stand in writable points; written when the device comes (back) and has something else"
        ),
        .init("sunspec_model", "number", "", "the one SunSpec meter model to read, such as 203"),
    ]

    var unit: Int?
    var host: HostAddress?
    var currentRatio = ExactDecimal(1)
    var voltageRatio = ExactDecimal(1)
    var isInverted = false
    /// Nil: as the profile says.
    var isLowWordFirst: Bool?
    /// By quantity or point name.
    var units: [String: Unit] = [:]
    /// By channel; nil is of every channel without its own.
    var pulses: [Int?: PulseWorth] = [:]
    var isForced = false
    var sunspecModel: Int?
    /// Values that writable points must have, as they are written.
    var setup: DriverNode?

    init(_ device: DriverDevice, port: PortAddress?, profile: ModbusProfile?, diagnostics: Diagnostics) {
        let map = NodeMap(
            device.hasOptions ? device.options : nil, place: NodePlace(.device, name: device.name),
            diagnostics: diagnostics)
        if let value = map.required("address", "the unit address, such as 1") {
            unit = value.integer(in: port?.units ?? 0...255)
        }
        if case .hosts? = port {
            if let value = map.required("host", "HOST or HOST:PORT"), let text = value.text() {
                host = HostAddress(text)
                if host == nil { value.error("\(text) is no host; expected HOST or HOST:PORT") }
            }
        } else if let value = map.value("host") {
            value.error("only a bus with port: tcp has a host for each device; this bus has one port")
        }
        currentRatio = Self.ratio(map, "ct_ratio", profile)
        voltageRatio = Self.ratio(map, "vt_ratio", profile)
        isInverted = map.flag("invert") ?? false
        isLowWordFirst = map.choice("word_order", ["high_first": false, "low_first": true])
        isForced = map.flag("force_profile") ?? false
        units = Self.units(map, profile)
        pulses = PulseWorth.read(map, profile)
        // The points are known only when the device is made; they are checked there.
        if let value = map.value("setup"), value.map() != nil { setup = value.node }
        if let value = map.value("sunspec_model") {
            if let profile, profile.kind != .sunspec {
                value.error("\(profile.name) is no SunSpec profile")
            } else {
                sunspecModel = value.integer(oneOf: profile?.informationModels.filter { $0 > 1 } ?? SunSpecModel.known)
            }
        }
        map.finish()
    }

    /// `40` or `200/5`: how many times the primary value is the secondary one.
    private static func ratio(_ map: NodeMap, _ key: String, _ profile: ModbusProfile?) -> ExactDecimal {
        let one = ExactDecimal(1)
        guard let value = map.value(key), let text = value.text() else { return one }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { ExactDecimal($0) }
        var ratio: ExactDecimal?
        switch parts.count {
        case 1: ratio = parts[0]
        case 2:
            // Exact or not at all: a bill is not multiplied by 33.333.
            if let top = parts[0], let bottom = parts[1] { ratio = top.divided(by: bottom) }
        default: break
        }
        guard let ratio, ratio > .zero else {
            value.error("\(text) is no exact ratio; expected a number such as 40, or primary/secondary such as 200/5")
            return one
        }
        guard let profile, ratio != one else { return ratio }
        switch profile.limits.ratio {
        case .secondary: break
        case .applied:
            value.error(
                "\(profile.name) multiplies by the ratio itself: set it in the meter, not here, or every value is counted twice"
            )
        case .registers:
            value.error(
                "\(profile.name) tells its ratio in a register, which is multiplied already: set it in the meter, not here"
            )
        }
        return ratio
    }

    private static func units(_ map: NodeMap, _ profile: ModbusProfile?) -> [String: Unit] {
        var units: [String: Unit] = [:]
        for (name, value) in map.map("units")?.all() ?? [] {
            guard let text = value.text() else { continue }
            guard let unit = Unit(symbol: text) else {
                let nearest = NearestKey.find(text, in: Unit.all.map(\.symbol)).map { "; did you mean \($0)?" } ?? ""
                value.error("unknown unit \(text)\(nearest)")
                continue
            }
            if let profile {
                let meant = profile.values.filter { $0.name == name || $0.quantity == name }
                if meant.isEmpty {
                    value.error("\(profile.name) has no \(name)")
                } else if !meant.allSatisfy({ $0.recipe?.units.contains(text) == true }) {
                    value.error("\(name) is never in \(text), says \(profile.name)")
                }
            }
            units[name] = unit
        }
        return units
    }
}

/// What one pulse of an input is worth, and where the display stood.
struct PulseWorth: Sendable, Hashable {
    var per: ExactDecimal
    var unit: Unit
    /// What the display showed when the register stood at ``at``.
    var start = ExactDecimal.zero
    var at = ExactDecimal.zero
    /// What is counted, where the profile does not know.
    var quantity: String?

    var words: String {
        var text = "\(per) \(unit.symbol)"
        if start != .zero || at != .zero { text += ", \(start) \(unit.symbol) at \(at)" }
        return text
    }

    /// `{per, start, at, quantity}`, or such a map for each channel: `{ch1: {...}, ch2: {...}}`.
    static func read(_ map: NodeMap, _ profile: ModbusProfile?) -> [Int?: PulseWorth] {
        guard let value = map.value("pulse"), let keys = value.map() else { return [:] }
        if let profile, !profile.values.contains(where: \.isPulse) {
            _ = keys.all()
            value.error("the profile has no pulse input, so there is nothing that pulse could be applied to")
            return [:]
        }
        guard !keys.keys.contains("per"), keys.keys.contains(where: { $0.hasPrefix("ch") }) else {
            return PulseWorth(keys).map { [nil: $0] } ?? [:]
        }
        var all: [Int?: PulseWorth] = [:]
        for (key, entry) in keys.all() {
            guard key.hasPrefix("ch"), let channel = Int(key.dropFirst(2)), PointName.channels.contains(channel) else {
                entry.error("\(key) is no channel; expected ch1, ch2 ...")
                continue
            }
            if let inner = entry.map(), let worth = PulseWorth(inner) { all[channel] = worth }
        }
        return all
    }

    private init?(_ map: NodeMap) {
        let value = map.required("per", "a value with its unit, such as 0.01 m3")
        let text = value?.text()
        let parts = (text ?? "").split(separator: " ")
        let start = map.value("start").flatMap { Self.number($0) }
        let at = map.decimal("at")
        quantity = map.text("quantity")
        if let quantity, Quantity(name: quantity) == nil {
            let nearest = NearestKey.find(quantity, in: Quantity.all.lazy.map(\.name))
            map.value("quantity")?.error(
                "unknown quantity \(quantity)" + (nearest.map { "; did you mean \($0)?" } ?? ""))
        }
        map.finish()
        guard parts.count == 2, let per = ExactDecimal(parts[0]), per > .zero, let unit = Unit(symbol: parts[1]) else {
            if let value, text != nil {
                value.error("\(value.written) where a value with its unit was expected, such as 0.01 m3")
            }
            return nil
        }
        if let quantity, let known = Quantity(name: quantity), !known.accepts(unit: unit.symbol) {
            value?.error("\(quantity) cannot be in \(unit.symbol)")
        }
        self.per = per
        self.unit = unit
        self.start = start ?? .zero
        self.at = at ?? .zero
    }

    /// The display's reading, with or without its unit.
    private static func number(_ value: NodeValue) -> ExactDecimal? {
        guard let text = value.text() else { return nil }
        guard let first = text.split(separator: " ").first, let number = ExactDecimal(first) else {
            value.error("\(value.written) where the display's reading was expected, such as 1234.56")
            return nil
        }
        return number
    }
}

extension ValueRecipe {
    /// Units that a value's unit register may name.
    var units: [String] {
        for case .unit(_, let choices) in steps { return choices.values.map(\.unit) }
        return []
    }
}
