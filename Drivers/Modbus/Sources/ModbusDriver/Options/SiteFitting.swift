internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// What the site's file makes of a profile's values: ratios, pulses, units, word order, a meter mounted the other way round.
struct SiteFitting {
    let site: DeviceOptions
    let profile: ModbusProfile
    let diagnostics: Diagnostics
    let place: NodePlace

    /// As the profile means them, for computing others.
    func originals() -> [ProfileValue] {
        profile.values.compactMap { value in
            guard isOfModel(value) else { return nil }
            var value = value
            order(&value)
            unit(&value)
            pulse(&value)
            multiply(&value)
            return value
        }
    }

    /// As they are told.
    func visible() -> [ProfileValue] {
        let all = originals()
        return site.isInverted ? inverted(all) : all
    }

    func identification() -> [Identification] {
        profile.identification.map { line in
            var line = line
            order(&line.source)
            return line
        }
    }

    /// Of a SunSpec profile only the points of one meter model, if the site says which.
    private func isOfModel(_ value: ProfileValue) -> Bool {
        guard let model = site.sunspecModel, let models = value.informationModels else { return true }
        return models.contains(model) || models.contains(1)
    }

    // MARK: word order

    private func order(_ value: inout ProfileValue) {
        guard let low = site.isLowWordFirst else { return }
        if !value.hasOwnLayout, !value.codec.type.isText { value.codec.layout.isLowWordFirst = low }
        guard var recipe = value.recipe else { return }
        for index in recipe.operands.indices {
            guard case .register(var source) = recipe.operands[index] else { continue }
            order(&source)
            recipe.operands[index] = .register(source)
        }
        value.recipe = recipe
    }

    private func order(_ source: inout RegisterSource) {
        guard let low = site.isLowWordFirst, !source.hasOwnLayout, !source.codec.type.isText else { return }
        source.codec.layout.isLowWordFirst = low
    }

    // MARK: units and pulses

    private func unit(_ value: inout ProfileValue) {
        guard let unit = site.units[value.name] ?? site.units[value.quantity] else { return }
        if let own = Unit(symbol: value.unit), let power = own.powerOfTen(to: unit) {
            value.rollover = value.rollover?.scaled(byPowerOfTen: power)
        }
        value.unit = unit.symbol
    }

    private func pulse(_ value: inout ProfileValue) {
        guard value.isPulse else { return }
        let channel = (try? PointName(value.name))?.channel
        guard let worth = site.pulses[channel] ?? site.pulses[nil] else {
            diagnostics.warning(
                "\(value.name) counts pulses and pulse: {per: ...} does not say what one is worth: they are told as a number",
                at: place)
            return
        }
        // value = start + (count - at) × per
        guard let scale = value.codec.scale.multiplied(by: worth.per),
            let past = worth.at.multiplied(by: scale), let offset = worth.start.subtracting(past)
        else {
            diagnostics.error("the pulse's worth has too many digits", at: place.appending("pulse"))
            return
        }
        value.codec.scale = scale
        value.rollover = value.rollover.flatMap { $0.multiplied(by: worth.per) }
        value.unit = worth.unit.symbol
        value.kind = .counter
        if offset != .zero {
            var recipe = value.recipe ?? ValueRecipe(steps: [.ownScale])
            recipe.steps.append(.offset(offset))
            value.recipe = recipe
        }
        if let quantity = worth.quantity, let name = try? PointName(value.name) {
            let renamed = PointName(quantity: quantity, channel: name.channel, phase: name.phase, tariff: name.tariff)
            value.quantity = quantity
            value.name = renamed.description
            value.obis = Quantity(name: quantity)?.obis(of: renamed)
        }
    }

    // MARK: ratios

    /// Secondary values become primary ones: currents by the current transformers' ratio, voltages by the voltage
    /// transformers', power and energy by both; power factor, frequency, angles and time stay.
    private func multiply(_ value: inout ProfileValue) {
        guard value.takesRatios, !value.isDerived, let unit = Unit(symbol: value.unit) else { return }
        var factors: [ExactDecimal] = []
        switch unit.dimension {
        case "A", "A.h": factors = [site.currentRatio]
        case "V": factors = [site.voltageRatio]
        case "W", "var", "V.A", "W.h", "var.h", "V.A.h": factors = [site.currentRatio, site.voltageRatio]
        default: return
        }
        for factor in factors {
            guard let scale = value.codec.scale.multiplied(by: factor) else {
                diagnostics.error(
                    "the ratio \(factor) times the scale of \(value.name) has too many digits",
                    at: place.appending("ct_ratio"))
                return
            }
            value.codec.scale = scale
            value.rollover = value.rollover.flatMap { $0.multiplied(by: factor) }
        }
    }

