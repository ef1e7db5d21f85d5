/// The Gregorian calendar in UTC, proleptic, as RFC 3339 writes it.
public struct CivilTime: Sendable, Hashable {
    public var year: Int
    public var month: Int
    public var day: Int
    public var hour: Int
    public var minute: Int
    public var second: Int
    public var nanosecond: Int

    public init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, nanosecond: Int = 0) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        self.nanosecond = nanosecond
    }

    public init(_ instant: UTCInstant) {
        let seconds = instant.seconds
        let days = seconds.flooredDivision(by: 86_400)
        let time = Int(seconds - days * 86_400)
        (year, month, day) = Self.date(dayNumber: days)
        hour = time / 3600
        minute = time / 60 % 60
        second = time % 60
        // Wrapping, because the first second that 64 bits reach is not whole.
        nanosecond = Int(instant.nanoseconds &- seconds &* 1_000_000_000)
    }

    /// Beyond the years 1678 to 2261, which 64 bits of nanoseconds reach, it is held at the limit.
    public var instant: UTCInstant {
        let seconds =
            Self.dayNumber(year: year, month: month, day: day) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
        return UTCInstant(
            nanoseconds: seconds.saturatingMultiply(by: 1_000_000_000).saturatingAdd(Int64(nanosecond)))
    }

    /// Days since 1970-01-01 of a Gregorian date.
    public static func dayNumber(year: Int, month: Int, day: Int) -> Int64 {
        // Years run from March, so that the leap day is the last one and months have a regular length.
        let shifted = Int64(month <= 2 ? year - 1 : year)
        let era = shifted.flooredDivision(by: 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = Int64((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1)
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The Gregorian date of a number of days since 1970-01-01.
    public static func date(dayNumber: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = dayNumber + 719_468
        let era = shifted.flooredDivision(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = Int(dayOfYear - (153 * monthIndex + 2) / 5 + 1)
        let month = Int(monthIndex < 10 ? monthIndex + 3 : monthIndex - 9)
        return (Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0), month, day)
    }
}

extension UTCInstant: CustomStringConvertible {
    /// RFC 3339 in UTC with milliseconds: `2026-11-21T16:04:05.250Z`.
    public var description: String {
        let time = CivilTime(self)
        return "\(padded(time.year, 4))-\(padded(time.month, 2))-\(padded(time.day, 2))T"
            + "\(padded(time.hour, 2)):\(padded(time.minute, 2)):\(padded(time.second, 2))"
            + ".\(padded(time.nanosecond / 1_000_000, 3))Z"
    }

    /// Reads RFC 3339 (`2026-11-21T16:04:05.250Z`, `2026-11-21T17:04:05+01:00`); nil when it is none or outside the
    /// years 1678 to 2261.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        func digits(_ from: Int, _ count: Int) -> Int? {
            guard from + count <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[from..<from + count] {
                guard byte >= 48, byte <= 57 else { return nil }
                value = value * 10 + Int(byte - 48)
            }
            return value
        }
        guard bytes.count >= 20, bytes[4] == 45, bytes[7] == 45, bytes[10] == 84 || bytes[10] == 116 || bytes[10] == 32,
            bytes[13] == 58, bytes[16] == 58, let year = digits(0, 4), let month = digits(5, 2), let day = digits(8, 2),
            let hour = digits(11, 2), let minute = digits(14, 2), let second = digits(17, 2),
            (1...12).contains(month), day >= 1, day <= Self.daysIn(month: month, year: year), hour < 24, minute < 60,
            second <= 60
        else { return nil }
        var position = 19
        var nanosecond = 0
        if bytes[position] == 46 {
            position += 1
            var scale = 100_000_000
            let start = position
            while position < bytes.count, bytes[position] >= 48, bytes[position] <= 57 {
                nanosecond += Int(bytes[position] - 48) * scale
                scale /= 10
                position += 1
            }
            guard position > start else { return nil }
        }
        guard position < bytes.count else { return nil }
        var offset = 0
        switch bytes[position] {
        case 90, 122:
            guard position + 1 == bytes.count else { return nil }
        case 43, 45:
            guard position + 6 == bytes.count, bytes[position + 3] == 58, let hours = digits(position + 1, 2),
                let minutes = digits(position + 4, 2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (bytes[position] == 45 ? -60 : 60)
        default: return nil
        }
        let civil = CivilTime(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second, nanosecond: nanosecond)
        // Years that 64 bits of nanoseconds do not reach are refused, not bent.
        guard (1678...2261).contains(year) else { return nil }
        self.init(nanoseconds: civil.instant.nanoseconds - Int64(offset) * 1_000_000_000)
    }

    /// Days of a Gregorian month, 28 to 31.
    public static func daysIn(month: Int, year: Int) -> Int {
        switch month {
        case 2: (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// `value` in decimal with leading zeros, for dates and tables.
public func padded(_ value: Int, _ width: Int) -> String {
    let text = String(value)
    return text.utf8.count >= width ? text : String(repeating: "0", count: width - text.utf8.count) + text
}
