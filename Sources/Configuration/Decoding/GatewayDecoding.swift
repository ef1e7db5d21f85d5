import Telemetry

/// The sections that describe the gateway itself. An error in one of them makes the file unusable.
struct GatewayDecoding {
    struct Identity {
        let id: String
        let location: Location?
        /// The key is there, sound or not.
        let namesLocation: Bool
        let isReadOnly: Bool
        let position: SourcePosition
    }

    let collector: DiagnosticCollector
    let root: YAMLNode

    private func reader(_ key: String) -> MapReader {
        MapReader(root[key] ?? YAMLNode(.null, at: .builtIn), title: key, collector: collector, subject: nil)
    }

    func gateway() -> (Identity, YAMLNode) {
        let reader = reader("gateway")
        let place = root.entry("gateway")?.keyPosition ?? root.position
        let id = reader.scalar("id", expected: "a name of " + Names.expected) { text throws(ScalarProblem) in
            guard Names.isName(text) else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no name", hint: Names.suggestion(for: text))
            }
            return text
        }
        if reader.node.entry("id") == nil {
            reader.error(
                at: place,
                root["gateway"] == nil
                    ? "the section is missing; expected `gateway: {id: NAME}`"
                    : "`id` is missing; expected a name of " + Names.expected)
        }
        let location = location(reader)
        let isReadOnly = reader.flag("read_only", default: false)
        let effective = reader.finish()
        return (
            Identity(
                id: id ?? "", location: location, namesLocation: reader.node.entry("location") != nil,
                isReadOnly: isReadOnly, position: place), effective
        )
    }

    private func location(_ parent: MapReader) -> Location? {
        guard let reader = parent.child("location", expected: "latitude, longitude and timezone") else { return nil }
        func degrees(_ key: String, _ limit: Int64) -> Double? {
            let value = reader.scalar(key, expected: "degrees from -\(limit) to \(limit), without unit") {
                text throws(ScalarProblem) in
                guard let number = ExactDecimal(text) else {
                    throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no number")
                }
                guard number.magnitude <= ExactDecimal(limit) else { throw ScalarProblem("\(text) is out of range") }
                return number.approximation
            }
            missing(key)
            return value
        }
        func missing(_ key: String) {
            if reader.node.entry(key) == nil {
                reader.error(at: reader.node.position, "`\(key)` is missing; expected latitude, longitude and timezone")
            }
        }
        let latitude = degrees("latitude", 90)
        let longitude = degrees("longitude", 180)
        let zone = reader.scalar(
            "timezone", expected: "a name of the time zone database such as Europe/Berlin", TimeZones.check)
        missing("timezone")
        parent.keep("location", reader.finish())
        guard let latitude, let longitude, let zone else { return nil }
        return Location(latitude: latitude, longitude: longitude, timeZone: zone)
    }

    func clock() -> (ClockConfiguration, YAMLNode) {
        let reader = reader("clock")
        let words = ClockConfiguration.Source.allCases.map(\.rawValue)
        let expected = "a list of \(Printing.alternatives(words)), the best first"
        let sources = reader.texts("sources", default: ["ntp", "rtc"], expected: expected) ?? []
        var known: [ClockConfiguration.Source] = []
        for source in sources {
            guard let value = ClockConfiguration.Source(rawValue: source.text) else {
                reader.error(
                    at: source.position,
                    "`sources`: \"\(ScalarParser.shown(source.text))\" is unknown; expected \(expected)",
                    hint: Spelling.hint(for: source.text, among: words))
                continue
            }
            if known.contains(value) {
                reader.error(
                    at: source.position, "`sources`: \"\(source.text)\" stands twice; expected each source once")
            } else {
                known.append(value)
            }
        }
        // 15 minutes of sunset error nobody sees; 10 s is about one percent of a quarter hour.
        let lighting = reader.duration("lighting_error", default: "15min", atLeast: .seconds(1)) ?? .seconds(900)
        let billing = reader.duration("billing_error", default: "10s", atLeast: .milliseconds(1)) ?? .seconds(10)
        // Ordinary quartz over a cabinet's temperatures.
        let drift = reader.scalar("drift", default: "20 ppm", expected: "a drift such as 20 ppm") {
            text throws(ScalarProblem) in
            let drift = try ScalarParser.partsPerMillion(text)
            guard drift >= 0, drift <= 10_000 else {
                throw ScalarProblem("\(text) is out of range", hint: "a quartz drifts 1 to 100 ppm")
            }
            return drift
        }
        let effective = reader.finish()
        return (
            ClockConfiguration(
                sources: known, lightingError: lighting, billingError: billing, driftPartsPerMillion: drift ?? 20),
            effective
        )
    }

    func outbox() -> (OutboxConfiguration, YAMLNode) {
        let reader = reader("outbox")
        let path = reader.text("path", default: "outbox.sqlite", expected: "a file") ?? "outbox.sqlite"
        let flush =
            reader.duration("flush", default: "5s", atLeast: .milliseconds(100), atMost: .seconds(3600)) ?? .seconds(5)
        // Below 1 MB SQLite's own pages leave no room; above 1 TB a digit is too many.
        let limit = reader.scalar("limit", default: "512MB", expected: "a size with its unit such as 512MB") {
            text throws(ScalarProblem) in
            let bytes = try ScalarParser.size(text)
            guard bytes >= 1_000_000, bytes <= 1_000_000_000_000 else {
                throw ScalarProblem("\(text) is out of range (1MB to 1000GB)")
            }
            return bytes
        }
        let keep = reader.duration("keep_acknowledged", default: "40d") ?? .zero
        let rate = reader.scalar("backlog_rate", default: "5000/s", expected: "readings per second such as 5000/s") {
            text throws(ScalarProblem) in
            let rate = try ScalarParser.rate(text)
            guard rate > 0 else { throw ScalarProblem("\(text) would never empty the backlog") }
            return rate
        }
        let start = reader.scalar(
            "backlog_start", default: "0..10min", expected: "a span of durations such as 0..10min",
            ScalarParser.durationRange)
        let effective = reader.finish()
        return (
            OutboxConfiguration(
                path: path, flush: flush, limit: limit ?? 512_000_000, keepAcknowledged: keep,
                backlogRate: rate ?? 5000,
                backlogStart: start ?? DurationRange(shortest: .zero, longest: .seconds(600))), effective
        )
    }
}
