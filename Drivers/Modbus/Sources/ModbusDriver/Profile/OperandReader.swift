internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// Reads registers that stand inside a value: `{at, as, ...}`, or the name of another value.
struct OperandReader {
    let numbers: ProfileNumbers

    /// A register of a map, whose other keys the caller reads; nil with a diagnostic.
    func source(_ map: NodeMap) -> RegisterSource? {
        let location = numbers.address(map)
        var codec = RegisterCodec(type: .u16, layout: ProfileNumbers.layout(map, default: numbers.layout))
        let isBits = location?.table.isBits == true
        if isBits {
            codec.type = .bit
            if let written = map.text("as"), written != "bit" {
                map.diagnostics.error("a coil or discrete input is a bit", at: map.place.appending("as"))
            }
        } else {
            guard let value = map.required("as", "one of \(ValueType.names)"), let text = value.text() else {
                return nil
            }
            guard let type = ValueType(text), type != .bit else {
                value.error("\(value.written) is no type of registers; expected one of \(ValueType.names)")
                return nil
            }
            codec.type = type
            if type.isText { codec.layout.isLowWordFirst = false }
        }
        codec.coding = Self.coding(map, codec.type)
        codec.field = Self.field(map)
        codec.scale = map.decimal("scale") ?? ExactDecimal(1)
        codec.absent = ProfileDefaults.absent(map.value("absent"))
        let strides = Self.strides(map.value("stride"))
        guard let location else { return nil }
        guard location.address + codec.type.width <= 0x1_0000 || isBits else {
            map.diagnostics.error("the value reaches beyond register 0xFFFF", at: map.place.appending("at"))
            return nil
        }
        let hasOwnLayout = map.keys.contains("word_order")
        return RegisterSource(
            table: location.table, address: location.address, codec: codec, strides: strides,
            hasOwnLayout: hasOwnLayout)
    }

    static func coding(_ map: NodeMap, _ type: ValueType) -> NumberCoding {
        guard let value = map.value("codec"), let name = value.text() else { return .plain }
        guard let coding = NumberCoding.names[name] else {
            let names = NumberCoding.names.keys.sorted()
            let nearest = NearestKey.find(name, in: names).map { "; did you mean \($0)?" } ?? ""
            value.error("\(name) is no codec; expected one of \(names.joined(separator: ", "))\(nearest)")
            return .plain
        }
        if let wanted = coding.objection(to: type) { value.error("\(name) needs as: \(wanted)") }
        return coding
    }

    static func field(_ map: NodeMap) -> UInt64? {
        map.integer("mask", in: 1...Int.max).map { UInt64($0) }
    }

    private static func strides(_ value: NodeValue?) -> [Int] {
        guard let value else { return [] }
        let items = value.isList ? value.list() ?? [] : [value]
        return items.compactMap { $0.integer(in: -0xFFFF...0xFFFF) }
    }

    /// An operand: a name, or a register with nothing but its own keys.
    func operand(_ value: NodeValue) -> Operand? {
        if value.isMap {
            guard let map = value.map() else { return nil }
            let source = source(map)
            map.finish()
            return source.map { .register($0) }
        }
        guard let name = value.text() else { return nil }
        guard (try? PointName(name)) != nil else {
            value.error("\(value.written) is neither a value of this profile nor a register {at, as}")
            return nil
        }
        return .point(name)
    }

    /// One operand or a list of them.
    func operands(_ value: NodeValue?) -> [Operand] {
        guard let value else { return [] }
        return (value.isList ? value.list() ?? [] : [value]).compactMap { operand($0) }
    }

    // MARK: codes

    /// A key or value that stands for a register's content.
    static func code(_ text: String, isText: Bool) -> ValueRecipe.Code? {
        if isText { return .text(text) }
        return NodeValue.parseInteger(text).map { .number(Int64($0)) }
    }

    /// A number or a list of numbers.
    static func codes(_ value: NodeValue) -> Set<Int64> {
        let items = value.isList ? value.list() ?? [] : [value]
        return Set(items.compactMap { $0.integer(in: Int.min...Int.max) }.map { Int64($0) })
    }
}
