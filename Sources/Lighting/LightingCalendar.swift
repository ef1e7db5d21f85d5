public import Telemetry

/// A day of the Gregorian calendar.
public struct CalendarDate: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let year: Int
    public let month: Int
    public let day: Int

    public init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// The date of a local or UTC time.
    public init(_ time: CivilTime) { self.init(year: time.year, month: time.month, day: time.day) }

    init(dayNumber: Int64) {
        let date = CivilTime.date(dayNumber: dayNumber)
        self.init(year: date.year, month: date.month, day: date.day)
    }

    /// Days since 1970-01-01.
    public var dayNumber: Int64 { CivilTime.dayNumber(year: year, month: month, day: day) }

    /// 1 is Monday, 7 is Sunday (ISO 8601).
    public var weekday: Int {
        // 1970-01-01 was a Thursday.
        let shifted = (dayNumber + 3) % 7
        return Int(shifted < 0 ? shifted + 7 : shifted) + 1
    }

    public func adding(days: Int) -> CalendarDate { CalendarDate(dayNumber: dayNumber + Int64(days)) }

    public static func < (a: CalendarDate, b: CalendarDate) -> Bool {
        (a.year, a.month, a.day) < (b.year, b.month, b.day)
    }

    public var description: String { padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) }
}

/// Which program rules which night. The first rule that fits wins; without one, the default.
///
/// A night is counted from noon to noon and carries the date of its evening (TALQ's `dayOffset` of 12), so a rule
/// for 31 December covers New Year's night as a whole.
public struct LightingCalendar: Sendable, Hashable {
    public struct Rule: Sendable, Hashable {
        public let first: CalendarDate
        /// Inclusive.
        public let last: CalendarDate
        /// ISO weekdays of the evening; empty: every day.
        public let weekdays: Set<Int>
        public let program: String

        public init(first: CalendarDate, last: CalendarDate, weekdays: Set<Int> = [], program: String) {
            self.first = first
            self.last = last
            self.weekdays = weekdays
            self.program = program
        }

        func covers(_ night: CalendarDate) -> Bool {
            night >= first && night <= last && (weekdays.isEmpty || weekdays.contains(night.weekday))
        }
    }

    public let name: String
    public let rules: [Rule]
    public let defaultProgram: String

    public init(name: String, rules: [Rule] = [], defaultProgram: String) {
        self.name = name
        self.rules = rules
        self.defaultProgram = defaultProgram
    }

    /// The program of the night that begins in the evening of this date.
    public func program(night: CalendarDate) -> String {
        rules.first { $0.covers(night) }?.program ?? defaultProgram
    }
}
