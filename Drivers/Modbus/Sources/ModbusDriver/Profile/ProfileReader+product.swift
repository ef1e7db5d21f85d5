internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// What holds for the product as a whole: its line, its limits, how it is known.
extension ProfileReader {
    static func serial(_ map: NodeMap) -> (SerialSettings, unit: Int?) {
        var settings = SerialSettings()
        settings.baud = map.integer("baud", oneOf: SerialRates.all) ?? settings.baud
        settings.parity = map.choice("parity", BusOptions.parities) ?? settings.parity
        settings.stopBits = map.integer("stop_bits", in: 1...2) ?? settings.stopBits
        let unit = map.integer("unit_id", in: 1...247)
        map.finish()
        return (settings, unit)
    }

    static func network(_ map: NodeMap) -> ModbusProfile.Network {
        var network = ModbusProfile.Network()
        network.port = map.integer("port", in: 1...65_535) ?? network.port
        network.unit = map.integer("unit_id", in: 0...255)
        map.finish()
        return network
    }

    static func limits(_ map: NodeMap) -> ModbusProfile.Limits {
        var limits = ModbusProfile.Limits()
        limits.maximumRegisters = map.integer("max_registers", in: 1...125) ?? limits.maximumRegisters
        if let steps = map.list("shrink_to") {
            limits.shrinkTo = steps.compactMap { $0.integer(in: 1...125) }
            if zip(limits.shrinkTo, limits.shrinkTo.dropFirst()).contains(where: { $0 <= $1 })
                || limits.shrinkTo.first ?? 0 >= limits.maximumRegisters
            {
                map.value("shrink_to")?.error("each must be smaller than the one before, the first than max_registers")
            }
        }
        limits.gaps =
            map.choice(
                "gaps",
                ["error": .error, "zeros": .zeros, "readable": .readable, "unknown": ModbusProfile.Gaps.unknown])
            ?? limits.gaps
        limits.isEvenOnly = map.flag("even_only") ?? false
        limits.pause = map.duration("pause", in: .zero ... .seconds(1)) ?? .zero
        limits.timeout = map.duration("timeout", in: .milliseconds(10) ... .seconds(10))
        limits.latency = map.duration("latency", in: .zero ... .seconds(10)) ?? limits.latency
        limits.ratio =
            map.choice(
                "ratio",
                [
                    "applied": .applied, "secondary": .secondary,
                    "ct_and_vt_registers": ModbusProfile.Ratio.registers,
                ]) ?? .applied
        map.finish()
        return limits
    }

    func identification(_ line: NodeValue, _ operands: OperandReader) -> Identification? {
        guard let map = line.map() else { return nil }
        let source = operands.source(map)
        let isAlone = map.flag("alone") ?? false
        let isText = source.map { $0.codec.type.isText || $0.codec.coding.isText } ?? false
        var models: [ValueRecipe.Code: String] = [:]
        func add(_ value: NodeValue, _ text: String, _ model: String) {
            guard let code = OperandReader.code(text, isText: isText) else {
                value.error("\(value.written) where a number such as 341 or 0x0020 was expected")
                return
            }
            models[code] = model
        }
        var wanted: Identification.Wanted?
        if let value = map.value("equals") {
            if value.isMap {
                for (key, model) in value.map()?.all() ?? [] { add(model, key, model.text() ?? "") }
            } else if let text = value.text() {
                add(value, text, "")
            }
        }
        for item in map.list("one_of") ?? [] { if let text = item.text() { add(item, text, "") } }
        if !models.isEmpty { wanted = .oneOf(models) }
        if let beginning = map.text("starts_with") {
            if !isText { map.value("starts_with")?.error("only a text has a beginning") }
            wanted = .startsWith(beginning)
        }
        _ = map.value("note")
        _ = map.value("manual")
        map.finish()
        if wanted == nil, !diagnostics.hasErrors(.profile, name: name) {
            line.error("equals, one_of or starts_with must say what is expected")
        }
        guard let source, let wanted else { return nil }
        return Identification(source: source, isAlone: isAlone, wanted: wanted)
    }

    func neverRead(_ numbers: ProfileNumbers) -> [ModbusProfile.RegisterRange] {
        (root.list("never_read") ?? []).compactMap { item in
            var table = numbers.table
            var text: String?
            var spot = item
            if item.isMap, let map = item.map() {
                if let named = map.choice("table", ProfileNumbers.tables) { table = named }
                guard let at = map.required("at", "an address or a range such as 0x4000-0x4001") else { return nil }
                spot = at
                text = at.text()
                _ = map.value("note")
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
}