    /// What a person can change of the way from the register to a counter's value.
    func basis(of value: ProfileValue) -> String {
        var parts = ["\(value.codec.type.name) × \(value.codec.scale.normalized) \(value.unit)"]
        if value.codec.layout.isLowWordFirst { parts.append("low word first") }
        for step in value.recipe?.steps ?? [] {
            switch step {
            case .offset(let offset): parts.append("from \(offset.normalized)")
            case .powerOfTen(let operand), .times(let operand), .over(let operand), .lookUp(let operand, _),
                .unit(let operand, _):
                if case .register(let source)? = value.recipe?.operands[operand] { parts.append("by \(source.words)") }
            default: break
            }
        }
        if site.isInverted { parts.append("inverted") }
        return parts.joined(separator: ", ")
    }

    // MARK: the other way round

    /// A meter mounted the other way round: import and export change places, signed values change sign.
    private func inverted(_ values: [ProfileValue]) -> [ProfileValue] {
        values.compactMap { value in
            var value = value
            if let partner = Self.partner(of: value.name) {
                guard let other = values.first(where: { $0.name == partner }) else {
                    diagnostics.warning(
                        "inverted: \(value.name) is left out, for \(profile.name) has no \(partner) to take it from",
                        at: place.appending("invert"))
                    return nil
                }
                value.table = other.table
                value.address = other.address
                value.offset = other.offset
                value.span = other.span
                value.codec = other.codec
                value.recipe = other.recipe
                value.unit = other.unit
                value.rollover = other.rollover
                value.isDerived = other.isDerived
            } else if Self.isSigned(value.quantity) {
                value.codec.isInverted = true
            }
            return value
        }
    }

    private static func partner(of name: String) -> String? {
        for (word, other) in [("_import", "_export"), ("_export", "_import")] {
            guard let range = firstRange(of: word, in: name) else { continue }
            return "\(name[..<range.lowerBound])\(other)\(name[range.upperBound...])"
        }
        return nil
    }

    private static func firstRange(of word: String, in text: String) -> Range<String.Index>? {
        var start = text.startIndex
        while start < text.endIndex {
            if text[start...].hasPrefix(word),
                let end = text.index(start, offsetBy: word.count, limitedBy: text.endIndex)
            {
                return start..<end
            }
            start = text.index(after: start)
        }
        return nil
    }

    private static func isSigned(_ quantity: String) -> Bool {
        ["active_power", "reactive_power", "power_factor", "phase_angle", "active_energy_net", "reactive_energy_net"]
            .contains(quantity)
    }
}

/// Registers and values that are read for others' sake: points that come after the visible ones and are never told.
struct HiddenPoints {
    let visible: [DevicePoint]
    /// Values as the profile means them, by which others are computed.
    let originals: [ProfileValue]
    let identification: [Identification]
    /// Visible values are not what the profile means by their names.
    let isInverted: Bool

    func all() -> [DevicePoint] {
        var hidden: [DevicePoint] = []
        var open = visible
        while !open.isEmpty {
            let point = open.removeFirst()
            for operand in point.value.recipe?.operands ?? [] {
                guard let value = needed(operand, by: point.value) else { continue }
                if let known = hidden.firstIndex(where: { $0.value.isSameRead(as: value) }) {
                    if hidden[known].interval > point.interval {
                        hidden[known] = DevicePoint(
                            index: hidden[known].index, value: hidden[known].value, interval: point.interval,
                            isHidden: true)
                    }
                    continue
                }
                // As often as what needs it: a scale that was changed must not make one wrong value.
                let interval = value.interval.map { max($0, point.interval) } ?? point.interval
                let added = DevicePoint(
                    index: visible.count + hidden.count, value: value, interval: interval, isHidden: true)
                hidden.append(added)
                open.append(added)
            }
        }
        for line in identification {
            var value = ProfileValue(line.source)
            value.isAlone = line.isAlone
            guard !hidden.contains(where: { $0.value.isSameRead(as: value) }) else { continue }
            hidden.append(
                DevicePoint(
                    index: visible.count + hidden.count, value: value, interval: ProfileValueReader.once,
                    isHidden: true))
        }
        return hidden
    }

    private func needed(_ operand: Operand, by value: ProfileValue) -> ProfileValue? {
        switch operand {
        case .register(let source): return RecipeResolver.isInline(source, value) ? nil : ProfileValue(source)
        case .point(let name):
            if !isInverted, visible.contains(where: { $0.value.name == name }) { return nil }
            guard var original = originals.first(where: { $0.name == name }) else { return nil }
            original.interval = original.kind == .text ? ProfileValueReader.once : original.interval
            return original
        }
    }
}

extension ProfileValue {
    /// A register that is read for another value.
    init(_ source: RegisterSource) {
        self.init(
            name: "(\(source.words))", quantity: "", kind: .gauge, unit: "", obis: nil, table: source.table,
            address: source.address, codec: source.codec)
    }

    fileprivate func isSameRead(as other: ProfileValue) -> Bool {
        name == other.name && table == other.table && address == other.address && codec == other.codec
    }
}
