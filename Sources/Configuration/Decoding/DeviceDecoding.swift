import Telemetry

/// `devices`: what the runtime owns of a device; the rest is the driver's.
struct DeviceDecoding {
    /// Keys of a device that are not the driver's.
    static let ownKeys = [
        "bus", "profile", "interval", "points", "groups", "was", "labels", "rating", "keep", "privacy", "windows",
        "window_tolerance", "windows_only", "rated_power",
    ]
    /// No meter measures faster than this, and no serial bus carries it.
    static let shortestInterval = Duration.milliseconds(10)
    /// A reading a day is the slowest that anyone can call telemetry.
    static let longestInterval = Duration.seconds(7 * 86_400)

    let collector: DiagnosticCollector
    /// Names of all buses, sound or not, with the driver of the sound ones.
    let buses: [String: String?]
    /// Groups that `lighting` declares; nil when it declares none.
    let groups: [String]?
    let drivers: DriverCatalog

    func decode(_ source: DeviceSource) -> (device: DeviceConfiguration?, effective: YAMLEntry) {
        let subject = ConfigurationPart.device(source.name)
        let reader = MapReader(source.merged, title: "device \(source.written)", collector: collector, subject: subject)
        NamedParts.checkName(source.name, at: source.position, reader: reader)
        guard reader.isMap else {
            return (nil, YAMLEntry(key: source.name, keyPosition: source.position, value: source.merged))
        }
        let bus = bus(reader, source)
        let profile = profile(reader, source, bus: bus)
        let interval = reader.duration("interval", atLeast: Self.shortestInterval, atMost: Self.longestInterval)
        var points = PointSelection.all
        if let node = reader.value("points", expected: "a list of points, or a map of point to settings") {
            points = PointDecoding(collector: collector, title: reader.title, subject: subject).decode(node)
            reader.keep("points", node)
        }
        let groups = groups(reader)
        let was = reader.texts("was", expected: "earlier names of the device") ?? []
        for name in was where !Names.isName(name.text) {
            reader.error(
                at: name.position, "`was`: \"\(ScalarParser.shown(name.text))\" is no name; expected \(Names.expected)")
        }
        let labels = labels(reader)
        let rating = reader.quantity(
            "rating", dimension: ["A", "W", "V.A", "m3/h", "L/min", "L/s", "kg/h"],
            expected: "the installation's limit with its unit such as 63 A, 25 kW or 2.5 m3/h")
        let keep = Self.keep(reader)
        let privacy: DeviceConfiguration.Privacy? = reader.choice("privacy")
        let windows = WindowDecoding(reader: reader, points: points)
        let declared = windows.decode()
        let tolerance = windows.tolerance(declared)
        let windowsOnly = windows.isOnly(declared, privacy: privacy)
        let power = reader.quantity("rated_power", dimension: ["W"], expected: "a power such as 42 W")
        let options = NamedParts.driverOptions(reader, own: Self.ownKeys)
        let effective = YAMLEntry(
            key: source.name, keyPosition: source.position,
            value: YAMLNode(.map(reader.effective + (options.entries ?? [])), at: source.merged.position))
        guard let bus else { return (nil, effective) }
        let device = DeviceConfiguration(
            name: source.name, position: source.position, bus: bus, profile: profile, interval: interval,
            points: points,
            groups: groups, was: was.map(\.text), labels: labels, rating: rating, keep: keep, privacy: privacy,
            windows: declared, windowTolerance: tolerance, windowsOnly: windowsOnly, ratedPower: power,
            options: options, merged: source.merged)
        return (device, effective)
    }

    private func bus(_ reader: MapReader, _ source: DeviceSource) -> String? {
        let names = buses.keys.sorted()
        let expected = "a bus of this file" + (names.isEmpty ? "" : ": " + Printing.alternatives(names))
        if reader.node.entry("bus") == nil {
            reader.error(at: source.position, "`bus` is missing; expected \(expected)")
        }
        return reader.scalar("bus", expected: expected) { text throws(ScalarProblem) in
            guard buses[text] != nil else {
                throw ScalarProblem(
                    "there is no bus \"\(ScalarParser.shown(text))\"", hint: Spelling.hint(for: text, among: names))
            }
            return text
        }
    }

    private func profile(_ reader: MapReader, _ source: DeviceSource, bus: String?) -> String? {
        let profile = reader.scalar("profile", expected: "a profile by name such as eastron-sdm630") {
            text throws(ScalarProblem) in
            guard text.utf8.count <= 100, !text.hasPrefix("."),
                text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
            else {
                throw ScalarProblem(
                    "\"\(ScalarParser.shown(text))\" is no name of a profile",
                    hint: text.contains("/") ? "name it without folder; folders stand under `profiles:`" : nil)
            }
            guard !text.hasSuffix(".yaml") else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is a file name", hint: "name it without .yaml")
            }
            return text
        }
        if reader.node.entry("profile") == nil, let bus, let driver = buses[bus] ?? nil,
            drivers[driver]?.profileFolder != nil
        {
            reader.error(at: source.position, "`profile` is missing; expected a profile of driver \(driver) by name")
        }
        return profile
    }

    private func groups(_ reader: MapReader) -> [String] {
        var result: [String] = []
        for group in reader.texts("groups", expected: "a list of group names") ?? [] {
            if !Names.isName(group.text) {
                reader.error(
                    at: group.position,
                    "`groups`: \"\(ScalarParser.shown(group.text))\" is no name; expected \(Names.expected)")
            } else if let known = groups, !known.contains(group.text) {
                reader.error(
                    at: group.position,
                    "`groups`: there is no group \"\(group.text)\"; expected one of `lighting.groups`",
                    hint: Spelling.hint(for: group.text, among: known) ?? "groups: " + known.joined(separator: ", "))
            } else if !result.contains(group.text) {
                result.append(group.text)
            }
        }
        return result
    }

    private func labels(_ reader: MapReader) -> [DeviceConfiguration.Label] {
        let expected = "a map of texts such as {pole: 17, metering_point: DE00...}"
        guard let node = reader.value("labels", expected: expected) else { return [] }
        reader.keep("labels", node)
        guard let entries = node.entries else {
            reader.error(at: node.position, "`labels` is \(node.kindName); expected \(expected)")
            return []
        }
        return entries.compactMap { entry in
            guard let text = entry.value.scalar else {
                reader.error(
                    at: entry.value.position,
                    "`labels`, \(ScalarParser.shown(entry.key)) is \(entry.value.kindName); expected a text")
                return nil
            }
            return DeviceConfiguration.Label(name: entry.key, value: text)
        }
    }

    static func keep(_ reader: MapReader) -> KeepClass? {
        reader.scalar("keep", expected: "billing or telemetry") { text throws(ScalarProblem) in
            switch text {
            case "billing": return .billing
            case "telemetry": return .telemetry
            default:
                throw ScalarProblem(
                    "\"\(ScalarParser.shown(text))\" is unknown",
                    hint: Spelling.hint(for: text, among: ["billing", "telemetry"]))
            }
        }
    }
}
