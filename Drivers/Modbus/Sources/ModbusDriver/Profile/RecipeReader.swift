internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Reads the keys of a value that make it of more than its own registers.
struct RecipeReader {
    let operands: OperandReader
    let limits: ModbusProfile.Limits
    /// Where the product keeps its transformer ratios.
    let ratios: ProfileRatios

    /// - Parameters:
    ///   - unit: the value's own.
    ///   - ratioDimension: whether transformer ratios from registers change it.
    func read(_ map: NodeMap, unit: String, takesRatios: Bool) -> ValueRecipe {
        var recipe = ValueRecipe()
        conditions(map, &recipe)
        gates(map, &recipe)
        registers(map, "plus", &recipe) { .rawPlus($0) }
        registers(map, "minus", &recipe) { .rawMinus($0) }
        recipe.steps.append(.ownScale)
        scale(map, &recipe)
        for operand in operands.operands(map.value("times")) { recipe.steps.append(.times(recipe.operand(operand))) }
        for operand in operands.operands(map.value("over")) { recipe.steps.append(.over(recipe.operand(operand))) }
        if takesRatios, limits.ratio == .registers {
            for operand in ratios.factors(unit: unit) { recipe.steps.append(.times(recipe.operand(operand))) }
        }
        self.unit(map, unit, &recipe)
        sign(map, &recipe)
        autoScale(map, &recipe)
        if let offset = map.decimal("offset") { recipe.steps.append(.offset(offset)) }
        points(map, "plus", &recipe) { .plus($0) }
        points(map, "minus", &recipe) { .minus($0) }
        valid(map, &recipe)
        return recipe
    }

    /// `sum_of` instead of registers.
    func sum(_ value: NodeValue, of name: PointName) -> ValueRecipe {
        var recipe = ValueRecipe()
        var parts: [Int] = []
        for item in value.list() ?? [] {
            guard let text = item.text() else { continue }
            let point =
                PointName.Phase(rawValue: text).map {
                    PointName(quantity: name.quantity, channel: name.channel, phase: $0, tariff: name.tariff)
                        .description
                } ?? text
            guard (try? PointName(point)) != nil else {
                item.error("\(item.written) is neither a phase nor a value of this profile")
                continue
            }
            if point == name.description {
                item.error("\(point) cannot be a part of itself")
                continue
            }
            parts.append(recipe.operand(.point(point)))
        }
        if parts.count < 2 { value.error("a sum needs two values or more, such as [L1, L2, L3]") }
        recipe.steps = [.sum(parts)]
        return recipe
    }

    private func items(_ value: NodeValue?) -> [NodeValue] {
        guard let value else { return [] }
        return value.isList ? value.list() ?? [] : [value]
    }

    private func registers(
        _ map: NodeMap, _ key: String, _ recipe: inout ValueRecipe, _ step: (Int) -> ValueRecipe.Step
    ) {
        for item in items(map.value(key)) where item.isMap {
            guard let operand = operands.operand(item) else { continue }
            recipe.steps.append(step(recipe.operand(operand)))
        }
    }

    private func points(
        _ map: NodeMap, _ key: String, _ recipe: inout ValueRecipe, _ step: (Int) -> ValueRecipe.Step
    ) {
        for item in items(map.value(key)) where !item.isMap {
            guard let operand = operands.operand(item) else { continue }
            recipe.steps.append(step(recipe.operand(operand)))
        }
    }

    private enum ScaleKind { case exponent, factor, divisor, table }

    private func scale(_ map: NodeMap, _ recipe: inout ValueRecipe) {
        guard let value = map.value("scale_from"), let keys = value.map() else { return }
        let source = operands.source(keys)
        let kind =
            keys.choice(
                "kind",
                ["exponent10": .exponent, "factor": .factor, "divisor": .divisor, "table": ScaleKind.table])
        if kind == nil, !keys.keys.contains("kind") {
            value.error("the key kind is missing; expected exponent10, factor, divisor or table")
        }
        var table: [ValueRecipe.Code: ExactDecimal] = [:]
        if let entries = keys.map("map")?.all() {
            for (key, entry) in entries {
                guard let code = code(key, source, entry), let factor = entry.decimal() else { continue }
                table[code] = factor
            }
        }
        if kind == .table, table.isEmpty { value.error("kind table needs map: {code: factor}") }
        if kind != .table, !table.isEmpty { value.error("only kind table has a map") }
        keys.finish()
        guard let source, let kind else { return }
        let operand = recipe.operand(.register(source))
        switch kind {
        case .exponent: recipe.steps.append(.powerOfTen(operand))
        case .factor: recipe.steps.append(.times(operand))
        case .divisor: recipe.steps.append(.over(operand))
        case .table: recipe.steps.append(.lookUp(operand, table))
        }
    }

