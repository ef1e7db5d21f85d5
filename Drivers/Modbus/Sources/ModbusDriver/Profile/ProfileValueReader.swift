internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Reads one line of a profile's `values:`.
struct ProfileValueReader {
    /// From the fastest that a serial line can do to once a day.
    static let intervals: ClosedRange<Duration> = .milliseconds(50) ... .seconds(86_400)
    /// A scale beyond this is a slip of the pen (reference: no known meter is outside).
    static let scaleExponents: ClosedRange<Double> = 1e-9...1e9

    let numbers: ProfileNumbers
    let defaults: ProfileDefaults
    let limits: ModbusProfile.Limits

    /// - Returns: the value; one per flag for a status word; nothing when it is not usable.
    func read(_ map: NodeMap) -> [ProfileValue] {
        let diagnostics = map.diagnostics
        for key in ProfileReader.laterValueKeys where map.keys.contains(key) {
            map.value(key)?.error("\(key) is not in this version of the Modbus driver")
        }
        let location = numbers.address(map)
        let type = type(map, location?.table)
        var codec = RegisterCodec(type: type ?? .u16, layout: ProfileNumbers.layout(map, default: numbers.layout))
        codec.scale = scale(map)
        codec.absent =
            map.keys.contains("absent") ? ProfileDefaults.absent(map.value("absent")) : fitting(defaults.absent, codec)
        codec.names = names(map, codec)
        let flags = flags(map, codec)
        let quantityName = map.required("quantity", "a quantity such as active_power")?.text()
        let name = pointName(map, quantityName)
        let quantity = quantityName.flatMap { Quantity(name: $0) }
        let kind = kind(map, codec, quantity)
        codec.isIdentifier = kind == .text && !codec.type.isText
        let unit = unit(map, codec, kind, quantity)
        if let quantityName, quantity == nil, flags.isEmpty {
            let nearest = NearestKey.find(quantityName, in: Quantity.all.lazy.map(\.name))
            diagnostics.error(
                "unknown quantity \(quantityName)" + (nearest.map { "; did you mean \($0)?" } ?? ""),
                at: map.place.appending("quantity"))
        }
        _ = map.value("manual")
        _ = map.value("note")
        let isAlone = map.flag("alone") ?? false
        let interval = map.duration("interval", in: Self.intervals) ?? defaults.interval
        let obis = map.text("obis")
        let access = access(map, location?.table, codec, kind)
        let rollover = map.decimal("rollover")
        map.finish()
        guard let (table, address) = location, let type, let name else { return [] }
        if !table.isBits, address + type.width > 0x1_0000 {
            diagnostics.error("the value reaches beyond register 0xFFFF", at: map.place.appending("at"))
            return []
        }
        let value = ProfileValue(
            name: name.description, quantity: name.quantity, kind: kind, unit: unit,
            obis: obis ?? quantity?.obis(of: name), table: table, address: address, codec: codec, isAlone: isAlone,
            interval: interval, isWritable: access.isWritable, minimum: access.minimum, maximum: access.maximum,
            rollover: rollover)
        guard !flags.isEmpty else { return [value] }
        return flags.map { mask, flag in
            var single = value
            single.name = PointName(quantity: flag, channel: name.channel, phase: name.phase, tariff: nil).description
            single.quantity = flag
            single.kind = .state
            single.unit = ""
            single.obis = nil
            single.codec.mask = mask
            return single
        }
    }

    private func type(_ map: NodeMap, _ table: RegisterTable?) -> ValueType? {
        if table?.isBits == true {
            if let written = map.text("as"), written != "bit" {
                map.diagnostics.error("a coil or discrete input is a bit", at: map.place.appending("as"))
            }
            return .bit
        }
        guard let value = map.required("as", "one of \(ValueType.names)"), let text = value.text() else { return nil }
        guard let type = ValueType(text), type != .bit else {
            value.error("\(value.written) is no type of registers; expected one of \(ValueType.names)")
            return nil
        }
        if type.width > limits.maximumRegisters {
            value.error("\(text) is wider than the \(limits.maximumRegisters) registers that one request may read")
        }
        if limits.isEvenOnly && type.width % 2 != 0 {
            value.error("\(text) takes an odd number of registers, but this product takes even requests only")
        }
        return type
    }

    private func scale(_ map: NodeMap) -> ExactDecimal {
        guard let value = map.value("scale") else { return defaults.scale ?? ExactDecimal(1) }
        guard let scale = value.decimal() else { return ExactDecimal(1) }
        if scale.isNegative || !Self.scaleExponents.contains(scale.approximation) {
            value.error("a scale of \(scale) is not plausible; expected 0.000000001 to 1000000000")
        }
        return scale
    }

