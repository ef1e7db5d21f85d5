internal import DriverKit
internal import DriverProtocol
internal import Telemetry

// What a value means: its name, kind, unit, codes and limits.
extension ProfileValueReader {
    func names(_ map: NodeMap, _ codec: RegisterCodec) -> [UInt64: String] {
        guard let value = map.value("enum"), let entries = value.map()?.all() else { return [:] }
        if !codec.type.isUnsignedInteger { value.error("an enumeration needs u16, u32 or u64") }
        return coded(entries)
    }

    func flags(_ map: NodeMap, _ codec: RegisterCodec) -> [(UInt64, String)] {
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

    func pointName(_ map: NodeMap, _ quantity: String?) -> PointName? {
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

    func kind(_ map: NodeMap, _ codec: RegisterCodec, _ quantity: Quantity?) -> PointDescriptor.Kind {
        let counter = map.flag("counter")
        let written = map.choice(
            "kind", ["gauge": .gauge, "counter": .counter, "state": .state, "text": PointDescriptor.Kind.text])
        if let written { return written }
        if counter == true { return .counter }
        if codec.type.isText || codec.coding.isText { return .text }
        if codec.type == .bit || !codec.names.isEmpty { return .state }
        let usual = quantity?.kind ?? .gauge
        return counter == false && usual == .counter ? .gauge : usual
    }

    func unit(
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

    func access(
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
