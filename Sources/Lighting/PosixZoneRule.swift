import Telemetry

/// The rule at the end of a zone file, such as `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX `TZ`, with the wider hours of RFC 9636 section 3.3.1).
struct PosixZoneRule: Sendable, Hashable {
    enum Day: Sendable, Hashable {
        /// `M3.5.0`: the last (5) Sunday (0) of March.
        case weekday(month: Int, week: Int, weekday: Int)
        /// `J60`: 1 to 365, 29 February is never counted.
        case dayWithoutLeap(Int)
        /// `59`: 0 to 365, 29 February is counted.
        case dayOfYear(Int)
    }

    struct Change: Sendable, Hashable {
        let day: Day
        /// Seconds after local midnight of that day; may be negative or beyond the day.
        let time: Int

        /// Seconds since 1970 as if local time were UTC.
        func localSecond(year: Int) -> Int64 {
            let firstDay = CivilTime.dayNumber(year: year, month: 1, day: 1)
            let number: Int64
            switch day {
            case .weekday(let month, let week, let weekday):
                let first = CivilTime.dayNumber(year: year, month: month, day: 1)
                // 1970-01-01 was a Thursday (4); Sunday is 0.
                let firstWeekday = Int(((first + 4) % 7 + 7) % 7)
                var day = (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
                let next =
                    month == 12
                    ? CivilTime.dayNumber(year: year + 1, month: 1, day: 1)
                    : CivilTime.dayNumber(year: year, month: month + 1, day: 1)
                while first + Int64(day) >= next { day -= 7 }
                number = first + Int64(day)
            case .dayWithoutLeap(let day):
                let isLeap = CivilTime.dayNumber(year: year + 1, month: 1, day: 1) - firstDay == 366
                number = firstDay + Int64(day - 1 + (isLeap && day >= 60 ? 1 : 0))
            case .dayOfYear(let day): number = firstDay + Int64(day)
            }
            return number * 86_400 + Int64(time)
        }
    }

    struct SummerTime: Sendable, Hashable {
        let offset: ZoneOffset
        let start: Change
        let end: Change
    }

    let standard: ZoneOffset
    let summer: SummerTime?

    func offset(atSecond second: Int64) -> ZoneOffset {
        guard let summer else { return standard }
        let local = UTCInstant(seconds: second).advanced(by: .seconds(standard.seconds))
        let year = CivilTime(local).year
        let start = summer.start.localSecond(year: year) - Int64(standard.seconds)
        let end = summer.end.localSecond(year: year) - Int64(summer.offset.seconds)
        // In the south summer time runs over New Year.
        let isSummer = start < end ? second >= start && second < end : !(second >= end && second < start)
        return isSummer ? summer.offset : standard
    }

    /// nil when the text is no such rule.
    init?(_ text: String) {
        var parser = PosixZoneParser(text)
        guard let standardName = parser.name(), let west = parser.time(largestHour: 24) else { return nil }
        standard = ZoneOffset(seconds: -west, abbreviation: standardName)
        if parser.isAtEnd {
            summer = nil
            return
        }
        guard let summerName = parser.name() else { return nil }
        var summerSeconds = standard.seconds + 3600
        if !parser.isNext(",") {
            guard let west = parser.time(largestHour: 24) else { return nil }
            summerSeconds = -west
        }
        guard parser.take(","), let start = parser.change(), parser.take(","), let end = parser.change(), parser.isAtEnd
        else { return nil }
        summer = SummerTime(
            offset: ZoneOffset(seconds: summerSeconds, isSummerTime: true, abbreviation: summerName), start: start,
            end: end)
    }
}

private struct PosixZoneParser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { position == bytes.count }

    func isNext(_ character: Unicode.Scalar) -> Bool {
        position < bytes.count && bytes[position] == UInt8(ascii: character)
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard isNext(character) else { return false }
        position += 1
        return true
    }

    /// `CET`, or `<+0330>`.
    mutating func name() -> String? {
        let start = position
        if take("<") {
            while position < bytes.count, !isNext(">") { position += 1 }
            guard take(">") else { return nil }
            return String(decoding: bytes[start + 1..<position - 1], as: UTF8.self)
        }
        while position < bytes.count, (65...90).contains(bytes[position] & 0xDF) { position += 1 }
        guard position - start >= 3 else { return nil }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func number(_ range: ClosedRange<Int>) -> Int? {
        var value = 0
        let start = position
        while position < bytes.count, (48...57).contains(bytes[position]), position - start < 4 {
            value = value * 10 + Int(bytes[position] - 48)
            position += 1
        }
        return position > start && range.contains(value) ? value : nil
    }

    /// `-1`, `+5:30`, `167:59:59`, in seconds.
    mutating func time(largestHour: Int) -> Int? {
        var sign = 1
        if take("-") { sign = -1 } else { _ = take("+") }
        guard let hours = number(0...largestHour) else { return nil }
        var seconds = hours * 3600
        for unit in [60, 1] {
            guard take(":") else { break }
            guard let part = number(0...59) else { return nil }
            seconds += part * unit
        }
        return sign * seconds
    }

    mutating func change() -> PosixZoneRule.Change? {
        let day: PosixZoneRule.Day
        if take("M") {
            guard let month = number(1...12), take("."), let week = number(1...5), take("."),
                let weekday = number(0...6)
            else { return nil }
            day = .weekday(month: month, week: week, weekday: weekday)
        } else if take("J") {
            guard let number = number(1...365) else { return nil }
            day = .dayWithoutLeap(number)
        } else {
            guard let number = number(0...365) else { return nil }
            day = .dayOfYear(number)
        }
        // At 02:00 where nothing else is said; RFC 9636 allows a week either way.
        guard take("/") else { return PosixZoneRule.Change(day: day, time: 7200) }
        guard let time = time(largestHour: 167) else { return nil }
        return PosixZoneRule.Change(day: day, time: time)
    }
}
