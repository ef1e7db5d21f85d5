import Telemetry

/// `windows` and `window_tolerance` of a device.
struct WindowDecoding {
    /// No load profile is finer, and on a slow bus with many meters not even this one can be kept.
    static let shortestPeriod = Duration.seconds(10)
    /// Periods are aligned to UTC and must divide its day.
    static let longestPeriod = Duration.seconds(86_400)
    /// What a reading may be away from the end of its period, where nothing is said: a slow bus with thirty meters reads them all in this time.
    static let usualTolerance = Duration.seconds(10)
    /// As long as the shortest period that is settled by.
    static let longestTolerance = Duration.seconds(900)

    let reader: MapReader
    /// What the device reads at all.
    let points: PointSelection

    func decode() -> [WindowConfiguration] {
        let expected = "a list such as [{every: 15min, points: [active_energy_import], values: [register]}]"
        guard let node = reader.value("windows", expected: expected) else { return [] }
        reader.keep("windows", node)
        guard let items = node.items else {
            reader.error(at: node.position, "`windows` is \(node.kindName); expected \(expected)")
            return []
        }
        let windows = items.compactMap(window)
        var places: [String: SourcePosition] = [:]
        for window in windows {
            for point in window.points {
                let key = "\(window.every.wholeMilliseconds) \(point)"
                if let earlier = places[key] {
                    reader.error(
                        at: window.position,
                        "`windows`: \(point) has two windows of the same period; expected all its values in one, the other is at \(earlier)"
                    )
                }
                places[key] = window.position
            }
        }
        return windows
    }

    /// How far a register may be read from the end of its period; by itself 10 s, at most a quarter of the shortest period.
    func tolerance(_ windows: [WindowConfiguration]) -> Duration {
        let shortest = windows.map(\.every).min() ?? Self.longestPeriod
        guard let written = reader.node["window_tolerance"], !written.isNull else {
            // So that the reader knows the key.
            _ = reader.value("window_tolerance", expected: "")
            return min(Self.usualTolerance, shortest / 4)
        }
        let given =
            reader.duration("window_tolerance", default: "10s", atMost: Self.longestTolerance) ?? Self.usualTolerance
        // Beyond half a period a register would be as near to the next boundary.
        if given > shortest / 2 {
            reader.error(
                at: written.position,
                "`window_tolerance` is more than half of the shortest period; expected at most \(shortest.wholeMilliseconds / 2000)s"
            )
        }
        return given
    }

    /// Whether nothing but the windows' values leaves: by itself so for a household that has windows.
    func isOnly(_ windows: [WindowConfiguration], privacy: DeviceConfiguration.Privacy?) -> Bool {
        guard let written = reader.node["windows_only"] else {
            _ = reader.value("windows_only", expected: "")
            return privacy == .household && !windows.isEmpty
        }
        let only = reader.flag("windows_only", default: false)
        if only, windows.isEmpty {
            reader.error(
                at: written.position,
                "`windows_only` without `windows` lets nothing leave; expected windows to be given")
        }
        if !only, privacy == .household, !windows.isEmpty {
            reader.warning(
                at: written.position,
                "`windows_only` is false for a household: every value that is read leaves, and shows how people live")
        }
        return only && !windows.isEmpty
    }

    private func window(_ node: YAMLNode) -> WindowConfiguration? {
        let inner = MapReader(
            node, title: reader.title + ", windows", collector: reader.collector, subject: reader.subject)
        let every = inner.duration("every", atLeast: Self.shortestPeriod, atMost: Self.longestPeriod)
        if let every, 86_400_000 % every.wholeMilliseconds != 0 || every.wholeMilliseconds % 1000 != 0 {
            inner.error(
                at: inner.node["every"]?.position ?? node.position,
                "`every`: a day is no multiple of it; expected a period such as 15min or 1h")
        }
        let names = inner.texts("points", expected: "a list of points") ?? []
        for point in names {
            if !Names.isPoint(point.text) {
                inner.error(
                    at: point.position,
                    "`points`: \"\(ScalarParser.shown(point.text))\" is no point; expected a name such as active_energy_import"
                )
            } else if points[point.text].map(\.isExcluded) ?? points.onlyListed {
                inner.error(
                    at: point.position,
                    "`points`: \(point.text) is not read, the device's own `points` leave it out; expected it there too"
                )
            }
        }
        let words = WindowConfiguration.Value.allCases.map(\.rawValue)
        let values =
            (inner.texts("values", default: ["register"], expected: "a list of \(Printing.alternatives(words))") ?? [])
            .compactMap {
                word -> WindowConfiguration.Value? in
                if let value = WindowConfiguration.Value(rawValue: word.text) { return value }
                inner.error(
                    at: word.position,
                    "`values`: \"\(ScalarParser.shown(word.text))\" is unknown; expected \(Printing.alternatives(words))",
                    hint: Spelling.hint(for: word.text, among: words))
                return nil
            }
        for key in ["every", "points"] where inner.node.entry(key) == nil {
            inner.error(at: node.position, "`\(key)` is missing; expected it in each window")
        }
        inner.finish()
        guard let every else { return nil }
        return WindowConfiguration(every: every, points: names.map(\.text), values: values, position: node.position)
    }
}
