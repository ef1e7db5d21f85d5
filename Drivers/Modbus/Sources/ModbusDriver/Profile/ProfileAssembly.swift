internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// What can only be settled when all values of a profile are known: names, what belongs together, where sums are read.
struct ProfileAssembly {
    let diagnostics: Diagnostics
    let place: NodePlace

    func finish(_ profile: inout ModbusProfile) {
        resolveNames(&profile)
        join(&profile)
        placeSums(&profile)
        check(profile)
    }

    private func error(_ message: String, _ value: ProfileValue, _ key: String? = nil) {
        let item = place.appending("values").appending(value.position)
        diagnostics.error(message, at: key.map { item.appending($0) } ?? item)
    }

    // MARK: names

    /// A bare name means the value of the same channel, phase and tariff where there is one.
    private func resolveNames(_ profile: inout ModbusProfile) {
        let names = Set(profile.values.map(\.name))
        for index in profile.values.indices {
            guard var recipe = profile.values[index].recipe else { continue }
            let own = profile.values[index].name.drop { $0 != "." }
            for position in recipe.operands.indices {
                guard case .point(let name) = recipe.operands[position] else { continue }
                let near = name.contains(".") ? name : name + own
                if names.contains(near), near != profile.values[index].name {
                    recipe.operands[position] = .point(near)
                } else if !names.contains(name) {
                    let nearest = NearestKey.find(name, in: names.sorted()).map { "; did you mean \($0)?" } ?? ""
                    error(
                        "\(profile.values[index].name) needs \(name), which is no value of this profile\(nearest)",
                        profile.values[index])
                }
            }
            profile.values[index].recipe = recipe
        }
        checkCircles(profile)
    }

    private func checkCircles(_ profile: ModbusProfile) {
        var needs: [String: [String]] = [:]
        for value in profile.values {
            needs[value.name] = value.recipe?.operands.compactMap {
                if case .point(let name) = $0 { name } else { nil }
            }
        }
        var settled: Set<String> = []
        for value in profile.values where value.recipe != nil {
            var way: [String] = []
            if circle(value.name, needs, &settled, &way) {
                error("\(way.joined(separator: " needs ")): that never ends", value)
                return
            }
        }
    }

    private func circle(
        _ name: String, _ needs: [String: [String]], _ settled: inout Set<String>, _ way: inout [String]
    ) -> Bool {
        if settled.contains(name) { return false }
        let isAgain = way.contains(name)
        way.append(name)
        if isAgain { return true }
        for next in needs[name] ?? [] where circle(next, needs, &settled, &way) { return true }
        way.removeLast()
        settled.insert(name)
        return false
    }

    // MARK: what is read together

    /// Groups, and integer and fraction of one total, become one stretch of registers that is never split.
    private func join(_ profile: inout ModbusProfile) {
        var groups: [String: [Int]] = [:]
        for (index, value) in profile.values.enumerated() {
            if let group = value.group {
                groups[group, default: []].append(index)
            } else if let parts = Self.registerParts(value), !parts.isEmpty {
                stretch(&profile, [index], with: parts, "\(value.name) and what is added to it")
            }
        }
        for (group, members) in groups.sorted(by: { $0.key < $1.key }) {
            let parts = members.flatMap { index in
                (profile.values[index].recipe?.operands ?? []).compactMap { operand -> RegisterSource? in
                    if case .register(let source) = operand, !source.isRatio { source } else { nil }
                }
            }
            stretch(&profile, members, with: parts, "the group \(group)")
        }
    }

    private static func registerParts(_ value: ProfileValue) -> [RegisterSource]? {
        value.recipe.map { recipe in
            recipe.steps.compactMap { step in
                switch step {
                case .rawPlus(let operand), .rawMinus(let operand):
                    if case .register(let source) = recipe.operands[operand] { source } else { nil }
                default: nil
                }
            }
        }
    }

    private func stretch(
        _ profile: inout ModbusProfile, _ members: [Int], with parts: [RegisterSource], _ what: String
    ) {
        guard let first = members.first else { return }
        let table = profile.values[first].table
        guard members.allSatisfy({ profile.values[$0].table == table }), parts.allSatisfy({ $0.table == table }) else {
            error("\(what) must be of one table to be read in one request", profile.values[first])
            return
        }
        let ranges = members.map { profile.values[$0].addresses } + parts.map(\.addresses)
        let (low, high) = (ranges.map(\.lowerBound).min() ?? 0, ranges.map(\.upperBound).max() ?? 0)
        let count = high - low + 1
        if count > (table.isBits ? table.protocolLimit : profile.limits.maximumRegisters) {
            error(
                "\(what) takes \(count) registers, more than the \(profile.limits.maximumRegisters) of one request",
                profile.values[first])
            return
        }
        if profile.limits.isEvenOnly, count % 2 != 0 {
            error("\(what) takes \(count) registers, but this product takes even requests only", profile.values[first])
        }
        for index in members {
            profile.values[index].offset = profile.values[index].address - low
            profile.values[index].address = low
            profile.values[index].span = count
        }
    }

    /// A sum is told when its first part is read.
    private func placeSums(_ profile: inout ModbusProfile) {
        // A sum of sums needs as many rounds as it is deep; circles were refused before.
        for _ in 0..<4 {
            for index in profile.values.indices where profile.values[index].isDerived {
                guard case .point(let name)? = profile.values[index].recipe?.operands.first,
                    let part = profile.values.first(where: { $0.name == name })
                else { continue }
                profile.values[index].table = part.table
                profile.values[index].address = part.address
                profile.values[index].span = part.width
                profile.values[index].codec.type = .u16
                profile.values[index].interval = profile.values[index].interval ?? part.interval
                checkUnits(profile, profile.values[index])
            }
        }
    }

    private func checkUnits(_ profile: ModbusProfile, _ sum: ProfileValue) {
        for case .point(let name) in sum.recipe?.operands ?? [] {
            guard let part = profile.values.first(where: { $0.name == name }), part.unit != sum.unit else { continue }
            let message = "\(sum.name) is in \(sum.unit), its part \(name) in \(part.unit)"
            guard !diagnostics.all.contains(where: { $0.message == message }) else { continue }
            error(message, sum, "unit")
        }
    }

    // MARK: checks

    /// Names are unique, and what must never be read is not in the list.
    private func check(_ profile: ModbusProfile) {
        var seen: Set<String> = []
        for value in profile.values {
            if !seen.insert(value.name).inserted {
                diagnostics.error("two values are called \(value.name)", at: place.appending("values"))
            }
            for never in profile.neverRead where never.table == value.table && never.range.overlaps(value.addresses) {
                diagnostics.error(
                    "\(value.name) at \(hex(UInt16(clamping: value.address))) lies in never_read",
                    at: place.appending("values"))
            }
            for case .register(let source) in value.recipe?.operands ?? [] {
                for never in profile.neverRead
                where never.table == source.table && never.range.overlaps(source.addresses) {
                    error("\(source.words), which \(value.name) needs, lies in never_read", value)
                }
            }
        }
        for line in profile.identification {
            for never in profile.neverRead
            where never.table == line.source.table && never.range.overlaps(line.source.addresses) {
                diagnostics.error("\(line.source.words) lies in never_read", at: place.appending("identify"))
            }
        }
    }
}
