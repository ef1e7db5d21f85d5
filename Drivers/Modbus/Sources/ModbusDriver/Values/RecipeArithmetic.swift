internal import Telemetry

/// Carries one value through the steps of its recipe.
struct RecipeArithmetic {
    /// nil for a text or a flag: only conditions apply to it.
    var number: ExactDecimal?
    let codec: RegisterCodec
    let unit: String

    init(number: ExactDecimal?, codec: RegisterCodec, unit: String) {
        self.number = number
        self.codec = codec
        self.unit = unit
    }

    /// - Parameter operands: values of the step's operands, in its order.
    /// - Returns: why the value is bad; nil when it is not.
    mutating func apply(_ step: ValueRecipe.Step, _ operands: [Value]) -> Quality.Reason? {
        switch step {
        case .onlyWhen(_, let condition): return condition.holds(operands[0]) ? nil : .notSupported
        case .goodWhen(_, let gate):
            guard let number = operands[0].number else { return .configuration }
            return gate.passes(number) ? nil : .deviceReported
        case .lookUp(_, let table):
            guard let code = ValueRecipe.Code(operands[0]), let factor = table[code] else { return .configuration }
            return set { $0.multiplied(by: factor) }
        case .unit(_, let choices): return convert(operands[0], choices)
        case .sum:
            let numbers = operands.compactMap(\.number)
            guard numbers.count == operands.count else { return .configuration }
            number = numbers.reduce(ExactDecimal?.some(.zero)) { $0?.adding($1) }
            return number == nil ? .outOfRange : nil
        case .ownScale: return scale()
        case .autoScale(let above, let factor):
            return set { $0.magnitude > above ? $0.multiplied(by: factor) : $0 }
        case .offset(let offset): return set { $0.adding(offset) }
        case .valid(let range): return set { range.contains($0) ? $0 : nil }
        default: return combine(step, operands)
        }
    }

    private mutating func combine(_ step: ValueRecipe.Step, _ operands: [Value]) -> Quality.Reason? {
        guard let operand = operands.first?.number else { return .configuration }
        switch step {
        case .rawPlus, .plus: return set { $0.adding(operand) }
        case .rawMinus, .minus: return set { $0.subtracting(operand) }
        case .times: return set { $0.multiplied(by: operand) }
        case .over: return operand == .zero ? .configuration : set { $0.divided(by: operand) }
        case .powerOfTen:
            // Beyond that it is no exponent but a register of something else.
            guard let power = operand.integer, (-18...18).contains(power) else { return .configuration }
            return set { $0.scaled(byPowerOfTen: Int32(power)) }
        case .sign(_, let negative):
            guard let code = operand.integer else { return .configuration }
            return set { negative.holds(code) ? $0.negated : $0 }
        default: return nil
        }
    }

    private mutating func scale() -> Quality.Reason? {
        let factor = codec.scale
        let reason = set { $0.multiplied(by: factor) }
        guard reason == nil, codec.coding == .fourQuadrantPowerFactor else { return reason }
        return set { NumberCoding.unfolded($0) }
    }

    private mutating func convert(
        _ told: Value, _ choices: [ValueRecipe.Code: ValueRecipe.UnitChoice]
    ) -> Quality.Reason? {
        guard let code = ValueRecipe.Code(told), let choice = choices[code],
            let power = Unit(symbol: choice.unit).flatMap({ given in
                Unit(symbol: unit).flatMap { given.powerOfTen(to: $0) }
            })
        else { return .configuration }
        return set { $0.multiplied(by: choice.factor)?.scaled(byPowerOfTen: power) }
    }

    /// A result that does not fit is no value.
    private mutating func set(_ change: (ExactDecimal) -> ExactDecimal?) -> Quality.Reason? {
        guard let present = number else { return .configuration }
        guard let changed = change(present) else { return .outOfRange }
        number = changed
        return nil
    }
}

extension ValueRecipe.Step {
    /// Positions of the operands that it needs.
    var operands: [Int] {
        switch self {
        case .ownScale, .autoScale, .offset, .valid: []
        case .onlyWhen(let one, _), .goodWhen(let one, _), .lookUp(let one, _), .unit(let one, _), .sign(let one, _):
            [one]
        case .rawPlus(let one), .rawMinus(let one), .powerOfTen(let one), .times(let one), .over(let one),
            .plus(let one), .minus(let one):
            [one]
        case .sum(let all): all
        }
    }

    /// It decides whether there is a value, and changes none.
    var isCondition: Bool {
        switch self {
        case .onlyWhen, .goodWhen: true
        default: false
        }
    }
}
