internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Reads one line of a profile's `values:`.
struct ProfileValueReader {
    /// From the fastest that a serial line can do to once a day.
    static let intervals: ClosedRange<Duration> = .milliseconds(50) ... .seconds(86_400)
    /// `every: slow`: energies that nobody needs by the second.
    static let slow: Duration = .seconds(60)
    /// `every: once`: what only a hand in the cabinet changes; read again for the case that a device was swapped unnoticed.
    static let once: Duration = .seconds(3_600)
    /// A scale beyond this is a slip of the pen (reference: no known meter is outside).
    static let scaleExponents: ClosedRange<Double> = 1e-9...1e9

    let numbers: ProfileNumbers
    let defaults: ProfileDefaults
    let limits: ModbusProfile.Limits
    let recipes: RecipeReader

    /// - Returns: the value; one per flag for a status word, one per instance; nothing when it is not usable.
    func read(_ map: NodeMap, position: Int) -> [ProfileValue] {
        if map.keys.contains("sum_of") { return sum(map, position) }
        let location = numbers.address(map)
        let type = type(map, location?.table)
        var codec = RegisterCodec(type: type ?? .u16, layout: ProfileNumbers.layout(map, default: numbers.layout))
        // The order of a text's registers is that of reading, whatever holds for numbers.
        if codec.type.isText && !map.keys.contains("word_order") { codec.layout.isLowWordFirst = false }
        codec.coding = OperandReader.coding(map, codec.type)
        codec.field = OperandReader.field(map)
        if case .words = codec.type, codec.coding == .plain {
            map.diagnostics.error("\(codec.type.name) needs a codec that says what it is", at: map.place)
        }
        codec.scale = scale(map)
        codec.absent =
            map.keys.contains("absent") ? ProfileDefaults.absent(map.value("absent")) : fitting(defaults.absent, codec)
        codec.names = names(map, codec)
        let flags = flags(map, codec)
        let quantityName = map.required("quantity", "a quantity such as active_power")?.text()
        let name = pointName(map, quantityName)
        let quantity = quantityName.flatMap { Quantity(name: $0) }
        let kind = kind(map, codec, quantity)
        codec.isIdentifier = kind == .text && !codec.type.isText && !codec.coding.isText
        let unit = unit(map, codec, kind, quantity)
        checkQuantity(map, quantityName, quantity, isFlags: !flags.isEmpty)
        let takesRatios = map.choice("ratio", ["none": false, "site": true]) ?? true
        let recipe = recipes.read(map, unit: unit, takesRatios: takesRatios)
        let common = common(map)
        let isPulse = map.flag("pulse") ?? false
        let obis = map.text("obis")
        let access = access(map, location?.table, codec, kind)
        let rollover = rollover(map, codec)
        let instances = ProfileInstances(map.value("instances"))
        map.finish()
        guard let (table, address) = location, let type, let name else { return [] }
        if !table.isBits, address + type.width > 0x1_0000 {
            map.diagnostics.error("the value reaches beyond register 0xFFFF", at: map.place.appending("at"))
            return []
        }
        var value = ProfileValue(
            name: name.description, quantity: name.quantity, kind: kind, unit: unit,
            obis: obis ?? quantity?.obis(of: name), table: table, address: address, codec: codec,
            isAlone: common.isAlone, interval: common.interval, isWritable: access.isWritable,
            minimum: access.minimum, maximum: access.maximum, rollover: rollover)
        value.recipe = recipe.isEmpty ? nil : recipe
        value.isPulse = isPulse
        value.takesRatios = takesRatios
        value.hasOwnLayout = common.hasOwnLayout
        value.group = common.group
        value.manual = common.manual
        value.position = position
        if value.isWritable, value.recipe != nil || value.group != nil {
            map.diagnostics.error("a value that is made of several registers is never written", at: map.place)
        }
        let all = instances.expand(value, name, ownObis: obis)
        guard all.allSatisfy({ $0.value.address >= 0 && $0.value.addresses.upperBound <= 0xFFFF }) else {
            map.diagnostics.error("an instance lies outside of the registers", at: map.place.appending("instances"))
            return []
        }
        return flags.isEmpty ? all.map(\.value) : all.flatMap { split($0.value, $0.name, flags) }
    }

