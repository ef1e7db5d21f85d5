public import Telemetry

/// How far local time is from UTC at a moment.
public struct ZoneOffset: Sendable, Hashable {
    /// Seconds east of UTC, what a clock on the wall is ahead.
    public let seconds: Int
    public let isSummerTime: Bool
    /// `CET`, `+0530`.
    public let abbreviation: String

    public init(seconds: Int, isSummerTime: Bool = false, abbreviation: String) {
        self.seconds = seconds
        self.isSummerTime = isSummerTime
        self.abbreviation = abbreviation
    }
}

/// The rules of one time zone, from the bytes of a TZif file (RFC 9636): its transitions, and after the last of them
/// the rule of its footer for ever.
public struct TimeZoneRules: Sendable, Hashable {
    /// As in the tz database: `Europe/Berlin`.
    public let name: String

    /// In ascending order; `offsets[indexes[i]]` holds from `transitions[i]`, seconds since 1970, on.
    let transitions: [Int64]
    let indexes: [UInt8]
    let offsets: [ZoneOffset]
    let footer: PosixZoneRule?

    public static let utc = TimeZoneRules(name: "UTC", offset: ZoneOffset(seconds: 0, abbreviation: "UTC"))

    /// A zone that never changes.
    public init(name: String, offset: ZoneOffset) {
        self.init(name: name, transitions: [], indexes: [], offsets: [offset], footer: nil)
    }

    init(name: String, transitions: [Int64], indexes: [UInt8], offsets: [ZoneOffset], footer: PosixZoneRule?) {
        self.name = name
        self.transitions = transitions
        self.indexes = indexes
        self.offsets = offsets
        self.footer = footer
    }

    public func offset(at moment: UTCInstant) -> ZoneOffset { offset(atSecond: moment.seconds) }

    private func offset(atSecond second: Int64) -> ZoneOffset {
        guard let last = transitions.last else { return footer?.offset(atSecond: second) ?? offsets[0] }
        if second >= last, let footer { return footer.offset(atSecond: second) }
        // The number of transitions at or before the moment.
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= second { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? offsets[0] : offsets[Int(indexes[low - 1])]
    }

    /// What a clock on the wall shows.
    public func localTime(at moment: UTCInstant) -> CivilTime {
        CivilTime(moment.advanced(by: .seconds(offset(at: moment).seconds)))
    }

    /// The moment at which a clock on the wall shows `local`.
    ///
    /// A time that the change to summer time leaves out is taken as if the clock had not been changed (02:30 becomes
    /// 03:30); of a time that comes twice it is the first.
    public func instant(of local: CivilTime) -> UTCInstant {
        let asIfUTC = local.instant
        let day: Int64 = 86_400
        // Far enough on both sides that at most one ordinary change lies between, and the local time with it.
        let before = offset(atSecond: asIfUTC.seconds - day).seconds
        let after = offset(atSecond: asIfUTC.seconds + day).seconds
        let first = asIfUTC.advanced(by: .seconds(-before))
        let second = asIfUTC.advanced(by: .seconds(-after))
        let firstHolds = offset(at: first).seconds == before
        let secondHolds = offset(at: second).seconds == after
        switch (firstHolds, secondHolds) {
        case (true, true): return min(first, second)
        case (false, true): return second
        case (true, false), (false, false): return first
        }
    }
}

/// Why bytes are no time zone.
public struct TimeZoneError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable, CaseIterable {
        case badName, notFound, notATimeZoneFile, damaged
    }

    public let code: Code
    public let zone: String
    /// What is wrong and what to do.
    public let explanation: String

    public init(_ code: Code, zone: String, _ explanation: String) {
        self.code = code
        self.zone = zone
        self.explanation = explanation
    }

    public var description: String { "time zone \(zone): \(explanation)" }
}
