import Telemetry

/// The lists of a program: `active`, `steps`, `dynamic`.
struct ProgramDecoding {
    let reader: MapReader
    /// Names of all devices, sound or not.
    let devices: Set<String>

    /// Without a good value for this long it is as if a sensor were not there.
    private static let standardStale = "15min"
    /// A sensor that may be silent for longer than two days decides on weather that is gone.
    private static let longestStale: Duration = .seconds(48 * 3600)
    /// A sensor that moves the end of a period by more decides on another night.
    private static let largestMargin: Duration = .seconds(6 * 3600)
    private static let longestHold: Duration = .seconds(24 * 3600)
    /// The longest extended fade of DALI (IEC 62386-102).
    private static let longestFade: Duration = .seconds(16 * 60)

    // MARK: active

    func active() -> [LightingProgram.ActivePeriod] {
        let nodes = items("active", expected: "a list of periods such as [{from: sunset, to: sunrise}]")
        if let node = reader.node["active"], node.items?.isEmpty == true {
            reader.error(
                at: node.position,
                "`active` names no period; expected at least one, or no `active` for a program that always rules")
        }
        var periods: [(period: LightingProgram.ActivePeriod, position: SourcePosition)] = []
        for node in nodes {
            let part = part(node, "active")
            let hasSensor = part.node.entry("source") != nil
            let hasSpan = !hasSensor || part.node.entry("from") != nil || part.node.entry("to") != nil
            let span = hasSpan ? span(part) : nil
            let sensor = hasSensor ? sensor(part, hasSpan: hasSpan) : nil
            part.finish()
            guard span != nil || !hasSpan, sensor != nil || !hasSensor else { continue }
            periods.append((LightingProgram.ActivePeriod(span: span, sensor: sensor), node.position))
        }
        checkOverlaps(periods)
        return periods.map(\.period)
    }

    private func span(_ part: MapReader) -> LightingProgram.Span? {
        let from = time(part, "from")
        let to = time(part, "to")
        guard let from, let to else { return nil }
        switch (from, to) {
        case (.sunset, .sunset), (.sunrise, .sunrise):
            part.error(at: part.node.position, "it begins and ends with the same event of the sun; expected two events")
            return nil
        default: return LightingProgram.Span(from: from, to: to)
        }
    }

    private func sensor(_ part: MapReader, hasSpan: Bool) -> LightingProgram.PeriodSensor? {
        let source = point(part, "source")
        let on = number(part, "on_level")
        let off = number(part, "off_level")
        let condition = condition(part, "when")
        let early = part.duration("early", default: "0s", atMost: Self.largestMargin) ?? .zero
        let earlyEnd = part.duration("early_end", default: "0s", atMost: Self.largestMargin) ?? .zero
        let stale = part.duration("stale", default: Self.standardStale, atLeast: .seconds(1), atMost: Self.longestStale)
        if !hasSpan, let entry = part.node.entry("early") ?? part.node.entry("early_end") {
            part.error(
                at: entry.keyPosition, "`\(entry.key)` moves the ends of a period; expected `from` and `to` beside it")
        }
        let rule: LightingProgram.PeriodSensor.Rule
        if part.node.entry("when") != nil {
            if let entry = part.node.entry("on_level") ?? part.node.entry("off_level") {
                part.error(at: entry.keyPosition, "`\(entry.key)` stands beside `when`; expected one or the other")
                return nil
            }
            guard let condition else { return nil }
            rule = .condition(condition)
        } else {
            for key in ["on_level", "off_level"] where part.node.entry(key) == nil {
                part.error(
                    at: part.node.position, "`\(key)` is missing; expected `on_level` and `off_level`, or `when`")
            }
            guard let on, let off else { return nil }
            guard off >= on else {
                part.error(
                    at: part.node["off_level"]?.position ?? part.node.position,
                    "`off_level` is \(off) and `on_level` \(on); expected it at least as high, or the lamps would flicker"
                )
                return nil
            }
            rule = .level(on: on, off: off)
        }
        guard let source, let stale else { return nil }
        return LightingProgram.PeriodSensor(source: source, rule: rule, early: early, earlyEnd: earlyEnd, stale: stale)
    }

    /// Periods that overlap for certain: one of them is a mistake.
    private func checkOverlaps(_ periods: [(period: LightingProgram.ActivePeriod, position: SourcePosition)]) {
        let day = 86_400
        for (index, later) in periods.enumerated() {
            for earlier in periods[..<index] where earlier.period.sensor == nil && later.period.sensor == nil {
                let overlap =
                    switch (
                        earlier.period.span?.from, earlier.period.span?.to, later.period.span?.from,
                        later.period.span?.to
                    )
                    {
                    case (.sunset, .sunrise, .sunset, .sunrise): true
                    case (.clock(let a), .clock(let b), .clock(let c), .clock(let d)):
                        // Both may run over midnight: compared also one day apart.
                        [-day, 0, day].contains { shift in
                            c + shift < (b > a ? b : b + day) && a < (d > c ? d : d + day) + shift
                        }
                    default: false
                    }
                if overlap {
                    reader.error(
                        at: later.position,
                        "it overlaps the period at \(earlier.position); expected one period in place of both")
                }
            }
        }
    }

