import Telemetry

/// `points` of a device: a map changes or leaves out points of the profile, a list names exactly those wanted.
struct PointDecoding {
    let collector: DiagnosticCollector
    let title: String
    let subject: ConfigurationPart

    func decode(_ node: YAMLNode) -> PointSelection {
        switch node.content {
        case .map(let entries):
            return PointSelection(onlyListed: false, points: entries.compactMap { point($0, mayLeaveOut: true) })
        case .list(let items):
            return PointSelection(onlyListed: true, points: unique(items.compactMap(item)))
        default:
            error(
                at: node.position,
                "`points` is \(node.kindName); expected a list of points, or a map of point to settings")
            return .all
        }
    }

    private func item(_ node: YAMLNode) -> PointConfiguration? {
        if let name = node.scalar {
            return point(
                YAMLEntry(key: name, keyPosition: node.position, value: YAMLNode(.null, at: node.position)),
                mayLeaveOut: false)
        }
        guard let entries = node.entries, entries.count == 1 else {
            error(at: node.position, "`points` holds \(node.kindName); expected a name, or one name with its settings")
            return nil
        }
        return point(entries[0], mayLeaveOut: false)
    }

    private func unique(_ points: [PointConfiguration]) -> [PointConfiguration] {
        var places: [String: SourcePosition] = [:]
        return points.filter { point in
            if let earlier = places[point.name] {
                error(
                    at: point.position,
                    "`points`: \(point.name) stands twice; expected it once, the other is at \(earlier)")
                return false
            }
            places[point.name] = point.position
            return true
        }
    }

    private func point(_ entry: YAMLEntry, mayLeaveOut: Bool) -> PointConfiguration? {
        guard Names.isPoint(entry.key) else {
            error(
                at: entry.keyPosition,
                "`points`: \"\(ScalarParser.shown(entry.key))\" is no point; expected a name such as active_power or voltage.L1"
            )
            return nil
        }
        if case .flag(let wanted) = entry.value.content {
            if !wanted, !mayLeaveOut {
                error(
                    at: entry.value.position, "`points`: \(entry.key) is in the list and left out; expected one of both"
                )
            }
            return PointConfiguration(
                name: entry.key, position: entry.keyPosition, isExcluded: !wanted, interval: nil, reportOnChange: nil,
                reportAtLeast: nil, keep: nil, raw: false)
        }
        if let word = entry.value.scalar {
            error(
                at: entry.value.position,
                "`points`, \(entry.key) is \"\(ScalarParser.shown(word))\"; expected settings such as {interval: 1s}, or false to leave it out",
                hint: ["off", "no"].contains(word) ? "in YAML 1.2 that is text; write false" : nil)
            return nil
        }
        let reader = MapReader(
            entry.value, title: title + ", point \(entry.key)", collector: collector, subject: subject)
        let interval = reader.duration(
            "interval", atLeast: DeviceDecoding.shortestInterval, atMost: DeviceDecoding.longestInterval)
        let onChange = reader.scalar(
            "report_on_change", expected: "an amount with its unit such as 5 W, or a percentage"
        ) {
            text throws(ScalarProblem) in
            let quantity = try ScalarParser.quantity(text)
            guard !quantity.value.isNegative else { throw ScalarProblem("\(text) is negative") }
            return quantity.unit.symbol == "%"
                ? PointConfiguration.Threshold.relative(percent: quantity.value) : .absolute(quantity)
        }
        let atLeast = reader.duration("report_at_least", atLeast: .seconds(1))
        if let atLeast, let interval, atLeast < interval {
            reader.warning(
                at: entry.keyPosition, "`report_at_least` is shorter than `interval`; nothing is sent between two reads"
            )
        }
        let keep = DeviceDecoding.keep(reader)
        let raw =
            reader.node.entry("raw") == nil
            ? {
                _ = reader.value("raw", expected: "true or false"); return false
            }() : reader.flag("raw", default: false)
        reader.finish()
        return PointConfiguration(
            name: entry.key, position: entry.keyPosition, isExcluded: false, interval: interval,
            reportOnChange: onChange,
            reportAtLeast: atLeast, keep: keep, raw: raw)
    }

    private func error(at position: SourcePosition, _ text: String, hint: String? = nil) {
        collector.report(.error, at: position, title: title, text, hint: hint, subject: subject)
    }
}
