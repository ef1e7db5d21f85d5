internal import Telemetry

/// Makes values of what one device answers.
///
/// A value may need registers of other requests (its scale, its unit, a transformer's ratio): the newest of those are kept here, and
/// the plan polls them as hidden points. Nothing is told of a value before all of them are known, nor of a device before it has been
/// recognised as the product that its profile describes.
struct DeviceDecoder: Sendable {
    let points: [DevicePoint]

    /// What a request brought for one point.
    struct Value: Sendable, Hashable {
        let point: Int
        let decoded: RegisterCodec.Decoded
        /// The point's registers, high byte first, where they were asked for.
        var raw: [UInt8] = []
    }

    /// What stays the same of a point, without anything that costs to copy.
    private struct Cell: Sendable {
        var address: Int
        var offset: Int
        var count: Int
        /// A number of registers and a scale, nothing else: the fast way.
        var isPlain: Bool
        var type: ValueType
        var layout: WordLayout
        var scale: ExactDecimal
        var isScaled: Bool
        var isHidden: Bool
        var wantsRaw: Bool
        /// Its newest value is needed by others.
        var isOperand: Bool
        /// 0: needs no other point; 1: needs such points, and so on.
        var depth: Int
    }

    private let cells: [Cell]
    private let deepest: Int
    private let recipes: [ResolvedRecipe?]
    /// Newest values of operands, and what was refused, by point.
    private var known: [Int: RegisterCodec.Decoded] = [:]
    private var refused: Set<Int> = []
    /// Registers of values that wait for others to become known.
    private var waiting: [Int: [UInt16]] = [:]
    private var identity: IdentityCheck
    private var findings: [String] = []

    /// - Parameters:
    ///   - points: the hidden ones are the registers that others need.
    ///   - identification: lines of the profile whose registers are among the hidden points.
    ///   - isForced: the site insists on this profile, whatever the device says of itself.
    init(points: [DevicePoint], identification: [Identification] = [], isForced: Bool = false, profile: String = "") {
        self.points = points
        let recipes = RecipeResolver(points: points).recipes()
        var needed: Set<Int> = []
        for recipe in recipes.compactMap({ $0 }) { needed.formUnion(recipe.points) }
        identity = IdentityCheck(isForced ? [] : identification, points: points, profile: profile)
        let asked = needed.union(identity.points)
        let depths = RecipeResolver.depths(recipes)
        cells = points.indices.map { index in
            let value = points[index].value
            let codec = value.codec
            let isPlain =
                recipes[index] == nil && !value.table.isBits && codec.isPlainNumber && !asked.contains(index)
            return Cell(
                address: value.address, offset: value.offset, count: codec.type.width, isPlain: isPlain,
                type: codec.type, layout: codec.layout,
                scale: codec.isInverted ? codec.scale.negated : codec.scale,
                isScaled: codec.isInverted || codec.scale != ExactDecimal(1),
                isHidden: points[index].isHidden, wantsRaw: points[index].wantsRaw,
                isOperand: asked.contains(index), depth: depths[index])
        }
        deepest = depths.max() ?? 0
        self.recipes = recipes
    }

    // MARK: what the device answers

    /// Values of the visible points in `block`; a point whose helpers are not known yet is left out until they are.
    mutating func decode(_ answer: ModbusAnswer, _ block: RegisterBlock) -> [Value] {
        if deepest == 0, identity.isSettled, waiting.isEmpty, case .words(let words) = answer {
            return plain(words, block)
        }
        return full(answer, block)
    }