    /// One point for each flag of a status word.
    private func split(_ value: ProfileValue, _ name: PointName, _ flags: [(UInt64, String)]) -> [ProfileValue] {
        flags.map { mask, flag in
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

    /// A value that is the sum of others; where it is read is settled when all of them are known.
    private func sum(_ map: NodeMap, _ position: Int) -> [ProfileValue] {
        let quantityName = map.required("quantity", "a quantity such as active_power")?.text()
        let name = pointName(map, quantityName)
        let quantity = quantityName.flatMap { Quantity(name: $0) }
        let codec = RegisterCodec(type: .u16)
        let kind = kind(map, codec, quantity)
        let unit = unit(map, codec, kind, quantity)
        checkQuantity(map, quantityName, quantity, isFlags: false)
        let common = common(map)
        let obis = map.text("obis")
        for key in ["at", "as", "scale", "table"] where map.keys.contains(key) {
            map.value(key)?.error("a sum has no register of its own")
        }
        guard let list = map.value("sum_of"), let name else {
            map.finish()
            return []
        }
        let recipe = recipes.sum(list, of: name)
        map.finish()
        var value = ProfileValue(
            name: name.description, quantity: name.quantity, kind: kind, unit: unit,
            obis: obis ?? quantity?.obis(of: name), table: numbers.table, address: 0, codec: codec,
            interval: common.interval)
        value.recipe = recipe
        value.isDerived = true
        value.manual = common.manual
        value.position = position
        return [value]
    }

    private struct Common {
        var isAlone = false
        var interval: Duration?
        var group: String?
        var manual: String?
        var hasOwnLayout = false
    }

    private func common(_ map: NodeMap) -> Common {
        var common = Common()
        common.isAlone = map.flag("alone") ?? false
        common.interval = Self.interval(map) ?? defaults.interval
        common.group = map.text("group")
        common.manual = map.text("manual")
        common.hasOwnLayout = map.keys.contains("word_order")
        _ = map.value("note")
        if common.isAlone, common.group != nil {
            map.diagnostics.error("alone and group exclude each other", at: map.place.appending("group"))
        }
        return common
    }

    /// `interval: 15min` or `every: slow`.
    static func interval(_ map: NodeMap) -> Duration? {
        let exact = map.duration("interval", in: intervals)
        let named = map.choice("every", ["fast": Duration?.none, "slow": slow, "once": once]) ?? nil
        return exact ?? named
    }

    private func checkQuantity(_ map: NodeMap, _ name: String?, _ quantity: Quantity?, isFlags: Bool) {
        guard let name, quantity == nil, !isFlags else { return }
        let nearest = NearestKey.find(name, in: Quantity.all.lazy.map(\.name))
        map.diagnostics.error(
            "unknown quantity \(name)" + (nearest.map { "; did you mean \($0)?" } ?? ""),
            at: map.place.appending("quantity"))
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
        var isAlone = false
        if case .flag(true)? = map.value("alone")?.node.value { isAlone = true }
        if limits.isEvenOnly, type.width % 2 != 0, !isAlone, !map.keys.contains("group") {
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

    private func rollover(_ map: NodeMap, _ codec: RegisterCodec) -> ExactDecimal? {
        guard let value = map.value("rollover") else { return nil }
        var count: ExactDecimal?
        if case .text("by_width")? = value.node.value {
            let bits = codec.type.width * 16
            guard codec.type.isUnsignedInteger, bits < 63 else {
                value.error("by_width needs u16, u32 or u48")
                return nil
            }
            count = ExactDecimal(Int64(1) << Int64(bits))
        } else {
            count = value.decimal()
        }
        guard let count else { return nil }
        guard count > .zero, let limit = count.multiplied(by: codec.scale) else {
            value.error("expected the raw count at which it starts again from 0, such as 4294967296")
            return nil
        }
        return limit
    }
}
