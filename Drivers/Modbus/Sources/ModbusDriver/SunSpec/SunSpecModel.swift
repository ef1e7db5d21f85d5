internal import Telemetry

/// Points of the SunSpec information models that a meter has (SunSpec model definitions 1, 201 to 204, 211 to 214).
///
/// Offsets count from the model's identifier register. All four integer models have one layout, all four float models another.
enum SunSpecModel {
    static let common = 1
    static let integerMeters = 201...204
    static let floatMeters = 211...214
    static let known = [common] + Array(integerMeters) + Array(floatMeters)

    /// "SunS", at the beginning of the map.
    static let marker: [UInt16] = [0x5375, 0x6E53]
    /// Stands where the next model's identifier would.
    static let end: UInt16 = 0xFFFF
    /// Where the map may begin, in the order in which it is looked for; printed one higher in documents that count from 1.
    static let bases = [40_000, 0, 50_000]
    /// An accumulator of 32 bits starts again here.
    static let accumulatorLimit = ExactDecimal(4_294_967_296)

    /// Fewest registers after the length register that a model of this kind has (documents agree to accept longer ones).
    static func leastLength(_ model: Int) -> Int {
        if model == common { return 65 }
        return integerMeters.contains(model) ? 105 : 124
    }

    /// Values of a model whose identifier register is at `start`.
    static func values(_ model: Int, at start: Int) -> [ProfileValue] {
        if model == common { return texts(start) }
        if integerMeters.contains(model) { return integers.flatMap { $0.values(start) } + [flags(start + 105)] }
        if floatMeters.contains(model) { return floats(start) + [flags(start + 124)] }
        return []
    }

    private static func texts(_ start: Int) -> [ProfileValue] {
        let points: [(String, Int, Int)] = [
            ("manufacturer", 2, 16), ("model_code", 18, 16), ("firmware_version", 42, 8), ("serial_number", 50, 16),
        ]
        return points.map { quantity, offset, registers in
            var value = value(
                PointName(quantity: quantity), .text, "", start + offset,
                RegisterCodec(type: .text(registers: registers)))
            value.interval = ProfileValueReader.once
            return value
        }
    }

    /// M_EVENT flags: the word itself, as a number; a meter without events has none of them.
    private static func flags(_ address: Int) -> ProfileValue {
        var codec = RegisterCodec(type: .u32)
        codec.absent = [0xFFFF_FFFF]
        return value(PointName(quantity: "event_flags"), .state, "", address, codec)
    }

    private static func value(
        _ name: PointName, _ kind: PointDescriptor.Kind, _ unit: String, _ address: Int, _ codec: RegisterCodec
    ) -> ProfileValue {
        ProfileValue(
            name: name.description, quantity: name.quantity, kind: kind, unit: unit,
            obis: Quantity(name: name.quantity)?.obis(of: name), table: .holding, address: address, codec: codec)
    }

    // MARK: integer models

    /// Values that share a scale factor register, and are read together with it.
    private struct Block {
        let quantities: [String]
        let unit: String
        let phases: [PointName.Phase?]
        let first: Int
        let scaleAt: Int
        var type = ValueType.i16
        var scale = ExactDecimal(1)

        func values(_ start: Int) -> [ProfileValue] {
            var factor = RegisterCodec(type: .i16)
            factor.absent = [0x8000]
            let source = RegisterSource(table: .holding, address: start + scaleAt, codec: factor)
            var all: [ProfileValue] = []
            var offset = first
            for quantity in quantities {
                for phase in phases {
                    var codec = RegisterCodec(type: type)
                    codec.absent = type == .i16 ? [0x8000] : [0]
                    codec.scale = scale
                    let kind: PointDescriptor.Kind = type == .u32 ? .counter : .gauge
                    var value = SunSpecModel.value(
                        PointName(quantity: quantity, phase: phase), kind, unit, start + first, codec)
                    value.offset = offset - first
                    value.span = scaleAt - first + 1
                    var recipe = ValueRecipe()
                    recipe.steps = [.ownScale, .powerOfTen(recipe.operand(.register(source)))]
                    value.recipe = recipe
                    all.append(value)
                    offset += type.width
                }
            }
            return all
        }
    }

    private static let total: [PointName.Phase?] = [nil, .l1, .l2, .l3]
    private static let voltages: [PointName.Phase?] = [
        .averageLineToNeutral, .l1, .l2, .l3, .averageLineToLine, .l1ToL2, .l2ToL3, .l3ToL1,
    ]
    private static let quadrants = (1...4).map { "reactive_energy_q\($0)" }

    private static let integers: [Block] = [
        Block(quantities: ["current"], unit: "A", phases: [.sum, .l1, .l2, .l3], first: 2, scaleAt: 6),
        Block(quantities: ["voltage"], unit: "V", phases: voltages, first: 7, scaleAt: 15),
        Block(quantities: ["frequency"], unit: "Hz", phases: [nil], first: 16, scaleAt: 17),
        Block(quantities: ["active_power"], unit: "W", phases: total, first: 18, scaleAt: 22),
        Block(quantities: ["apparent_power"], unit: "V.A", phases: total, first: 23, scaleAt: 27),
        Block(quantities: ["reactive_power"], unit: "var", phases: total, first: 28, scaleAt: 32),
        // In percent here, a plain number in the float models.
        Block(
            quantities: ["power_factor"], unit: "1", phases: total, first: 33, scaleAt: 37,
            scale: ExactDecimal(mantissa: 1, exponent: -2)),
        Block(
            quantities: ["active_energy_export", "active_energy_import"], unit: "W.h", phases: total, first: 38,
            scaleAt: 54, type: .u32),
        Block(
            quantities: ["apparent_energy_export", "apparent_energy_import"], unit: "V.A.h", phases: total, first: 55,
            scaleAt: 71, type: .u32),
        Block(quantities: quadrants, unit: "var.h", phases: total, first: 72, scaleAt: 104, type: .u32),
    ]

    // MARK: float models

    private static func floats(_ start: Int) -> [ProfileValue] {
        var offset = 2
        return integers.flatMap { block in
            block.quantities.flatMap { quantity in
                block.phases.map { phase in
                    defer { offset += 2 }
                    return value(
                        PointName(quantity: quantity, phase: phase), block.type == .u32 ? .counter : .gauge,
                        block.unit, start + offset, RegisterCodec(type: .f32))
                }
            }
        }
    }
}
