import Telemetry

/// `rules` of a calendar: `{from: --12-24, to: --01-06, program: feast}`, `{weekdays: [Fri, Sat], occurrences: last, ...}`.
struct CalendarDecoding {
    let reader: MapReader
    /// Names of all programs, sound or not.
    let programs: [String]

    static let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

    func rules() -> [LightingCalendar.Rule] {
        let expected = "a list of rules such as [{from: --12-24, to: --12-26, program: feast}]"
        guard let node = reader.value("rules", expected: expected) else { return [] }
        reader.keep("rules", node)
        guard let items = node.items else {
            reader.error(at: node.position, "`rules` is \(node.kindName); expected \(expected)")
            return []
        }
        return items.compactMap(rule)
    }

    private func rule(_ node: YAMLNode) -> LightingCalendar.Rule? {
        let part = MapReader(
            node, title: reader.title + ", rules", collector: reader.collector, subject: reader.subject)
        let from = day(part, "from")
        let to = day(part, "to")
        let weekdays = numbers(part, "weekdays", expected: "days such as [Mon, Fri..Sun]", weekday)
        let days = numbers(part, "days", expected: "days of the month such as [1, 15..20]") { text in
            ScalarParser.integer(text).flatMap { (1...31).contains($0) ? Int($0) : nil }
        }
        let occurrences = occurrences(part)
        if part.node.entry("program") == nil {
            part.error(at: node.position, "`program` is missing; expected a program of `lighting.programs`")
        }
        let program = part.scalar("program", expected: "a program of `lighting.programs`") {
            text throws(ScalarProblem) in
            guard programs.contains(text) else {
                throw ScalarProblem(
                    "there is no program \"\(ScalarParser.shown(text))\"",
                    hint: Spelling.hint(for: text, among: programs))
            }
            return text
        }
        part.finish()
        checkSpan(part, from, to)
        if !occurrences.isEmpty, weekdays.isEmpty {
            part.error(
                at: part.node.entry("occurrences")?.keyPosition ?? node.position,
                "`occurrences` counts weekdays of the month; expected `weekdays` beside it")
        }
        return program.map {
            LightingCalendar.Rule(
                from: from, to: to, weekdays: weekdays, days: days, occurrences: occurrences, program: $0)
        }
    }

    private func checkSpan(_ part: MapReader, _ from: LightingCalendar.Day?, _ to: LightingCalendar.Day?) {
        if let day = from ?? to, day.year == nil,
            part.node.entry("from") == nil || part.node.entry("to") == nil
        {
            part.error(at: part.node.position, "a date of every year needs both ends; expected `from` and `to`")
        }
        guard let from, let to else { return }
        let place = part.node["to"]?.position ?? part.node.position
        switch (from.year, to.year) {
        case (nil, nil): return
        case (let first?, let last?):
            if (last, to.month, to.day) < (first, from.month, from.day) {
                part.error(at: place, "it ends before it begins; expected a `to` not before `from`")
            }
        default:
            part.error(at: place, "one end has a year, the other has none; expected both alike")
        }
    }

    private func day(_ part: MapReader, _ key: String) -> LightingCalendar.Day? {
        part.scalar(key, expected: "a date such as 2028-12-24, or --12-24 for every year", ScalarParser.day)
    }

    private func weekday(_ text: String) -> Int? {
        Self.weekdays.firstIndex { $0 == text }.map { $0 + 1 }
    }

    /// Single ones and spans: `[Mon, Fri..Sun]`; a span may run over the end of the week.
    private func numbers(
        _ part: MapReader, _ key: String, expected: String, _ parse: (String) -> Int?
    ) -> Set<Int> {
        var found: Set<Int> = []
        for (text, position) in part.texts(key, expected: expected) ?? [] {
            let ends = ScalarParser.split(text, at: "..").map(parse)
            switch (ends.count, ends.first ?? nil, ends.last ?? nil) {
            case (1, let only?, _): found.insert(only)
            case (2, let first?, let last?) where first <= last: found.formUnion(first...last)
            case (2, let first?, let last?) where key == "weekdays":
                found.formUnion(first...7)
                found.formUnion(1...last)
            default:
                part.error(at: position, "`\(key)`: \"\(ScalarParser.shown(text))\" is none; expected \(expected)")
            }
        }
        return found
    }

