import Telemetry

/// `lighting`. Nothing wrong in here darkens a street: what cannot be used leaves its lamps at their group's fallback.
struct LightingDecoding {
    let collector: DiagnosticCollector
    let hasLocation: Bool
    /// Names of all devices, sound or not.
    let devices: Set<String>

    private func reader(_ entry: YAMLEntry, _ section: String) -> MapReader {
        let subject = ConfigurationPart.lighting("\(section).\(entry.key)")
        let reader = MapReader(
            entry.value, title: "lighting, \(section) \(entry.key)", collector: collector, subject: subject)
        if !Names.isName(entry.key) {
            reader.error(
                at: entry.keyPosition, "\"\(ScalarParser.shown(entry.key))\" is no name; expected \(Names.expected)",
                hint: Names.suggestion(for: entry.key))
        }
        return reader
    }

    private func isSound(_ section: String, _ name: String) -> Bool {
        collector.failed[.lighting("\(section).\(name)")] == nil
    }

    func decode(_ entry: YAMLEntry) -> (LightingConfiguration, YAMLNode) {
        let reader = MapReader(entry.value, title: "lighting", collector: collector, subject: .lighting(""))
        let programs = section(reader, "programs") { self.program($0) }
        let names = (reader.node["programs"]?.entries ?? []).map(\.key)
        let soundPrograms = programs.filter { isSound("programs", $0.name) }
        let calendars = section(reader, "calendars") { self.calendar($0, programs: names) }
        let soundCalendars = calendars.filter { calendar in
            isSound("calendars", calendar.name) && soundPrograms.contains { $0.name == calendar.defaultProgram }
        }
        let calendarNames = (reader.node["calendars"]?.entries ?? []).map(\.key)
        let groupNames = (reader.node["groups"]?.entries ?? []).map(\.key)
        let feederNames = (reader.node["feeders"]?.entries ?? []).map(\.key)
        let feeders = section(reader, "feeders") { self.feeder($0, groups: groupNames) }
        let groups = section(reader, "groups") {
            self.group($0, calendars: calendarNames, sound: soundCalendars, feeders: feederNames)
        }
        // Lit is the safe side: a street that is lit by day costs money, one that is dark costs more.
        let withoutClock = reader.choice("without_clock", default: LightingConfiguration.WithoutClock.lit) ?? .lit
        let written = reader.value("faults", expected: "limits of the fault rules")
        let (faults, limits) = FaultDecoding(collector: collector).decode(written, at: entry.value.position)
        reader.keep("faults", limits)
        let effective = reader.finish()
        let lighting = LightingConfiguration(
            programs: soundPrograms, calendars: soundCalendars, groups: groups,
            feeders: feeders.filter { isSound("feeders", $0.name) }, withoutClock: withoutClock, faults: faults,
            position: entry.keyPosition)
        return (lighting, effective)
    }

    private func section<Part>(_ reader: MapReader, _ key: String, _ decode: (YAMLEntry) -> (Part?, YAMLNode)) -> [Part]
    {
        guard let node = reader.value(key, expected: "a map of names") else { return [] }
        guard let entries = node.entries else {
            reader.error(at: node.position, "`\(key)` is \(node.kindName); expected a map of names")
            return []
        }
        var parts: [Part] = []
        var effective: [YAMLEntry] = []
        for entry in entries {
            let (part, node) = decode(entry)
            if let part { parts.append(part) }
            effective.append(YAMLEntry(key: entry.key, keyPosition: entry.keyPosition, value: node))
        }
        reader.keep(key, YAMLNode(.map(effective), at: node.position))
        return parts
    }

    // MARK: programs and calendars

    private func program(_ entry: YAMLEntry) -> (LightingProgram?, YAMLNode) {
        let reader = reader(entry, "programs")
        let periods = list(reader, "active", expected: "a list of periods such as [{from: sunset, to: sunrise}]")
        if let node = reader.node["active"], node.items?.isEmpty == true {
            reader.error(
                at: node.position,
                "`active` names no period; expected at least one, or no `active` for a program that always rules")
        }
        let active = periods.compactMap { node -> LightingProgram.ActivePeriod? in
            let period = MapReader(
                node, title: reader.title + ", active", collector: collector, subject: reader.subject)
            let from = time(period, "from")
            let to = time(period, "to")
            period.finish()
            guard let from, let to else { return nil }
            return LightingProgram.ActivePeriod(from: from, to: to)
        }
        let steps = list(reader, "steps", expected: "a list of steps such as [{at: \"23:00\", level: 50%}]").compactMap
        {
            node -> LightingProgram.Step? in
            let step = MapReader(node, title: reader.title + ", steps", collector: collector, subject: reader.subject)
            let at = time(step, "at")
            let level = step.percent("level")
            if step.node.entry("level") == nil {
                step.error(at: node.position, "`level` is missing; expected a percentage")
            }
            let fade = step.duration("fade", atMost: .seconds(16 * 60))
            step.finish()
            guard let at, let level else { return nil }
            return LightingProgram.Step(at: at, level: level, fade: fade)
        }
        let effective = reader.finish()
        if !hasLocation {
            reader.error(
                at: entry.keyPosition,
                "programs need `gateway.location`; expected latitude, longitude and timezone there")
        }
        return (LightingProgram(name: entry.key, position: entry.keyPosition, active: active, steps: steps), effective)
    }

    private func list(_ reader: MapReader, _ key: String, expected: String) -> [YAMLNode] {
        guard let node = reader.value(key, expected: expected) else { return [] }
        reader.keep(key, node)
        guard let items = node.items else {
            reader.error(at: node.position, "`\(key)` is \(node.kindName); expected \(expected)")
            return []
        }
        return items
    }