    // MARK: steps

    func steps() -> [LightingProgram.Step] {
        var seen: [(at: DailyTime, position: SourcePosition)] = []
        return items("steps", expected: "a list of steps such as [{at: \"23:00\", level: 50%}]").compactMap { node in
            let step = part(node, "steps")
            let at = time(step, "at")
            let level = step.percent("level")
            if step.node.entry("level") == nil {
                step.error(at: node.position, "`level` is missing; expected a percentage")
            }
            let fade = step.duration("fade", atMost: Self.longestFade)
            let operation: LightingProgram.Operation? = step.choice("operation")
            step.finish()
            guard let at, let level else { return nil }
            if operation != nil, !at.isAstronomical {
                step.error(
                    at: step.node["operation"]?.position ?? node.position,
                    "`operation` goes by the sun; expected a step at sunset or sunrise, a step by the clock sets its level"
                )
            }
            if let other = seen.first(where: { $0.at == at }) {
                step.error(at: node.position, "a step at \(at) stands at \(other.position) too; expected one of them")
            }
            seen.append((at, node.position))
            return LightingProgram.Step(at: at, level: level, fade: fade, operation: operation)
        }
    }

    // MARK: dynamic

    func dynamic() -> [LightingProgram.DynamicControl] {
        let expected = "a list of controls such as [{source: pir.occupied, when: occupied, level: 100%, hold: 5min}]"
        return items("dynamic", expected: expected).compactMap { node in
            let part = part(node, "dynamic")
            let source = point(part, "source")
            if part.node.entry("source") == nil {
                part.error(at: node.position, "`source` is missing; expected a point such as pir.occupied")
            }
            let when = condition(part, "when")
            let until = condition(part, "until")
            let takesValue = part.node["level"]?.scalar == "source"
            var level: ExactDecimal?
            if takesValue { _ = part.text("level") } else { level = part.percent("level") }
            if part.node.entry("level") == nil {
                part.error(at: node.position, "`level` is missing; expected a percentage, or source for its own value")
            }
            if part.node.entry("when") == nil, !takesValue {
                part.error(
                    at: node.position, "`when` is missing; expected a condition such as occupied or below 20")
            }
            let operation = part.choice("operation", default: LightingProgram.Operation.set) ?? .set
            let hold = part.duration("hold", default: "0s", atMost: Self.longestHold) ?? .zero
            let fade = part.duration("fade", atMost: Self.longestFade)
            let stale = part.duration(
                "stale", default: Self.standardStale, atLeast: .seconds(1), atMost: Self.longestStale)
            var period: LightingProgram.Span?
            if let child = part.child("period", expected: "{from, to}") {
                period = span(child)
                part.keep("period", child.finish())
            }
            part.finish()
            guard let source, let stale, takesValue || level != nil && when != nil else { return nil }
            return LightingProgram.DynamicControl(
                source: source, when: when, until: until, level: level, operation: operation, hold: hold,
                period: period, fade: fade, stale: stale)
        }
    }

    // MARK: shared

    private func part(_ node: YAMLNode, _ key: String) -> MapReader {
        MapReader(
            node, title: reader.title + ", " + key, collector: reader.collector, subject: reader.subject)
    }

    private func items(_ key: String, expected: String) -> [YAMLNode] {
        guard let node = reader.value(key, expected: expected) else { return [] }
        reader.keep(key, node)
        guard let items = node.items else {
            reader.error(at: node.position, "`\(key)` is \(node.kindName); expected \(expected)")
            return []
        }
        return items
    }

    private func time(_ part: MapReader, _ key: String) -> DailyTime? {
        let expected = "a time such as \"23:00\", sunset or sunrise - 10min"
        if part.node.entry(key) == nil {
            part.error(at: part.node.position, "`\(key)` is missing; expected \(expected)")
        }
        return part.scalar(key, expected: expected, ScalarParser.dailyTime)
    }

    private func condition(_ part: MapReader, _ key: String) -> SensorCondition? {
        part.scalar(
            key, expected: "a condition such as occupied, below 20, = open or count >= 5 per 10min",
            ScalarParser.condition)
    }

    private func number(_ part: MapReader, _ key: String) -> ExactDecimal? {
        part.scalar(key, expected: "a number in the point's own unit such as 20") { text throws(ScalarProblem) in
            guard let number = ExactDecimal(text) else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no plain number")
            }
            return number
        }
    }

    private func point(_ part: MapReader, _ key: String) -> String? {
        part.scalar(key, expected: "a point of a device such as pir.occupied") { text throws(ScalarProblem) in
            guard let dot = text.firstIndex(of: "."), Names.isPoint(String(text[text.index(after: dot)...])) else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no point of a device")
            }
            let device = String(text[..<dot])
            guard devices.contains(device) else {
                throw ScalarProblem(
                    "there is no device \"\(ScalarParser.shown(device))\"",
                    hint: Spelling.hint(for: device, among: devices.sorted()))
            }
            return text
        }
    }
}
