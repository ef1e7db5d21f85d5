import Telemetry

extension LightingEngine {
    /// Why a lamp is at its level; nil for a lamp that Lighting does not rule.
    ///
    /// - Parameter inputs: nil: those of the last tick.
    public mutating func explanation(
        of lamp: String, clock: LightingClock, inputs: LightingInputs? = nil
    ) -> LampExplanation? {
        guard let index = plan.indexes[lamp] else { return nil }
        if let inputs { self.inputs = inputs }
        sensors.observe(plan.sensorUses, inputs: self.inputs, at: clock.uptime)
        let group = plan.groups[plan.rulingGroups[index]]
        guard let level = level(for: lamp, clock: clock), let status = status(of: lamp) else { return nil }
        let claims = holdAndOverride(lamp, clock: clock) + schedule(plan.rulingGroups[index], clock: clock)
        // The first that asks for anything, or holds the lamp as it is, rules.
        var lines = claims.enumerated().map { place, line in
            LampExplanation.Line(rule: line.rule, text: line.text, percent: line.percent, rules: place == 0)
        }
        if let asked = level.asked {
            let hours = self.inputs.operatingHours(of: lamp)
            let age = maintenanceAge(group.pipeline, clock: clock)
            lines += group.pipeline.stages(of: asked, hours: hours, maintenanceAge: age).map {
                LampExplanation.Line(rule: $0.name, text: "\($0.note): \($0.percent) %", percent: $0.percent)
            }
            let output = group.pipeline.percent(of: asked, hours: hours, maintenanceAge: age)
            if let note = startNote(index, output, group.pipeline, clock: clock) {
                lines.append(LampExplanation.Line(rule: "start", text: note, percent: level.percent))
            }
        }
        lines += obstacles(status)
        let next =
            clock.isTrusted
            ? group.calendar.flatMap { plan.calendars[$0] }.flatMap { plan.nextChange(in: $0, after: clock.utc) } : nil
        return LampExplanation(
            lamp: lamp, group: group.name, level: level, status: status, lines: lines, nextChange: next)
    }

    /// Sensors that are not heard or not understood; their programs run without them.
    public func remarks(_ clock: LightingClock) -> [String] {
        plan.sensorUses.compactMap { use in
            let state = sensors[use.key]
            if state?.isUnfit == true {
                let value = inputs[use.source.point].map { "\($0.value)" } ?? ""
                return
                    "\(use.path): \(use.source.point) is \(value), which cannot be compared; the program runs without it"
            }
            guard let heard = state?.heardAt else {
                return
                    "\(use.path): \(use.source.point) has had no good value since the start; the program runs without it"
            }
            let silence = clock.uptime.duration(since: heard)
            guard silence > use.source.stale else { return nil }
            return
                "\(use.path): \(use.source.point) has had no good value for \(silence.wholeMilliseconds / 60_000) min; "
                + "the program runs without it"
        }
    }

    private func holdAndOverride(_ lamp: String, clock: LightingClock) -> [LampExplanation.Line] {
        var lines: [LampExplanation.Line] = []
        if let hold = holds[lamp], clock.uptime < hold.until {
            let rest = hold.until.duration(since: clock.uptime).wholeMilliseconds / 60_000
            let what = hold.percent.map { "at \($0) %" } ?? "at the level it has"
            lines.append(
                LampExplanation.Line(
                    rule: "hold", text: "held \(what) by \(hold.author) for another \(rest) min: \(hold.reason)",
                    percent: hold.percent))
        }
        if let override = book[lamp], !override.isExpired(clock) {
            let rest = override.remaining(clock).wholeMilliseconds / 60_000
            lines.append(
                LampExplanation.Line(
                    rule: "override", text: "\(override.percent) % by \(override.author) for another \(rest) min",
                    percent: override.percent))
        }
        return lines
    }

    /// From dynamic controls down to the default.
    private mutating func schedule(_ index: Int, clock: LightingClock) -> [LampExplanation.Line] {
        let group = plan.groups[index]
        let level = groupLevel(index, clock: clock)
        let fallback = LampExplanation.Line(
            rule: "default", text: "fallback of group \(group.name)", percent: group.fallback)
        guard let calendar = group.calendar.flatMap({ plan.calendars[$0] }) else { return [fallback] }
        guard clock.isTrusted, let timeline = timeline(of: calendar, at: clock.utc),
            let segment = timeline.segment(at: clock.utc), let program = plan.programs[timeline.program]
        else {
            return [LampExplanation.Line(rule: "default", text: level.reason.description, percent: level.percent)]
        }
        let night = "calendar \(calendar.name), night of \(timeline.night)"
        var lines: [LampExplanation.Line] = []
        if case .outsideActivePeriod = level.reason {
            lines.append(
                LampExplanation.Line(
                    rule: "program", text: "\(level.reason) (\(night))\(periodWords(program, segment))",
                    percent: level.percent))
            return lines + [fallback]
        }
        for control in segment.controls {
            let key = SensorKey(program: program.name, part: .dynamic, index: control)
            guard let state = sensors[key], state.acts(at: clock.uptime),
                let command = command(of: program.dynamic[control]), let base = segment.asked.percent
            else { continue }
            let held = state.isOn == true ? "" : ", held"
            let value = inputs[program.dynamic[control].source.point].map { " (now \($0.value))" } ?? ""
            lines.append(
                LampExplanation.Line(
                    rule: "dynamic control", text: "\(program.dynamic[control])\(value)\(held)",
                    percent: program.dynamic[control].operation.applied(command, to: base)))
        }
        lines.append(
            LampExplanation.Line(
                rule: "program", text: "\(segment.asked.reason) (\(night))\(periodWords(program, segment))",
                percent: segment.asked.percent))
        return lines + [fallback]
    }

    /// What the sensors of active periods say, in words.
    private func periodWords(_ program: LightingProgram, _ segment: NightTimeline.Segment) -> String {
        segment.periods.indices.compactMap { index -> String? in
            guard case .sensor(let otherwise) = segment.periods[index], let sensor = program.active[index].sensor else {
                return nil
            }
            let state = sensors[SensorKey(program: program.name, part: .active, index: index)]?.isOn
            let words = state.map { $0 ? "on" : "off" } ?? "silent, taken as \(otherwise ? "on" : "off")"
            return "; \(sensor): \(words)"
        }.joined()
    }

    private func obstacles(_ status: LampStatus) -> [LampExplanation.Line] {
        if status.isLost {
            return [
                LampExplanation.Line(
                    rule: "order", text: "its bus or driver is not running; the level is sent when it is back",
                    percent: nil)
            ]
        }
        if status.failures > 0 {
            return [
                LampExplanation.Line(
                    rule: "order", text: "the lamp did not take it \(status.failures) times; it is sent again",
                    percent: nil)
            ]
        }
        if let ordered = status.ordered {
            return [LampExplanation.Line(rule: "order", text: "\(ordered) % is on its way", percent: ordered)]
        }
        return status.confirmed.map {
            [LampExplanation.Line(rule: "order", text: "the lamp took \($0) %", percent: $0)]
        } ?? []
    }
}