    private func code(_ key: String, _ source: RegisterSource?, _ entry: NodeValue) -> ValueRecipe.Code? {
        let isText = source.map { $0.codec.type.isText || $0.codec.coding.isText } ?? false
        let code = OperandReader.code(key, isText: isText)
        if code == nil { entry.error("the key \(key) is no code; expected a number such as 4 or 0x0004") }
        return code
    }

    private func unit(_ map: NodeMap, _ unit: String, _ recipe: inout ValueRecipe) {
        guard let value = map.value("unit_from"), let keys = value.map() else { return }
        let source = operands.source(keys)
        var choices: [ValueRecipe.Code: ValueRecipe.UnitChoice] = [:]
        for (key, entry) in keys.required("map", "a map of codes and units")?.map()?.all() ?? [] {
            guard let code = code(key, source, entry), let text = entry.text() else { continue }
            // "kW.h", or "10 L" for a meter that counts in tens of litres.
            let parts = text.split(separator: " ", maxSplits: 1)
            let factor = parts.count == 2 ? ExactDecimal(parts[0]) : ExactDecimal(1)
            guard let factor, factor > .zero, let symbol = parts.last, let known = Unit(symbol: symbol) else {
                let nearest = NearestKey.find(text, in: Unit.all.map(\.symbol)).map { "; did you mean \($0)?" } ?? ""
                entry.error("\(entry.written) is no unit\(nearest)")
                continue
            }
            choices[code] = ValueRecipe.UnitChoice(factor: factor, unit: known.symbol)
        }
        keys.finish()
        if let own = Unit(symbol: unit), !choices.isEmpty,
            !choices.values.contains(where: { Unit(symbol: $0.unit)?.dimension == own.dimension })
        {
            value.error("none of the units converts to \(unit)")
        }
        if Unit(symbol: unit) == nil { value.error("a value with unit_from needs a unit of its own") }
        guard let source else { return }
        recipe.steps.append(.unit(recipe.operand(.register(source)), choices))
    }

    private func sign(_ map: NodeMap, _ recipe: inout ValueRecipe) {
        guard let keys = map.map("sign_from") else { return }
        let source = operands.source(keys)
        var rule: ValueRecipe.Negative?
        if let value = keys.required("negative_when", "nonzero, zero or a number") {
            switch value.node.value {
            case .text("nonzero")?: rule = .nonzero
            case .text("zero")?: rule = .zero
            default:
                let codes = OperandReader.codes(value)
                rule = codes.isEmpty ? nil : .codes(codes)
            }
        }
        keys.finish()
        guard let source, let rule else { return }
        recipe.steps.append(.sign(recipe.operand(.register(source)), rule))
    }

    private func autoScale(_ map: NodeMap, _ recipe: inout ValueRecipe) {
        guard let keys = map.map("auto_scale") else { return }
        let above = keys.required("above", "a number")?.decimal()
        let factor = keys.required("factor", "a factor such as 0.1")?.decimal()
        keys.finish()
        if let above, let factor { recipe.steps.append(.autoScale(above: above, factor: factor)) }
    }

    private func gates(_ map: NodeMap, _ recipe: inout ValueRecipe) {
        for item in items(map.value("good_when")) {
            guard let keys = item.map() else { continue }
            let mask = keys.integer("mask", in: 1...Int.max)
            // The mask belongs to the gate here, not to the register.
            let plain = NodeMap(keys.without("mask"), place: keys.place, diagnostics: keys.diagnostics)
            let source = operands.source(plain)
            let gate = gate(keys, mask)
            if gate == nil {
                item.error(
                    "one of low_byte_above, high_byte_above, above, below, equals, one_of and mask must say what is good"
                )
            }
            for key in plain.keys where !Self.gateKeys.contains(key) && !Self.sourceKeys.contains(key) {
                keys.diagnostics.error("unknown key \(key)", at: keys.place.appending(key), atKey: true)
            }
            guard let source, let gate else { continue }
            recipe.steps.append(.goodWhen(recipe.operand(.register(source)), gate))
        }
    }

    private static let gateKeys = ["low_byte_above", "high_byte_above", "above", "below", "equals", "one_of", "mask"]
    private static let sourceKeys = [
        "at", "as", "table", "word_order", "byte_order", "scale", "absent", "codec", "stride",
    ]

