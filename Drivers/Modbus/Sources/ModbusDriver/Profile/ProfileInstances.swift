internal import DriverKit
internal import DriverProtocol
internal import Telemetry

/// One line of a profile that stands for several values at equal distances: channels, phases or tariffs.
struct ProfileInstances {
    /// No product repeats a value more often (WB-MAP12E: four groups of three).
    static let most = 64

    private enum Label {
        case channel(Int)
        case phase(PointName.Phase)
        case tariff(Int)

        func applied(to name: PointName) -> PointName {
            switch self {
            case .channel(let channel):
                PointName(quantity: name.quantity, channel: channel, phase: name.phase, tariff: name.tariff)
            case .phase(let phase):
                PointName(quantity: name.quantity, channel: name.channel, phase: phase, tariff: name.tariff)
            case .tariff(let tariff):
                PointName(quantity: name.quantity, channel: name.channel, phase: name.phase, tariff: tariff)
            }
        }
    }

    private struct Dimension {
        var stride: Int
        var labels: [Label]
    }

    private var dimensions: [Dimension] = []

    /// - Parameter value: one map, or a list of them for a grid.
    init(_ value: NodeValue?) {
        guard let value else { return }
        for item in (value.isList ? value.list() ?? [] : [value]) {
            guard let map = item.map() else { continue }
            let stride = map.required("stride", "the distance in registers")?.integer(in: -0xFFFF...0xFFFF)
            let count = map.integer("count", in: 1...Self.most)
            var labels: [Label] = []
            for channel in map.list("channels") ?? [] {
                if let number = channel.integer(in: PointName.channels) { labels.append(.channel(number)) }
            }
            for entry in map.list("phases") ?? [] {
                guard let text = entry.text() else { continue }
                if let phase = PointName.Phase(rawValue: text) {
                    labels.append(.phase(phase))
                } else {
                    entry.error("\(text) is no phase")
                }
            }
            for tariff in map.list("tariffs") ?? [] {
                if let number = tariff.integer(in: PointName.tariffs) { labels.append(.tariff(number)) }
            }
            let names = map.list("names")?.compactMap { $0.text() }
            let wanted = count ?? names?.count
            if labels.isEmpty, let wanted { labels = (1...max(wanted, 1)).map { .channel($0) } }
            map.finish()
            if labels.isEmpty { item.error("count, channels, phases or tariffs must say what is repeated") }
            if let wanted, wanted != labels.count {
                item.error("\(labels.count) names for \(wanted) instances")
            }
            guard let stride, !labels.isEmpty, labels.count <= Self.most else { continue }
            dimensions.append(Dimension(stride: stride, labels: labels))
        }
        if dimensions.reduce(1, { $0 * $1.labels.count }) > Self.most {
            value.error("more than \(Self.most) instances")
            dimensions = []
        }
    }

    /// The value itself where nothing is repeated.
    func expand(_ value: ProfileValue, _ name: PointName, ownObis: String?) -> [(value: ProfileValue, name: PointName)]
    {
        var all = [(value: value, name: name)]
        for (index, dimension) in dimensions.enumerated() {
            all = all.flatMap { entry in
                dimension.labels.enumerated().map { step, label in
                    var moved = entry.value
                    moved.address += step * dimension.stride
                    let renamed = label.applied(to: entry.name)
                    moved.name = renamed.description
                    moved.obis = ownObis ?? Quantity(name: renamed.quantity)?.obis(of: renamed)
                    moved.recipe?.move(dimension: index, by: step)
                    return (moved, renamed)
                }
            }
        }
        return all
    }
}

extension ValueRecipe {
    /// Registers with a stride of their own move along.
    fileprivate mutating func move(dimension: Int, by steps: Int) {
        for index in operands.indices {
            guard case .register(var source) = operands[index], source.strides.indices.contains(dimension) else {
                continue
            }
            source.address = min(max(source.address + source.strides[dimension] * steps, 0), 0xFFFF)
            operands[index] = .register(source)
        }
    }
}
