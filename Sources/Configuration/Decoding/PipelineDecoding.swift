import Telemetry

/// The keys of a group that stand between the level asked for and the one that is sent.
struct PipelineDecoding {
    let reader: MapReader

    /// Longer than any lamp takes to burn in or to cool.
    private static let longestStart: Duration = .seconds(30 * 60)

    func decode() -> LightingPipeline {
        let output = reader.percent("virtual_output", default: "100%") ?? ExactDecimal(100)
        let curve = constantLight()
        let maintenance = maintenance()
        let minimum = reader.percent("minimum", default: "0%") ?? .zero
        let warmUp = reader.duration("warm_up", default: "0s", atMost: Self.longestStart) ?? .zero
        let coolDown = reader.duration("cool_down", default: "0s", atMost: Self.longestStart) ?? .zero
        return LightingPipeline(
            virtualOutput: output, constantLight: curve, maintenance: maintenance, minimum: minimum, warmUp: warmUp,
            coolDown: coolDown)
    }

    /// `driver`: the gear compensates by itself. A curve: the gateway does. Both at once would do it twice.
    private func constantLight() -> [LightingPipeline.CurvePoint] {
        let expected = "driver, or {curve: [[0 h, 80%], [20000 h, 100%]]}"
        guard let node = reader.value("constant_light", expected: expected) else { return [] }
        if node.scalar == "driver" {
            reader.keep("constant_light", node)
            return []
        }
        guard node.entries != nil, let child = reader.child("constant_light", expected: expected) else {
            reader.error(at: node.position, "`constant_light` is \(node.kindName); expected \(expected)")
            reader.keep("constant_light", node)
            return []
        }
        let points = child.value("curve", expected: expected)
        if let points {
            child.keep("curve", points)
        } else {
            child.error(at: node.position, "`curve` is missing; expected \(expected)")
        }
        reader.keep("constant_light", child.finish())
        guard let points else { return [] }
        guard let items = points.items, !items.isEmpty else {
            child.error(at: points.position, "`curve` is \(points.kindName); expected a list of [hours, percentage]")
            return []
        }
        var curve: [LightingPipeline.CurvePoint] = []
        for item in items {
            guard let point = point(item, child) else { continue }
            if let last = curve.last, point.hours <= last.hours {
                child.error(at: item.position, "\(point.hours) h comes after \(last.hours) h; expected hours that rise")
            }
            curve.append(point)
        }
        return curve
    }

    private func point(_ node: YAMLNode, _ child: MapReader) -> LightingPipeline.CurvePoint? {
        do throws(ScalarProblem) {
            guard let pair = node.items, pair.count == 2, let hours = pair[0].scalar, let share = pair[1].scalar else {
                throw ScalarProblem("a point of `curve` is \(node.kindName)")
            }
            let (number, unit) = try ScalarParser.amount(hours)
            guard unit == "h", number >= .zero else {
                throw ScalarProblem("\"\(ScalarParser.shown(hours))\" is no number of hours", hint: "\(number) h?")
            }
            let percent = try ScalarParser.percent(share)
            guard percent > .zero, percent <= ExactDecimal(100) else {
                throw ScalarProblem("\(ScalarParser.shown(share)) is out of range")
            }
            return LightingPipeline.CurvePoint(hours: number, percent: percent)
        } catch {
            child.error(at: node.position, "\(error.problem); expected a pair such as [5000 h, 85%]", hint: error.hint)
            return nil
        }
    }

    private func maintenance() -> LightingPipeline.Maintenance? {
        let expected = "{factor: 90%, last: 2028-03-01, period: 365d}"
        guard let child = reader.child("maintenance", expected: expected) else { return nil }
        let factor = child.percent("factor")
        let last = child.scalar("last", expected: "the date of the last maintenance such as 2028-03-01") {
            text throws(ScalarProblem) in
            let day = try ScalarParser.day(text)
            guard day.year != nil else { throw ScalarProblem("\"\(ScalarParser.shown(text))\" has no year") }
            return day
        }
        let period = child.duration("period", atLeast: .seconds(86_400))
        for key in ["factor", "last", "period"] where child.node.entry(key) == nil {
            child.error(at: child.node.position, "`\(key)` is missing; expected \(expected)")
        }
        reader.keep("maintenance", child.finish())
        guard let factor, let last, let period else { return nil }
        return LightingPipeline.Maintenance(factor: factor, last: last, period: period)
    }
}
