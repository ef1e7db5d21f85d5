internal import Telemetry

/// A recipe with the places at which one device has its operands.
struct ResolvedRecipe: Sendable {
    enum Place: Sendable {
        /// Among the registers that are read for the value itself.
        case inline(offset: Int, RegisterCodec)
        case point(Int)
        /// Not among the device's points; the builder sees to it that this does not happen.
        case nowhere
    }

    let steps: [ValueRecipe.Step]
    let places: [Place]

    var points: [Int] {
        places.compactMap { if case .point(let index) = $0 { index } else { nil } }
    }
}

/// Finds the operands of a device's values among its points.
struct RecipeResolver {
    let points: [DevicePoint]
    private var registers: [RegisterKey: Int] = [:]
    private var names: [String: Int] = [:]

    private struct RegisterKey: Hashable {
        let table: RegisterTable
        let address: Int
        let codec: RegisterCodec
    }

    init(points: [DevicePoint]) {
        self.points = points
        for point in points {
            // A hidden copy is there because the visible one is not what the profile means (an inverted meter).
            if names[point.value.name] == nil || point.isHidden { names[point.value.name] = point.index }
            guard point.isHidden, point.value.recipe == nil else { continue }
            registers[
                RegisterKey(table: point.value.table, address: point.value.ownAddress, codec: point.value.codec)] =
                point.index
        }
    }

    func recipes() -> [ResolvedRecipe?] {
        points.map { point in
            guard let recipe = point.value.recipe else { return nil }
            return ResolvedRecipe(steps: recipe.steps, places: recipe.operands.map { place(of: $0, for: point) })
        }
    }

    private func place(of operand: Operand, for point: DevicePoint) -> ResolvedRecipe.Place {
        switch operand {
        case .register(let source):
            if Self.isInline(source, point.value) {
                return .inline(offset: source.address - point.value.address, source.codec)
            }
            return hiddenPoint(of: source).map { .point($0) } ?? .nowhere
        case .point(let name): return names[name].map { .point($0) } ?? .nowhere
        }
    }

    func hiddenPoint(of source: RegisterSource) -> Int? {
        registers[RegisterKey(table: source.table, address: source.address, codec: source.codec)]
    }

    /// It comes with the value's own registers.
    static func isInline(_ source: RegisterSource, _ value: ProfileValue) -> Bool {
        source.table == value.table && !source.table.isBits && value.addresses.contains(source.addresses.lowerBound)
            && value.addresses.contains(source.addresses.upperBound)
    }

    /// How many points stand between each point and the registers; circles, which a profile cannot have, count as deep.
    static func depths(_ recipes: [ResolvedRecipe?]) -> [Int] {
        var depths = recipes.map { $0 == nil ? 0 : 1 }
        for _ in 0..<8 {
            for (index, recipe) in recipes.enumerated() {
                guard let recipe else { continue }
                depths[index] = 1 + min(8, recipe.points.map { depths[$0] }.max() ?? 0)
            }
        }
        return depths
    }
}
