import Telemetry

/// What a rule says of a fault after it heard something.
enum Verdict: Sendable, Hashable {
    /// It holds; nothing new where it held before.
    case fault(Evidence)
    /// It surely does not hold.
    case cleared(Evidence)
    /// What was heard proves neither: what was raised stays raised.
    case undecided
}

/// The words and numbers behind a verdict, in the order they are told.
struct Evidence: Sendable, Hashable {
    private(set) var members: [JSONValue.Member] = []

    mutating func add(_ key: String, _ value: ExactDecimal?) {
        if let value { members.append(.init(key, .number(value))) }
    }

    mutating func add(_ key: String, _ value: Int?) {
        if let value { members.append(.init(key, .integer(value))) }
    }

    mutating func add(_ key: String, _ value: Bool?) {
        if let value { members.append(.init(key, .bool(value))) }
    }

    mutating func add(_ key: String, _ value: String?) {
        if let value { members.append(.init(key, .string(value))) }
    }

    /// In whole seconds.
    mutating func add(_ key: String, _ value: Duration?) {
        if let value { members.append(.init(key, .integer(value.wholeMilliseconds / 1000))) }
    }

    /// In tenths of a watt: a meter tells no more.
    mutating func add(watts key: String, _ value: Double?) {
        guard let value, value.magnitude < 1e12 else { return }
        let tenths = Int64((value * 10).rounded())
        members.append(.init(key, .number(ExactDecimal(mantissa: tenths, exponent: -1).normalized)))
    }

    mutating func append(_ other: Evidence) { members += other.members }

    static func because(_ sentence: String) -> Evidence {
        var evidence = Evidence()
        evidence.add("because", sentence)
        return evidence
    }
}

/// How long something has been so without a break.
struct Lasting: Sendable, Hashable {
    private(set) var since: BootInstant?

    /// - Parameter earliest: what was before does not count.
    /// - Returns: for how long it has been so; nil when it is not so.
    @discardableResult
    mutating func note(_ holds: Bool, at now: BootInstant, notBefore earliest: BootInstant? = nil) -> Duration? {
        guard holds else {
            since = nil
            return nil
        }
        let start = max(since ?? now, earliest ?? BootInstant(nanoseconds: .min))
        since = start
        return now.duration(since: start)
    }

    mutating func forget() { since = nil }
}