    private func time(_ reader: MapReader, _ key: String) -> DailyTime? {
        let expected = "a time such as \"23:00\", sunset or sunrise - 10min"
        if reader.node.entry(key) == nil {
            reader.error(at: reader.node.position, "`\(key)` is missing; expected \(expected)")
        }
        return reader.scalar(key, expected: expected, ScalarParser.dailyTime)
    }

    private func calendar(_ entry: YAMLEntry, programs: [String]) -> (LightingCalendar?, YAMLNode) {
        let reader = reader(entry, "calendars")
        let expected = "a program of `lighting.programs`"
        if reader.node.entry("default") == nil {
            reader.error(at: entry.keyPosition, "`default` is missing; expected \(expected)")
        }
        let program = reference(reader, "default", to: "program", among: programs, expected: expected)
        let effective = reader.finish()
        return (
            program.map { LightingCalendar(name: entry.key, position: entry.keyPosition, defaultProgram: $0) },
            effective
        )
    }

    private func reference(_ reader: MapReader, _ key: String, to what: String, among known: [String], expected: String)
        -> String?
    {
        reader.scalar(key, expected: expected) { text throws(ScalarProblem) in
            guard known.contains(text) else {
                throw ScalarProblem(
                    "there is no \(what) \"\(ScalarParser.shown(text))\"", hint: Spelling.hint(for: text, among: known))
            }
            return text
        }
    }

    // MARK: groups and feeders

    private func group(
        _ entry: YAMLEntry, calendars: [String], sound: [LightingCalendar], feeders: [String]
    ) -> (LightingGroup?, YAMLNode) {
        let reader = reader(entry, "groups")
        let calendar = reference(
            reader, "calendar", to: "calendar", among: calendars, expected: "a calendar of `lighting.calendars`")
        let fallback = reader.percent("fallback", default: "100%") ?? ExactDecimal(100)
        let feeder = reference(
            reader, "feeder", to: "feeder or meter", among: feeders + devices.sorted(),
            expected: "a feeder of `lighting.feeders`, or the meter that measures it")
        let power = reader.quantity("rated_power", dimension: ["W"], expected: "a power such as 42 W")
        let effective = reader.finish()
        let schedule: LightingGroup.Schedule
        if let calendar {
            schedule =
                sound.contains { $0.name == calendar }
                ? .calendar(calendar) : .fallback(reason: "calendar \(calendar) or its program has an error")
        } else {
            // Whatever was meant, the lamps of a group with an error in it are not left to themselves.
            schedule = isSound("groups", entry.key) ? .none : .fallback(reason: "group \(entry.key) has an error")
        }
        return (
            LightingGroup(
                name: entry.key, position: entry.keyPosition, schedule: schedule, fallback: fallback, feeder: feeder,
                ratedPower: power), effective
        )
    }

    private func feeder(_ entry: YAMLEntry, groups: [String]) -> (LightingFeeder?, YAMLNode) {
        let reader = reader(entry, "feeders")
        let known = devices.sorted()
        let meter = reference(reader, "meter", to: "device", among: known, expected: "the device that measures it")
        let phase = reader.scalar("phase", expected: "L1, L2 or L3") { text throws(ScalarProblem) in
            guard ["L1", "L2", "L3"].contains(text) else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is unknown")
            }
            return text
        }
        var on: LightingFeeder.PowerSign?
        if let child = reader.child("on", expected: "{device, point, above}") {
            let device = reference(child, "device", to: "device", among: known, expected: "a device")
            let point = child.scalar("point", expected: "a point such as voltage.L1") { text throws(ScalarProblem) in
                guard Names.isPoint(text) else { throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no point") }
                return text
            }
            let above = child.quantity("above", expected: "an amount with its unit such as 100 V")
            for key in ["device", "point", "above"] where child.node.entry(key) == nil {
                child.error(at: child.node.position, "`\(key)` is missing; expected {device, point, above}")
            }
            reader.keep("on", child.finish())
            if let device, let point, let above {
                on = LightingFeeder.PowerSign(device: device, point: point, above: above)
            }
        }
        let contactor = reader.scalar("contactor", expected: "a device, or a point of one such as cabinet.output.1") {
            text throws(ScalarProblem) in
            let device = String(text.prefix { $0 != "." })
            guard devices.contains(device) else {
                throw ScalarProblem(
                    "there is no device \"\(ScalarParser.shown(device))\"",
                    hint: Spelling.hint(for: device, among: known))
            }
            return text
        }
        let load = reader.quantity("other_load", dimension: ["W"], expected: "a power such as 40 W")
        let lamps = references(reader, "lamps", to: "device", among: known)
        let members = references(reader, "groups", to: "group", among: groups)
        let effective = reader.finish()
        return (
            LightingFeeder(
                name: entry.key, position: entry.keyPosition, meter: meter, phase: phase, on: on, contactor: contactor,
                otherLoad: load, lamps: lamps, groups: members), effective
        )
    }

    private func references(_ reader: MapReader, _ key: String, to what: String, among known: [String]) -> [String] {
        (reader.texts(key, expected: "a list of names") ?? []).compactMap { name in
            if known.contains(name.text) { return name.text }
            reader.error(
                at: name.position,
                "`\(key)`: there is no \(what) \"\(ScalarParser.shown(name.text))\"; expected a name of this file",
                hint: Spelling.hint(for: name.text, among: known))
            return nil
        }
    }
}
