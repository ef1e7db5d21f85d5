import Telemetry

/// Why a text is not what its key expects.
struct ScalarProblem: Error, Sendable {
    /// What is wrong: `"10" has no unit`.
    let problem: String
    let hint: String?

    init(_ problem: String, hint: String? = nil) {
        self.problem = problem
        self.hint = hint
    }
}

/// Values with their unit, as people write them. Exact: no number passes through a binary fraction on its way.
enum ScalarParser {
    /// Nanoseconds of each unit of time. `m` is left out on purpose: minutes to some, metres or months to others.
    static let timeUnits: [(name: String, nanoseconds: Int64)] = [
        ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000), ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ]

    private static let sizeUnits: [(name: String, bytes: Int64)] = [
        ("B", 1), ("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("KiB", 1 << 10), ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ]

    /// Splits `15 min` into 15 and `min`.
    static func amount(_ text: String) throws(ScalarProblem) -> (number: ExactDecimal, unit: String) {
        let trimmed = trim(text[...])
        let digits = trimmed.prefix { $0.isASCII && ($0.isNumber || $0 == "." || $0 == "-" || $0 == "+") }
        guard let number = ExactDecimal(digits) else {
            throw ScalarProblem("\"\(shown(text))\" is no number with a unit")
        }
        return (number, String(trim(trimmed.dropFirst(digits.count))))
    }

    static func duration(_ text: String) throws(ScalarProblem) -> Duration {
        let (number, unit) = try amount(text)
        guard !unit.isEmpty else {
            throw ScalarProblem("\"\(shown(text))\" has no unit", hint: "\(number)s, \(number)min or \(number)h?")
        }
        guard let known = timeUnits.first(where: { $0.name == unit }) else {
            let minutes = unit == "m" ? "minutes are written \(number)min" : nil
            throw ScalarProblem(
                "\"\(shown(unit))\" is no unit of time",
                hint: minutes ?? Spelling.hint(for: unit, among: timeUnits.map(\.name))
                    ?? "the units are ms, s, min, h, d")
        }
        guard let exact = number.multiplied(by: ExactDecimal(known.nanoseconds))?.integer else {
            throw ScalarProblem("\"\(shown(text))\" is too fine or too large for a duration")
        }
        return .nanoseconds(exact)
    }

    /// `0..10min`, `5s..10min`: the unit of the end counts for both where the start has none.
    static func durationRange(_ text: String) throws(ScalarProblem) -> DurationRange {
        let parts = split(text, at: "..")
        guard parts.count == 2 else {
            throw ScalarProblem("\"\(shown(text))\" is no span of two durations")
        }
        let longest = try duration(parts[1])
        let start = try amount(parts[0])
        let shortest = try duration(start.unit.isEmpty ? "\(start.number)" + (try amount(parts[1])).unit : parts[0])
        guard shortest <= longest else { throw ScalarProblem("\"\(shown(text))\" ends before it begins") }
        return DurationRange(shortest: shortest, longest: longest)
    }

    /// In bytes.
    static func size(_ text: String) throws(ScalarProblem) -> Int64 {
        let (number, unit) = try amount(text)
        guard !unit.isEmpty else { throw ScalarProblem("\"\(shown(text))\" has no unit", hint: "\(number)MB?") }
        guard let known = sizeUnits.first(where: { $0.name == unit }) else {
            throw ScalarProblem(
                "\"\(shown(unit))\" is no unit of size",
                hint: Spelling.hint(for: unit, among: sizeUnits.map(\.name))
                    ?? "the units are B, kB, MB, GB, KiB, MiB, GiB")
        }
        guard let bytes = number.multiplied(by: ExactDecimal(known.bytes))?.integer else {
            throw ScalarProblem("\"\(shown(text))\" is no whole number of bytes, or too large")
        }
        return bytes
    }

    /// 50 for `50%`.
    static func percent(_ text: String) throws(ScalarProblem) -> ExactDecimal {
        let (number, unit) = try amount(text)
        guard unit == "%" else {
            throw ScalarProblem(
                unit.isEmpty ? "\"\(shown(text))\" has no unit" : "\"\(shown(unit))\" is not percent",
                hint: "\(number)%?")
        }
        return number
    }

    static func quantity(_ text: String) throws(ScalarProblem) -> PhysicalQuantity {
        let (number, symbol) = try amount(text)
        guard !symbol.isEmpty else { throw ScalarProblem("\"\(shown(text))\" has no unit") }
        guard let unit = Unit(symbol: symbol) else {
            throw ScalarProblem(
                "\"\(shown(symbol))\" is no unit the gateway knows",
                hint: Spelling.hint(for: symbol, among: Unit.all.map(\.symbol))
                    ?? "units are spelled W, kW.h, V, A, Hz, m3/h, Cel")
        }
        return PhysicalQuantity(value: number, unit: unit)
    }

    /// 20 for `20 ppm`.
    static func partsPerMillion(_ text: String) throws(ScalarProblem) -> Double {
        let (number, unit) = try amount(text)
        guard unit == "ppm" else {
            throw ScalarProblem(
                unit.isEmpty ? "\"\(shown(text))\" has no unit" : "\"\(shown(unit))\" is not ppm",
                hint: "\(number) ppm?")
        }
        return number.approximation
    }

    /// Per second: 5000 for `5000/s`, 2 for `120/min`.
    static func rate(_ text: String) throws(ScalarProblem) -> Double {
        let (number, unit) = try amount(text)
        guard let known = timeUnits.first(where: { "/" + $0.name == unit }) else {
            throw ScalarProblem(
                unit.isEmpty ? "\"\(shown(text))\" has no unit" : "\"\(shown(unit))\" is no rate", hint: "\(number)/s?")
        }
        return number.approximation * 1e9 / Double(known.nanoseconds)
    }

    static func dailyTime(_ text: String) throws(ScalarProblem) -> DailyTime {
        let trimmed = trim(text[...])
        for (word, make) in [("sunset", DailyTime.sunset(offset:)), ("sunrise", DailyTime.sunrise(offset:))] {
            guard trimmed.hasPrefix(word) else { continue }
            let rest = trim(trimmed.dropFirst(word.count))
            guard let sign = rest.first else { return make(.zero) }
            guard sign == "+" || sign == "-" else { break }
            let offset = try duration(String(trim(rest.dropFirst())))
            guard offset >= .zero else { break }
            // An offset that reaches into another day's sunset is a slip.
            guard offset <= .seconds(6 * 3600) else {
                throw ScalarProblem("\"\(shown(text))\" is more than 6h away from \(word)")
            }
            return make(sign == "-" ? .zero - offset : offset)
        }
        let parts = trimmed.split(separator: ":", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { $0.count == 2 && $0.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } ? Int($0) : nil }
        guard parts.count == 2 || parts.count == 3, numbers.count == parts.count,
            numbers[0] < 24 || (numbers[0] == 24 && numbers.dropFirst().allSatisfy { $0 == 0 }),
            numbers.dropFirst().allSatisfy({ $0 < 60 })
        else {
            let hint =
                ["sunset", "sunrise"].contains { trimmed.hasPrefix($0) }
                ? nil
                : Spelling.hint(
                    for: String(trimmed.prefix { $0.isLetter }), among: ["sunset", "sunrise"])
            throw ScalarProblem("\"\(shown(text))\" is no time of day", hint: hint)
        }
        return .clock(seconds: numbers[0] * 3600 + numbers[1] * 60 + (numbers.count == 3 ? numbers[2] : 0))
    }

    /// Whole numbers, also as `0x1F`.
    static func integer(_ text: String) -> Int64? {
        if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0o") { return Int64(text.dropFirst(2), radix: 8) }
        return Int64(text)
    }

    /// Longest path shown in a message, in characters: Linux allows 4096, people read 200.
    static let longestPath = 200

    /// A value in a message: on one line and not endless.
    ///
    /// - Parameter longest: in characters; 60 hold any name that was meant.
    static func shown(_ text: String, longest: Int = 60) -> String {
        let line = String(text.map { $0.isNewline ? " " : $0 })
        return line.count > longest ? line.prefix(longest - 3) + "..." : line
    }

    static func trim(_ text: Substring) -> Substring {
        var rest = text.drop { $0 == " " }
        while rest.last == " " { rest.removeLast() }
        return rest
    }

    /// `text` cut at each `separator`.
    static func split(_ text: String, at separator: String) -> [String] {
        var parts: [String] = []
        var rest = text[...]
        while let found = firstRange(of: separator, in: rest) {
            parts.append(String(rest[..<found.lowerBound]))
            rest = rest[found.upperBound...]
        }
        parts.append(String(rest))
        return parts
    }

    static func firstRange(of part: String, in text: Substring) -> Range<Substring.Index>? {
        var start = text.startIndex
        while start < text.endIndex {
            if text[start...].hasPrefix(part) { return start..<text.index(start, offsetBy: part.count) }
            start = text.index(after: start)
        }
        return nil
    }
}