    private func occurrences(_ part: MapReader) -> Set<LightingCalendar.Occurrence> {
        let expected = "1 to 5 or last"
        return Set(
            (part.texts("occurrences", expected: expected) ?? []).compactMap { text, position in
                if text == "last" { return .last }
                if let number = ScalarParser.integer(text), (1...5).contains(number) { return .number(Int(number)) }
                part.error(
                    at: position, "`occurrences`: \"\(ScalarParser.shown(text))\" is none; expected \(expected)")
                return nil
            })
    }
}

extension ScalarParser {
    /// `2028-12-24`, or `--12-24` for every year.
    static func day(_ text: String) throws(ScalarProblem) -> LightingCalendar.Day {
        let isYearly = text.hasPrefix("--")
        let parts = (isYearly ? text.dropFirst(2) : text[...]).split(separator: "-", omittingEmptySubsequences: false)
        let lengths = isYearly ? [2, 2] : [4, 2, 2]
        let numbers = parts.compactMap { part in
            part.utf8.allSatisfy { (48...57).contains($0) } ? Int(part) : nil
        }
        guard parts.map(\.utf8.count) == lengths, numbers.count == lengths.count else {
            let hint = parts.map(\.utf8.count) == [2, 2] ? "every year is written --\(text)" : nil
            throw ScalarProblem("\"\(shown(text))\" is no date", hint: hint)
        }
        let (month, day) = (numbers[numbers.count - 2], numbers[numbers.count - 1])
        // A leap year for a day of every year, so that 29 February is one.
        let year = isYearly ? 2028 : numbers[0]
        let date = CivilTime.date(dayNumber: CivilTime.dayNumber(year: year, month: month, day: day))
        guard (1...12).contains(month), (1...31).contains(day), date.month == month, date.day == day else {
            throw ScalarProblem("there is no \(shown(text))")
        }
        return LightingCalendar.Day(year: isYearly ? nil : year, month: month, day: day)
    }

    /// `occupied`, `vacant`, `below 20`, `above 30`, `>= 5`, `= open`, `count >= 5 per 10min`.
    static func condition(_ text: String) throws(ScalarProblem) -> SensorCondition {
        let words = text.split(separator: " ").map(String.init)
        switch words.first {
        case "occupied" where words.count == 1: return .occupied
        case "vacant" where words.count == 1: return .vacant
        case "count":
            guard words.count >= 5, words[1] == ">=", let count = ExactDecimal(words[2]), words[3] == "per" else {
                throw ScalarProblem("\"\(shown(text))\" is no count", hint: "count >= 5 per 10min")
            }
            let window = try duration(words[4...].joined(separator: " "))
            guard window >= .seconds(1), window <= .seconds(24 * 3600) else {
                throw ScalarProblem("counts are taken over 1s to 24h")
            }
            return .count(atLeast: count, within: window)
        default: break
        }
        let named: [String: SensorCondition.Comparison] = ["below": .below, "above": .above, "is": .equal]
        guard words.count == 2, let comparison = named[words[0]] ?? SensorCondition.Comparison(rawValue: words[0])
        else {
            let known = ["occupied", "vacant", "below", "above", "count"]
            throw ScalarProblem(
                "\"\(shown(text))\" is no condition", hint: Spelling.hint(for: words.first ?? "", among: known))
        }
        if let number = ExactDecimal(words[1]) { return .compare(comparison, .number(number)) }
        guard comparison == .equal || comparison == .different else {
            throw ScalarProblem("\"\(shown(words[1]))\" is no plain number in the point's own unit")
        }
        switch words[1] {
        case "true": return .compare(comparison, .flag(true))
        case "false": return .compare(comparison, .flag(false))
        default: return .compare(comparison, .text(words[1]))
        }
    }
}
