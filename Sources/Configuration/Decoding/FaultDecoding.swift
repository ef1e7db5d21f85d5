import Telemetry

/// `lighting.faults`. What is wrong in here leaves the rule at its default: a typing error must not silence an alarm.
struct FaultDecoding {
    /// Polls that a rule may look back over: an hour at one a minute.
    static let polls = 1...60
    /// A rule that never fires within a day is none.
    static let longestTime = Duration.seconds(86_400)

    private static let subject = ConfigurationPart.lighting("faults")

    let collector: DiagnosticCollector

    /// - Parameter node: what stands under `faults`; nil: nothing.
    func decode(_ node: YAMLNode?, at position: SourcePosition) -> (LightingFaults, YAMLNode) {
        let reader = MapReader(
            node ?? YAMLNode(.null, at: position), title: "lighting, faults", collector: collector,
            subject: Self.subject)
        let lampFailure = polls(reader, "lamp_failure")
        let gearFailure = polls(reader, "gear_failure")
        let communication = reader.scalar(
            "communication", default: "5 of 6", expected: "missed polls of the latest, such as 5 of 6", Self.share)
        let dayBurner = time(reader, "day_burner", "5min")
        let cycling = reader.scalar(
            "cycling", default: "3 in 1h", expected: "starts within a time, such as 3 in 1h", Self.rate)
        let dimming = deviation(reader, "dimming", "10% for 60s")
        let lampPower = deviation(reader, "lamp_power", "20% for 10min")
        let (feeder, feederDead) = feeder(reader)
        let settle = time(reader, "settle", "60s")
        let (gradient, standby) = power(reader)
        let effective = reader.finish()
        return (
            LightingFaults(
                lampFailure: lampFailure, gearFailure: gearFailure,
                communication: communication ?? LightingFaults.Share(count: 5, of: 6), dayBurner: dayBurner,
                cycling: cycling ?? LightingFaults.Rate(count: 3, within: .seconds(3600)), dimming: dimming,
                lampPower: lampPower, feeder: feeder, feederDead: feederDead, settle: settle, gradient: gradient,
                standby: standby), effective
        )
    }

    // MARK: Kinds of limits

    private func polls(_ reader: MapReader, _ key: String) -> Int {
        reader.scalar(key, default: "2 polls", expected: "polls in a row, such as 2 polls", Self.polls) ?? 2
    }

    private func time(_ reader: MapReader, _ key: String, _ standard: String) -> Duration {
        reader.duration(key, default: standard, atLeast: .seconds(1), atMost: Self.longestTime) ?? .seconds(60)
    }

    private func deviation(_ reader: MapReader, _ key: String, _ standard: String) -> LightingFaults.Deviation {
        let expected = "a percentage and how long it lasts, such as \(standard)"
        return reader.scalar(key, default: standard, expected: expected, Self.deviation)
            ?? LightingFaults.Deviation(percent: ExactDecimal(10), time: .seconds(60))
    }

    private func feeder(_ reader: MapReader) -> (LightingFaults.Deviation, dead: Duration) {
        let child = child(reader, "feeder", expected: "limits such as {deviation: 5%, for: 10min, dead: 60s}")
        let percent = child.scalar("deviation", default: "5%", expected: "a percentage from 0.1% to 100%", Self.percent)
        let lasting = time(child, "for", "10min")
        let dead = time(child, "dead", "60s")
        reader.keep("feeder", child.finish())
        return (LightingFaults.Deviation(percent: percent ?? ExactDecimal(5), time: lasting), dead)
    }

    private func power(_ reader: MapReader) -> (gradient: ExactDecimal, standby: ExactDecimal) {
        let child = child(reader, "power", expected: "how lamps draw power, such as {gradient: 1.1, standby: 0.5 W}")
        let gradient = child.scalar("gradient", default: "1.1", expected: "a number from 1 to 10, such as 1.1") {
            text throws(ScalarProblem) in
            guard let number = ExactDecimal(text) else {
                throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no number")
            }
            guard number >= ExactDecimal(1), number <= ExactDecimal(10) else {
                throw ScalarProblem("\(number) is out of range")
            }
            return number
        }
        let standby = child.quantity(
            "standby", dimension: ["W"], default: "0.5 W", expected: "a power such as 0.5 W")
        reader.keep("power", child.finish())
        let watts = standby.flatMap { standby in Unit(symbol: "W").flatMap { standby.value(in: $0) } }
        return (gradient ?? ExactDecimal(mantissa: 11, exponent: -1), watts ?? ExactDecimal(mantissa: 5, exponent: -1))
    }

    /// The map below a key, or an empty one, so that its defaults are shown.
    private func child(_ reader: MapReader, _ key: String, expected: String) -> MapReader {
        reader.child(key, expected: expected)
            ?? MapReader(
                YAMLNode(.null, at: reader.node.position), title: reader.title + ", " + key, collector: collector,
                subject: Self.subject)
    }

    // MARK: Words

    /// `2 polls`.
    static func polls(_ text: String) throws(ScalarProblem) -> Int {
        let (number, unit) = try ScalarParser.amount(text)
        guard ["poll", "polls"].contains(unit) else {
            throw ScalarProblem("\"\(ScalarParser.shown(text))\" does not count polls", hint: "\(number) polls?")
        }
        return try count(number, in: polls)
    }

    /// `5 of 6`, with or without `polls` behind it.
    static func share(_ text: String) throws(ScalarProblem) -> LightingFaults.Share {
        var words = text.split(separator: " ").map(String.init)
        if words.count == 4, words[3] == "polls" { words.removeLast() }
        guard words.count == 3, words[1] == "of", let first = ExactDecimal(words[0]), let last = ExactDecimal(words[2])
        else { throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no part of a number of polls") }
        let of = try count(last, in: polls)
        return LightingFaults.Share(count: try count(first, in: 1...of), of: of)
    }

    /// `3 in 1h`.
    static func rate(_ text: String) throws(ScalarProblem) -> LightingFaults.Rate {
        let parts = ScalarParser.split(text, at: " in ")
        guard parts.count == 2, let number = ExactDecimal(parts[0]) else {
            throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no number in a time")
        }
        return LightingFaults.Rate(count: try count(number, in: 1...1000), within: try time(parts[1]))
    }

    /// `10% for 60s`.
    static func deviation(_ text: String) throws(ScalarProblem) -> LightingFaults.Deviation {
        let parts = ScalarParser.split(text, at: " for ")
        guard parts.count == 2 else {
            throw ScalarProblem("\"\(ScalarParser.shown(text))\" is no percentage for a time")
        }
        return LightingFaults.Deviation(percent: try percent(parts[0]), time: try time(parts[1]))
    }

    private static func percent(_ text: String) throws(ScalarProblem) -> ExactDecimal {
        let percent = try ScalarParser.percent(text)
        guard percent >= ExactDecimal(mantissa: 1, exponent: -1), percent <= ExactDecimal(100) else {
            throw ScalarProblem("\(text) is out of range")
        }
        return percent
    }

    private static func time(_ text: String) throws(ScalarProblem) -> Duration {
        let time = try ScalarParser.duration(text)
        guard time >= .seconds(1), time <= longestTime else { throw ScalarProblem("\(text) is out of range") }
        return time
    }

    private static func count(_ number: ExactDecimal, in range: ClosedRange<Int>) throws(ScalarProblem) -> Int {
        guard let whole = number.integer.flatMap({ Int(exactly: $0) }), range.contains(whole) else {
            throw ScalarProblem("\(number) is no whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return whole
    }
}