    /// Common sentinels are those of the value's own width; a 16-bit one means nothing to a 32-bit value.
    private func fitting(_ absent: Set<UInt64>, _ codec: RegisterCodec) -> Set<UInt64> {
        let bits = codec.type.width * 16
        guard !codec.type.isText, bits <= 64 else { return [] }
        return absent.filter {
            $0.leadingZeroBitCount <= 64 - bits + 1 && (bits == 64 || $0 < UInt64(1) << UInt64(bits))
        }
    }

    private func names(_ map: NodeMap, _ codec: RegisterCodec) -> [UInt64: String] {
        guard let value = map.value("enum"), let entries = value.map()?.all() else { return [:] }
        if !codec.type.isUnsignedInteger { value.error("an enumeration needs u16, u32 or u64") }
        return coded(entries)
    }

    private func flags(_ map: NodeMap, _ codec: RegisterCodec) -> [(UInt64, String)] {
        guard let value = map.value("bits"), let entries = value.map()?.all() else { return [] }
        if !codec.type.isUnsignedInteger { value.error("flags need u16, u32 or u64") }
        for (_, name) in entries {
            if let text = name.text(), (try? PointName(text))?.description != text || text.contains(".") {
                name.error("\(text) is no point name: small letters, digits and _")
            }
        }
        return coded(entries).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private func coded(_ entries: [(key: String, value: NodeValue)]) -> [UInt64: String] {
        var codes: [UInt64: String] = [:]
        for (key, value) in entries {
            guard let code = NodeValue.parseInteger(key), code >= 0, let name = value.text() else {
                value.error("the key \(key) is no code; expected a number such as 4 or 0x0004")
                continue
            }
            codes[UInt64(code)] = name
        }
        return codes
    }

    private func pointName(_ map: NodeMap, _ quantity: String?) -> PointName? {
        let channel = map.integer("channel", in: PointName.channels)
        var phase: PointName.Phase?
        if let value = map.value("phase"), let text = value.text(), text != "total" {
            phase = PointName.Phase(rawValue: text)
            if phase == nil {
                value.error(
                    "\(text) is no phase; expected total, \(PointName.Phase.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
        }
        let tariff = map.integer("tariff", in: PointName.tariffs)
        guard let quantity else { return nil }
        let name = PointName(quantity: quantity, channel: channel, phase: phase, tariff: tariff)
        guard (try? PointName(name.description)) != nil else {
            map.diagnostics.error("\(quantity) is no quantity", at: map.place.appending("quantity"))
            return nil
        }
        return name
    }

    private func kind(_ map: NodeMap, _ codec: RegisterCodec, _ quantity: Quantity?) -> PointDescriptor.Kind {
        let counter = map.flag("counter")
        let written = map.choice(
            "kind", ["gauge": .gauge, "counter": .counter, "state": .state, "text": PointDescriptor.Kind.text])
        if let written { return written }
        if counter == true { return .counter }
        if codec.type.isText { return .text }
        if codec.type == .bit || !codec.names.isEmpty { return .state }
        let usual = quantity?.kind ?? .gauge
        return counter == false && usual == .counter ? .gauge : usual
    }

    private func unit(
        _ map: NodeMap, _ codec: RegisterCodec, _ kind: PointDescriptor.Kind, _ quantity: Quantity?
    ) -> String {
        guard let value = map.value("unit") else {
            let needsUnit = (kind == .gauge || kind == .counter) && quantity?.unit.isEmpty == false
            if needsUnit, let quantity {
                map.diagnostics.error("the key unit is missing; expected one such as \(quantity.unit)", at: map.place)
            }
            return ""
        }
        guard let text = value.text(), !text.isEmpty else { return "" }
        if Unit(symbol: text) == nil {
            let nearest = NearestKey.find(text, in: Unit.all.map(\.symbol)).map { "; did you mean \($0)?" } ?? ""
            value.error("unknown unit \(text)\(nearest)")
        } else if let quantity, !quantity.accepts(unit: text) {
            value.error("\(quantity.name) cannot be in \(text); expected a unit like \(quantity.unit)")
        }
        return text
    }

    private func access(
        _ map: NodeMap, _ table: RegisterTable?, _ codec: RegisterCodec, _ kind: PointDescriptor.Kind
    ) -> (isWritable: Bool, minimum: ExactDecimal?, maximum: ExactDecimal?) {
        let writable = map.flag("writable") ?? false
        let (minimum, maximum) = (map.decimal("minimum"), map.decimal("maximum"))
        guard writable else { return (false, minimum, maximum) }
        let place = map.place.appending("writable")
        if let table, !table.isWritable {
            map.diagnostics.error("\(table.words(count: 2)) cannot be written", at: place)
        }
        if kind == .counter || kind == .text {
            map.diagnostics.error("a \(kind.name) is never written", at: place)
        }
        if table?.isBits != true, codec.names.isEmpty, minimum == nil || maximum == nil {
            map.diagnostics.error("a writable number needs minimum and maximum", at: place)
        }
        return (true, minimum, maximum)
    }
}
