import Telemetry

/// `uplinks`: one head-end each.
struct UplinkDecoding {
    /// What later versions know, so that its name is not taken for a slip.
    private static let laterEncodings = ["sparkplug"]

    let collector: DiagnosticCollector
    let gatewayID: String
    let devices: [DeviceConfiguration]
    /// All names, sound or not: a reference to a device with an error is no second error.
    let deviceNames: [String]
    let groupNames: [String]
    let busNames: [String]

    func decode(_ entry: YAMLEntry) -> (uplink: UplinkConfiguration?, effective: YAMLEntry) {
        let reader = MapReader(
            entry.value, title: "uplink \(entry.key)", collector: collector, subject: .uplink(entry.key))
        if !Names.isName(entry.key) {
            reader.error(
                at: entry.keyPosition, "\"\(ScalarParser.shown(entry.key))\" is no name; expected \(Names.expected)",
                hint: Names.suggestion(for: entry.key))
        }
        require(reader, entry, "type", expected: "mqtt, http or file")
        let kind: UplinkConfiguration.Kind? = reader.choice("type")
        let uplink: UplinkConfiguration?
        // What is wrong with the type is said; the keys are then those of the most common one.
        switch kind ?? .mqtt {
        case .mqtt: uplink = mqtt(reader, entry)
        case .http: uplink = http(reader, entry)
        case .file: uplink = file(reader, entry)
        }
        let encoding = encoding(reader, kind)
        let selection = selection(reader)
        let commands = commands(reader)
        if let kind, kind != .mqtt, commands != .none {
            reader.error(
                at: reader.node["commands"]?.position ?? entry.keyPosition,
                "`commands`: no command comes by an uplink of type \(kind.rawValue); expected none",
                hint: "commands come by MQTT")
        }
        let effective = YAMLEntry(key: entry.key, keyPosition: entry.keyPosition, value: reader.finish())
        guard kind != nil, var uplink else { return (nil, effective) }
        uplink.encoding = encoding
        uplink.selection = selection
        uplink.commands = commands
        return (uplink, effective)
    }

    func require(_ reader: MapReader, _ entry: YAMLEntry, _ key: String, expected: String) {
        if reader.node.entry(key) == nil {
            reader.error(at: entry.keyPosition, "`\(key)` is missing; expected \(expected)")
        }
    }

    private func encoding(
        _ reader: MapReader, _ kind: UplinkConfiguration.Kind?
    ) -> UplinkConfiguration.Encoding {
        let encoding =
            choice(reader, "encoding", UplinkConfiguration.Encoding.self, default: .json, later: Self.laterEncodings)
            ?? .json
        let place = reader.node["encoding"]?.position ?? reader.node.position
        if encoding == .senmlCBOR, kind == .file {
            reader.error(
                at: place, "`encoding` senml-cbor is binary, and a file holds lines; expected json or senml")
        }
        if encoding != .json, gatewayID.hasPrefix("-") {
            reader.error(
                at: place,
                "`encoding`: names of SenML begin with the gateway's id and with a letter or digit; expected json, or a `gateway.id` without - in front"
            )
        }
        return encoding
    }

    private func choice<Choice: RawRepresentable & CaseIterable>(
        _ reader: MapReader, _ key: String, _ type: Choice.Type, default standard: Choice?, later: [String]
    ) -> Choice? where Choice.RawValue == String {
        let words = type.allCases.map(\.rawValue)
        return reader.scalar(key, default: standard?.rawValue, expected: Printing.alternatives(words)) {
            text throws(ScalarProblem) in
            if let choice = Choice(rawValue: text) { return choice }
            guard !later.contains(text) else { throw ScalarProblem("\"\(text)\" is not in this version") }
            throw ScalarProblem(
                "\"\(ScalarParser.shown(text))\" is unknown", hint: Spelling.hint(for: text, among: words))
        }
    }

    // MARK: who sees and may do what