    /// The way of nearly every answer: no value needs another.
    private mutating func plain(_ words: [UInt16], _ block: RegisterBlock) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(block.points.count)
        for index in block.points {
            let cell = cells[index]
            let start = cell.address - block.address + cell.offset
            let own = words[start..<start + cell.count]
            let decoded = cell.isPlain ? Self.number(own, cell) : single(index, own, words, block)
            if cell.isOperand { note(index, decoded) }
            guard !cell.isHidden else { continue }
            values.append(Value(point: index, decoded: decoded, raw: cell.wantsRaw ? Self.bytes(own) : []))
        }
        return identity.isMismatch ? wrong(block) : values
    }

    private static func number(_ words: ArraySlice<UInt16>, _ cell: Cell) -> RegisterCodec.Decoded {
        let raw = cell.layout.number(of: words)
        let number: ExactDecimal? =
            switch cell.type {
            case .f32: ExactDecimal(shortest: Float(bitPattern: UInt32(truncatingIfNeeded: raw)))
            case .f64: ExactDecimal(shortest: Double(bitPattern: raw))
            case .i16: ExactDecimal(Int64(Int16(truncatingIfNeeded: raw)))
            case .i32: ExactDecimal(Int64(Int32(truncatingIfNeeded: raw)))
            case .i64: ExactDecimal(Int64(bitPattern: raw))
            default: Int64(exactly: raw).map { ExactDecimal($0) }
            }
        guard let number else { return .bad(.outOfRange) }
        guard cell.isScaled else { return .good(.number(number)) }
        guard let scaled = number.multiplied(by: cell.scale) else { return .bad(.outOfRange) }
        return .good(.number(scaled))
    }

    private func single(
        _ index: Int, _ own: ArraySlice<UInt16>, _ words: [UInt16], _ block: RegisterBlock
    ) -> RegisterCodec.Decoded {
        guard let recipe = recipes[index] else { return points[index].value.codec.decode(own) }
        let start = cells[index].address - block.address
        return evaluate(recipe, index, words[start..<start + points[index].value.width], bit: nil)
            ?? .bad(.configuration)
    }

    /// Operands first, then what needs them.
    private mutating func full(_ answer: ModbusAnswer, _ block: RegisterBlock) -> [Value] {
        var registers: [Int: [UInt16]] = [:]
        for index in block.points {
            let start = cells[index].address - block.address
            switch answer {
            case .words(let words): registers[index] = Array(words[start..<start + points[index].value.width])
            case .bits(let bits): registers[index] = [bits[start] ? 1 : 0]
            default: return told(block.points.map { ($0, .bad(.communication)) })
            }
        }
        waiting.merge(registers) { _, new in new }
        for index in identity.points { if let words = registers[index] { judge(index, words) } }
        if identity.isMismatch {
            waiting = [:]
            return wrong(block)
        }
        guard identity.isSettled else {
            identity.held()
            collect()
            return []
        }
        return settle()
    }

    /// Everything that waits and whose operands are known by now.
    private mutating func settle() -> [Value] {
        var values: [Value] = []
        for depth in 0...deepest {
            for index in waiting.keys.sorted() where cells[index].depth == depth {
                guard let words = waiting[index], let decoded = value(index, words) else { continue }
                waiting[index] = nil
                if cells[index].isOperand { note(index, decoded) }
                guard !cells[index].isHidden else { continue }
                let cell = cells[index]
                let own = words[cell.offset..<min(cell.offset + cell.count, words.count)]
                values.append(Value(point: index, decoded: decoded, raw: cell.wantsRaw ? Self.bytes(own) : []))
            }
        }
        return values.sorted { $0.point < $1.point }
    }

    /// nil while an operand is unknown.
    private mutating func value(_ index: Int, _ words: [UInt16]) -> RegisterCodec.Decoded? {
        let value = points[index].value
        let isBits = value.table.isBits
        if let recipe = recipes[index] {
            return evaluate(recipe, index, words[...], bit: isBits ? words.first == 1 : nil)
        }
        if isBits { return value.codec.decode(bit: words.first == 1) }
        return value.codec.decode(words[value.offset..<value.offset + value.codec.type.width])
    }

    private func told(_ values: [(Int, RegisterCodec.Decoded)]) -> [Value] {
        values.filter { !cells[$0.0].isHidden }.map { Value(point: $0.0, decoded: $0.1) }
    }

    private func wrong(_ block: RegisterBlock) -> [Value] { told(block.points.map { ($0, .bad(.wrongDevice)) }) }

    private static func bytes(_ words: ArraySlice<UInt16>) -> [UInt8] {
        words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    }

    private mutating func note(_ index: Int, _ decoded: RegisterCodec.Decoded) {
        known[index] = decoded
        guard identity.points.contains(index) else { return }
        identity.note(index, decoded)
        collect()
    }

    private mutating func judge(_ index: Int, _ words: [UInt16]) {
        guard let decoded = value(index, words) else { return }
        note(index, decoded)
    }

    private mutating func collect() { findings += identity.takeFindings() }

    // MARK: what the device does not answer

    /// The device refuses these points for good.
    mutating func refuse(_ indices: some Sequence<Int>) {
        for index in indices where cells.indices.contains(index) {
            refused.insert(index)
            known[index] = .bad(.notSupported)
            identity.refuse(index)
        }
        collect()
    }

    /// The device was away: it may be another one that comes back.
    mutating func forget() {
        waiting = [:]
        known = Dictionary(uniqueKeysWithValues: refused.map { ($0, .bad(.notSupported)) })
        identity.forget()
    }

    /// What there is to say about the device since the last call: sentences for the event log.
    mutating func takeFindings() -> [String] {
        guard !findings.isEmpty else { return [] }
        defer { findings = [] }
        return findings
    }

    /// It is known whether the device is what its profile describes, as far as that can be known.
    var isRecognised: Bool { identity.isSettled }
    /// The device is not what its profile describes.
    var isWrongDevice: Bool { identity.isMismatch }
    /// As its identification names it; nil when nothing is known.
    var model: String? { identity.model }

    /// Points that must be read along with these for their values to be told.
    func needed(for wanted: Set<Int>) -> Set<Int> {
        var all = wanted
        var open = Array(wanted)
        while let index = open.popLast() {
            guard recipes.indices.contains(index) else { continue }
            for next in recipes[index]?.points ?? [] where all.insert(next).inserted { open.append(next) }
        }
        return identity.isSettled ? all : all.union(identity.points)
    }

    // MARK: recipes

    private enum State {
        case unknown
        case bad(Quality.Reason)
        case value(Telemetry.Value)
    }

    private func operand(_ position: Int, _ recipe: ResolvedRecipe, _ words: ArraySlice<UInt16>) -> State {
        let decoded: RegisterCodec.Decoded
        switch recipe.places[position] {
        case .inline(let offset, let codec):
            let start = words.startIndex + offset
            decoded = codec.decode(words[start..<start + codec.type.width])
        case .point(let index):
            guard let known = known[index] else { return .unknown }
            decoded = known
        case .nowhere: return .bad(.configuration)
        }
        if let value = decoded.value { return .value(value) }
        // What it refuses it will not learn: the profile does not fit.
        return .bad(decoded.quality.reason == .notSupported ? .configuration : decoded.quality.reason)
    }

    /// - Parameter words: everything that was read for the point.
    /// - Returns: nil while an operand is unknown.
    private func evaluate(
        _ recipe: ResolvedRecipe, _ index: Int, _ words: ArraySlice<UInt16>, bit: Bool?
    ) -> RegisterCodec.Decoded? {
        let value = points[index].value
        let codec = value.codec
        var own: RegisterCodec.Decoded
        if value.isDerived {
            own = .good(.number(.zero))
        } else if let bit {
            own = codec.decode(bit: bit)
        } else {
            let start = words.startIndex + value.offset
            own = codec.number(words[start..<start + codec.type.width])
        }
        var arithmetic = RecipeArithmetic(number: own.value?.number, codec: codec, unit: value.unit)
        for step in recipe.steps {
            if !step.isCondition, arithmetic.number == nil { return own }
            var states: [Telemetry.Value] = []
            for position in step.operands {
                switch operand(position, recipe, words) {
                case .unknown: return nil
                case .bad(let reason): return .bad(reason)
                case .value(let value): states.append(value)
                }
            }
            if let reason = arithmetic.apply(step, states) { return .bad(reason) }
        }
        guard let number = arithmetic.number else { return own }
        if codec.isIdentifier { return .good(.text(number.description)) }
        own = .good(.number(codec.isInverted ? number.negated : number))
        return own
    }
}

extension RegisterCodec {
    /// Registers that are a number as they stand, but for the scale.
    var isPlainNumber: Bool {
        guard coding == .plain, field == nil, mask == nil, names.isEmpty, absent.isEmpty, !isIdentifier else {
            return false
        }
        switch type {
        case .u16, .i16, .u32, .i32, .u48, .u64, .i64, .f32, .f64: return true
        default: return false
        }
    }
}
