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

extension CalendarDate {
    /// How many days the month has.
    static func days(inMonth month: Int, of year: Int) -> Int {
        let next = month == 12 ? (year + 1, 1) : (year, month + 1)
        return Int(
            CalendarDate(year: next.0, month: next.1, day: 1).dayNumber
                - CalendarDate(year: year, month: month, day: 1).dayNumber)
    }

    /// Whether the calendar has it.
    var exists: Bool { (1...12).contains(month) && day >= 1 && day <= Self.days(inMonth: month, of: year) }
}

/// A day of every year: `--12-24`.
public struct YearlyDate: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let month: Int
    public let day: Int

    public init(month: Int, day: Int) {
        self.month = month
        self.day = day
    }

    init(_ date: CalendarDate) { self.init(month: date.month, day: date.day) }

    public static func < (a: YearlyDate, b: YearlyDate) -> Bool { (a.month, a.day) < (b.month, b.day) }

    public var description: String { "--" + padded(month, 2) + "-" + padded(day, 2) }

    /// Whether some year has it; 29 February counts.
    var exists: Bool { CalendarDate(year: 2028, month: month, day: day).exists }
}

/// Which program rules which night. The first rule that fits wins; without one, the default.
///
/// A night is counted from noon to noon and carries the date of its evening (TALQ's `dayOffset` of 12), so a rule
/// for 31 December covers New Year's night as a whole.
public struct LightingCalendar: Sendable, Hashable {
    /// The part of time a rule is for; both ends inclusive.
    public enum Span: Sendable, Hashable {
        case always
        /// nil: open.
        case dates(first: CalendarDate?, last: CalendarDate?)
        /// Over New Year where `last` comes before `first`.
        case yearly(first: YearlyDate, last: YearlyDate)

        func covers(_ night: CalendarDate) -> Bool {
            switch self {
            case .always: return true
            case .dates(let first, let last):
                return first.map { night >= $0 } ?? true && last.map { night <= $0 } ?? true
            case .yearly(let first, let last):
                let day = YearlyDate(night)
                return first <= last ? day >= first && day <= last : day >= first || day <= last
            }
        }
    }

    /// The how manieth of its weekday in the month a night must be.
    public enum Occurrence: Sendable, Hashable {
        /// 1 to 5.
        case number(Int)
        case last
    }

    /// All that a rule names must fit.
    public struct Rule: Sendable, Hashable {
        public let span: Span
        /// ISO weekdays of the evening; empty: every day.
        public let weekdays: Set<Int>
        /// Days of the month; empty: every day.
        public let days: Set<Int>
        /// Empty: every week.
        public let occurrences: Set<Occurrence>
        public let program: String

        public init(
            span: Span = .always, weekdays: Set<Int> = [], days: Set<Int> = [], occurrences: Set<Occurrence> = [],
            program: String
        ) {
            self.span = span
            self.weekdays = weekdays
            self.days = days
            self.occurrences = occurrences
            self.program = program
        }

        public init(first: CalendarDate, last: CalendarDate, weekdays: Set<Int> = [], program: String) {
            self.init(span: .dates(first: first, last: last), weekdays: weekdays, program: program)
        }

        func covers(_ night: CalendarDate) -> Bool {
            span.covers(night) && (weekdays.isEmpty || weekdays.contains(night.weekday))
                && (days.isEmpty || days.contains(night.day)) && (occurrences.isEmpty || isOccurrence(night))
        }

        private func isOccurrence(_ night: CalendarDate) -> Bool {
            let isLast = night.day + 7 > CalendarDate.days(inMonth: night.month, of: night.year)
            return occurrences.contains(.number((night.day - 1) / 7 + 1)) || isLast && occurrences.contains(.last)
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