    private func selection(_ reader: MapReader) -> UplinkSelection? {
        guard let written = reader.texts("devices", expected: "a list of devices, groups and buses") else { return nil }
        var selected: Set<String> = []
        var named: Set<String> = []
        for name in written {
            guard let members = members(name.text) else {
                unknown(name, "devices", reader)
                continue
            }
            selected.formUnion(members)
            if deviceNames.contains(name.text) { named.insert(name.text) }
        }
        return UplinkSelection(written: written.map(\.text), devices: selected, named: named)
    }

    /// The devices that a device's, group's or bus's name means; nil when it is none of them.
    private func members(_ name: String) -> [String]? {
        if deviceNames.contains(name) { return [name] }
        if groupNames.contains(name) { return devices.filter { $0.groups.contains(name) }.map(\.name) }
        if busNames.contains(name) { return devices.filter { $0.bus == name }.map(\.name) }
        return nil
    }

    private func unknown(_ name: (text: String, position: SourcePosition), _ key: String, _ reader: MapReader) {
        reader.error(
            at: name.position,
            "`\(key)`: there is no device, group or bus \"\(ScalarParser.shown(name.text))\"; expected a name of this file",
            hint: Spelling.hint(for: name.text, among: deviceNames + groupNames + busNames))
    }

    private func commands(_ reader: MapReader) -> CommandPermission {
        let words = ["none", "lamps", "all"]
        let expected = "none, lamps, all or {devices, points, limits}"
        guard let value = reader.value("commands", expected: expected) else {
            if reader.node.entry("commands") == nil { reader.keepDefault("commands", "none") }
            return .none
        }
        if value.entries != nil { return restricted(reader) }
        reader.keep("commands", value)
        switch value.scalar {
        case "none": return .none
        case "lamps": return .lamps
        case "all": return .all
        case let word:
            let what = word.map { "\"\(ScalarParser.shown($0))\"" } ?? value.kindName
            reader.error(
                at: value.position, "`commands` is \(what); expected \(expected)",
                hint: word.flatMap { Spelling.hint(for: $0, among: words) })
            return .none
        }
    }

    private func restricted(_ parent: MapReader) -> CommandPermission {
        guard let reader = parent.child("commands") else { return .none }
        var allowed: Set<String> = []
        for name in reader.texts("devices", expected: "a list of devices, groups and buses") ?? [] {
            if let members = members(name.text) { allowed.formUnion(members) } else { unknown(name, "devices", reader) }
        }
        if reader.node.entry("devices") == nil {
            reader.error(at: reader.node.position, "`devices` is missing; expected whom it may command")
        }
        let points = (reader.texts("points", expected: "a list of points") ?? []).filter { point in
            if Names.isPoint(point.text) { return true }
            reader.error(
                at: point.position,
                "`points`: \"\(ScalarParser.shown(point.text))\" is no point; expected a name such as level")
            return false
        }
        var limits: [CommandPermission.PointLimit] = []
        if let child = reader.child("limits", expected: "{POINT: {minimum, maximum}}") {
            for entry in child.node.entries ?? [] {
                guard let point = child.child(entry.key, expected: "{minimum, maximum}") else { continue }
                let minimum = point.quantity("minimum", expected: "an amount with its unit such as 20%")
                let maximum = point.quantity("maximum", expected: "an amount with its unit such as 80%")
                if let minimum, let maximum, let other = maximum.value(in: minimum.unit), other < minimum.value {
                    point.error(at: point.node.position, "`maximum` is below `minimum`; expected it above")
                }
                child.keep(entry.key, point.finish())
                limits.append(CommandPermission.PointLimit(point: entry.key, minimum: minimum, maximum: maximum))
            }
            reader.keep("limits", child.finish())
        }
        parent.keep("commands", reader.finish())
        return .restricted(devices: allowed, points: Set(points.map(\.text)), limits: limits)
    }
}