    private func gate(_ keys: NodeMap, _ mask: Int?) -> ValueRecipe.Gate? {
        if let mask {
            return .masked(Int64(mask), equals: Int64(keys.integer("equals", in: 0...Int.max) ?? 0))
        }
        if let limit = keys.integer("low_byte_above", in: 0...255) { return .lowByteAbove(Int64(limit)) }
        if let limit = keys.integer("high_byte_above", in: 0...255) { return .highByteAbove(Int64(limit)) }
        if let limit = keys.decimal("above") { return .above(limit) }
        if let limit = keys.decimal("below") { return .below(limit) }
        if let value = keys.value("equals") ?? keys.value("one_of") {
            let codes = OperandReader.codes(value)
            return codes.isEmpty ? nil : .oneOf(codes)
        }
        return nil
    }

    private func conditions(_ map: NodeMap, _ recipe: inout ValueRecipe) {
        for (key, value) in map.map("only_when")?.all() ?? [] {
            let name = key == "firmware" ? "firmware_version" : key
            guard (try? PointName(name)) != nil else {
                value.error("\(key) is no value of this profile")
                continue
            }
            let texts = value.isList ? (value.list() ?? []).compactMap { $0.text() } : [value.scalar].compactMap { $0 }
            guard let first = texts.first else {
                value.error(
                    "\(value.written) where a value, a list of values or a version such as \">=2.3\" was expected")
                continue
            }
            let operand = recipe.operand(.point(name))
            let comparison = ValueRecipe.Condition.Comparison.allCases.first { first.hasPrefix($0.rawValue) }
            if let comparison, texts.count == 1 {
                let version = ValueRecipe.Condition.numbers(String(first.dropFirst(comparison.rawValue.count)))
                if version.isEmpty { value.error("\(value.written) names no version such as 2.3.0") }
                recipe.steps.append(.onlyWhen(operand, .version(comparison, version)))
            } else {
                recipe.steps.append(.onlyWhen(operand, .oneOf(Set(texts))))
            }
        }
    }

    private func valid(_ map: NodeMap, _ recipe: inout ValueRecipe) {
        guard let value = map.value("valid"), let list = value.list() else { return }
        let limits = list.compactMap { $0.decimal() }
        guard list.count == 2, limits.count == 2, limits[0] <= limits[1] else {
            value.error("expected the least and the largest valid number, such as [0, 400]")
            return
        }
        recipe.steps.append(.valid(limits[0]...limits[1]))
    }
}

extension NodeMap {
    /// The same map without one key.
    fileprivate func without(_ key: String) -> DriverNode {
        var node = DriverNode()
        node.map = DriverNode.Map()
        for (name, value) in all() where name != key {
            var entry = DriverNode.Entry()
            entry.key = name
            entry.value = value.node
            node.map.entries.append(entry)
        }
        return node
    }
}

extension NodeValue {
    /// A text, number or flag as a text; nil for anything else, without complaint.
    var scalar: String? {
        switch node.value {
        case .text(let text)?, .number(let text)?: text
        case .flag(let flag)?: flag ? "true" : "false"
        default: nil
        }
    }
}

/// Transformer ratios that a product tells in registers (`ratios:`).
struct ProfileRatios {
    var current: [Operand] = []
    var voltage: [Operand] = []

    init(_ map: NodeMap?, _ reader: OperandReader, limits: ModbusProfile.Limits, place: NodePlace, _ log: Diagnostics) {
        if let map {
            current = reader.operands(map.value("ct")).map { Self.marked($0) }
            voltage = reader.operands(map.value("vt")).map { Self.marked($0) }
            map.finish()
        }
        if limits.ratio == .registers, current.isEmpty, voltage.isEmpty {
            log.error("limits.ratio says ct_and_vt_registers: ratios: {ct: ..., vt: ...} must say where", at: place)
        }
        if limits.ratio != .registers, map != nil {
            log.error("ratios need limits: {ratio: ct_and_vt_registers}", at: place.appending("ratios"))
        }
    }

    private static func marked(_ operand: Operand) -> Operand {
        guard case .register(var source) = operand else { return operand }
        source.isRatio = true
        return .register(source)
    }

    /// Currents by the current transformers' ratio, voltages by the voltage transformers', power and energy by both; power
    /// factor, frequency, angles and time stay.
    func factors(unit: String) -> [Operand] {
        switch Unit(symbol: unit)?.dimension {
        case "A", "A.h": current
        case "V": voltage
        case "W", "var", "V.A", "W.h", "var.h", "V.A.h": current + voltage
        default: []
        }
    }
}
