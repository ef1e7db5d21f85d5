import Telemetry

/// Control gear and control devices of a lamp port.
extension Scenario {
    /// Kelvin that light sources have.
    private static let kelvins = 1000...20_000

    static func gear(_ value: JSONValue, _ path: String) throws(ScenarioError) -> [GearDescription] {
        let node = try ScenarioNode(
            value, path: path,
            keys: [
                "name", "address", "count", "rated_power", "curve", "physical_minimum", "d4i", "groups", "personality",
                "colour_temperature", "random_address", "identification", "feeder",
            ])
        let name = try node.name("name")
        let count = try node.integer("count", in: 1...64) ?? 1
        let first = try node.integer("address", in: 0...63)
        if let first, first + count > 64 {
            throw ScenarioError(path: node.join("count"), problem: "the short addresses would pass 63")
        }
        guard let curve = LightCurve(rawValue: try node.optionalText("curve") ?? "logarithmic") else {
            throw ScenarioError(path: node.join("curve"), problem: "expected logarithmic or linear")
        }
        let identification = try node.integer("identification", in: 0...Int(Int32.max))
        var one = GearDescription(
            name: name, shortAddress: nil, ratedPower: try node.number("rated_power", in: 1...5000) ?? 42, curve: curve,
            physicalMinimum: UInt8(try node.integer("physical_minimum", in: 1...254) ?? 85),
            isD4i: try node.flag("d4i") ?? true, groups: try groups(node),
            colourTemperatures: try colourTemperatures(node), personality: try personality(node),
            randomAddress: try randomAddress(node), feeder: try node.optionalText("feeder"))
        return (0..<count).map { index in
            one.name = numbered(name, index, of: count)
            one.shortAddress = first.map { UInt8($0 + index) }
            one.identification = identification.map { UInt64($0 + index) }
            return one
        }
    }

    private static func groups(_ node: ScenarioNode) throws(ScenarioError) -> UInt16 {
        var groups: UInt16 = 0
        for (element, path) in try node.list("groups") {
            guard case .number(let number) = element, let group = number.integer, (0...15).contains(group) else {
                throw ScenarioError(path: path, problem: "expected a group from 0 to 15")
            }
            groups |= 1 << UInt16(group)
        }
        return groups
    }

    private static func personality(_ node: ScenarioNode) throws(ScenarioError) -> Set<GearPersonality> {
        var traits: Set<GearPersonality> = []
        for (element, path) in try node.list("personality") {
            guard case .string(let text) = element, let trait = GearPersonality(rawValue: text) else {
                let known = GearPersonality.allCases.map(\.rawValue).joined(separator: ", ")
                throw ScenarioError(path: path, problem: "unknown; known are \(known)")
            }
            traits.insert(trait)
        }
        return traits
    }

    /// `[2700, 6500]`: the warmest and the coolest white, K.
    private static func colourTemperatures(_ node: ScenarioNode) throws(ScenarioError) -> ClosedRange<UInt16>? {
        let list = try node.list("colour_temperature")
        guard !list.isEmpty else { return nil }
        let kelvin = list.compactMap { element -> Int? in
            guard case .number(let number) = element.value, let kelvin = number.integer.map({ Int($0) }) else {
                return nil
            }
            return kelvins.contains(kelvin) ? kelvin : nil
        }
        guard list.count == 2, kelvin.count == 2, kelvin[0] <= kelvin[1] else {
            throw ScenarioError(
                path: node.join("colour_temperature"), problem: "expected [WARMEST, COOLEST] in K, as in [2700, 6500]")
        }
        return UInt16(kelvin[0])...UInt16(kelvin[1])
    }

    /// Six hexadecimal digits.
    private static func randomAddress(_ node: ScenarioNode) throws(ScenarioError) -> UInt32? {
        guard let text = try node.optionalText("random_address") else { return nil }
        guard text.utf8.count == 6, let number = UInt32(text, radix: 16) else {
            throw ScenarioError(
                path: node.join("random_address"), problem: "expected six hexadecimal digits, as in \"A1B2C3\"")
        }
        return number
    }

    static func sensor(_ value: JSONValue, _ path: String) throws(ScenarioError) -> SensorDescription {
        let node = try ScenarioNode(value, path: path, keys: ["name", "address", "instances", "event_scheme"])
        var instances: [SensorDescription.Kind] = []
        for (element, path) in try node.list("instances") {
            let kind = SensorDescription.Kind.allCases.first { element == .string($0.name) }
            guard let kind else { throw ScenarioError(path: path, problem: "expected light or occupancy") }
            instances.append(kind)
        }
        guard (1...32).contains(instances.count) else {
            throw ScenarioError(path: node.join("instances"), problem: "expected 1 to 32 of light and occupancy")
        }
        return SensorDescription(
            name: try node.name("name"), shortAddress: try node.integer("address", in: 0...63).map { UInt8($0) },
            instances: instances, eventScheme: UInt8(try node.integer("event_scheme", in: 0...4) ?? 2))
    }

    /// A feeder that gear names is an electricity meter of the field.
    func checkFeeders(_ port: LampPort) throws(ScenarioError) {
        let meters = (modbusPorts.flatMap(\.devices) + servers.flatMap(\.devices)).filter {
            if case .feeder = $0.product.model { true } else { false }
        }
        for gear in port.gear {
            guard let feeder = gear.feeder, !meters.contains(where: { $0.name == feeder }) else { continue }
            throw ScenarioError(
                path: port.name, problem: "\(gear.name) hangs on \(feeder), which is no electricity meter of the field")
        }
    }
}
