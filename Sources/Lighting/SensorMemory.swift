import Telemetry

/// One sensor of one program.
struct SensorKey: Sendable, Hashable {
    enum Part: String, Sendable, Hashable {
        case active, dynamic
    }

    let program: String
    let part: Part
    /// In the program's list of that name.
    let index: Int
}

/// A sensor's use in a program: when it is on.
struct SensorUse: Sendable {
    enum Rule: Sendable, Hashable {
        case level(on: ExactDecimal, off: ExactDecimal)
        case condition(SensorCondition, until: SensorCondition?)
        /// Always, while the sensor speaks.
        case speaks
    }

    let key: SensorKey
    let source: SensorSource
    let rule: Rule
    let hold: Duration

    /// Where it stands in the plan.
    var path: String { "programs.\(key.program).\(key.part.rawValue)[\(key.index)]" }
}

extension LightingProgram {
    /// Every use of a sensor in it.
    var sensorUses: [SensorUse] {
        let periods = active.enumerated().compactMap { index, period -> SensorUse? in
            guard let sensor = period.sensor else { return nil }
            let rule: SensorUse.Rule =
                switch sensor.rule {
                case .level(let on, let off): .level(on: on, off: off)
                case .condition(let condition): .condition(condition, until: nil)
                }
            return SensorUse(
                key: SensorKey(program: name, part: .active, index: index), source: sensor.source, rule: rule,
                hold: .zero)
        }
        let controls = dynamic.enumerated().map { index, control in
            SensorUse(
                key: SensorKey(program: name, part: .dynamic, index: index), source: control.source,
                rule: control.when.map { .condition($0, until: control.until) } ?? .speaks, hold: control.hold)
        }
        return periods + controls
    }
}

/// What the sensors of all programs say: on or off with hysteresis, holds, silence.
struct SensorMemory: Sendable {
    /// What one use of a sensor says.
    struct State: Sendable {
        /// nil: it has said nothing of use yet, or is silent.
        fileprivate(set) var isOn: Bool?
        /// Until when it acts although it is off.
        fileprivate(set) var holdUntil: BootInstant?
        /// When its last good value came; for a restored state, when it was restored.
        fileprivate(set) var heardAt: BootInstant?
        /// Its value cannot be compared with what the program wants.
        fileprivate(set) var isUnfit = false
        fileprivate var counter = CounterRise()

        func acts(at now: BootInstant) -> Bool { isOn == true || holdUntil.map { now < $0 } ?? false }
    }

    private var states: [SensorKey: State] = [:]
    /// Rises with each change worth keeping over a restart.
    private(set) var revision: UInt64 = 0

    subscript(key: SensorKey) -> State? { states[key] }

    /// Takes what the points say now.
    mutating func observe(_ uses: [SensorUse], inputs: LightingInputs, at now: BootInstant) {
        for use in uses {
            var state = states[use.key] ?? State()
            let before = (state.isOn, state.holdUntil == nil)
            Self.update(&state, use, inputs[use.source.point], at: now)
            states[use.key] = state
            if before != (state.isOn, state.holdUntil == nil) { revision &+= 1 }
        }
    }

    private static func update(
        _ state: inout State, _ use: SensorUse, _ seen: LightingInputs.Seen?, at now: BootInstant
    ) {
        if let seen { state.heardAt = max(seen.at, state.heardAt ?? seen.at) }
        guard let heardAt = state.heardAt, now.duration(since: heardAt) <= use.source.stale else {
            // As if it were not there: neither its last word nor a hold counts.
            state.isOn = nil
            state.holdUntil = nil
            return
        }
        if let hold = state.holdUntil, now >= hold { state.holdUntil = nil }
        guard let seen else { return }
        let was = state.isOn
        switch use.rule {
        case .speaks: state.isOn = true
        case .level(let on, let off):
            switch seen.value {
            case .flag(let flag): state.isOn = flag
            case .number(let number):
                if number < on { state.isOn = true } else if number > off { state.isOn = false }
            case .text: state.isOn = nil
            }
            if case .text = seen.value { state.isUnfit = true } else { state.isUnfit = false }
        case .condition(let condition, let until):
            let rise = state.counter.rise(of: condition, seen, at: now)
            let fulfilled = condition.isFulfilled(by: seen.value, rise: rise)
            state.isUnfit = fulfilled == nil
            if let until, fulfilled == false, state.isOn == true {
                if until.isFulfilled(by: seen.value, rise: nil) ?? true { state.isOn = false }
            } else {
                state.isOn = fulfilled
            }
        }
        if was == true, state.isOn == false, use.hold > .zero {
            let end = max(seen.at, .init(nanoseconds: 0)).advanced(by: use.hold)
            state.holdUntil = end > now ? end : nil
        } else if state.isOn == true {
            state.holdUntil = nil
        }
    }

    /// When a hold ends, a sensor becomes stale or a count leaves its window, whichever is first.
    func nextMoment(_ uses: [SensorUse], after now: BootInstant) -> BootInstant? {
        var next: BootInstant?
        for use in uses {
            guard let state = states[use.key] else { continue }
            let stale = state.heardAt.map { $0.advanced(by: use.source.stale + .milliseconds(1)) }
            for moment in [state.holdUntil, stale, state.counter.nextMoment].compactMap({ $0 }) where moment > now {
                next = min(moment, next ?? moment)
            }
        }
        return next
    }

    /// Forgets what no program asks for.
    mutating func keep(_ uses: [SensorUse]) {
        let keys = Set(uses.map(\.key))
        states = states.filter { keys.contains($0.key) }
    }

    // MARK: Storage

    func stored(at now: BootInstant) -> [JSONValue] {
        states.sorted {
            ($0.key.program, $0.key.part.rawValue, $0.key.index) < ($1.key.program, $1.key.part.rawValue, $1.key.index)
        }
        .compactMap { key, state in
            guard let isOn = state.isOn else { return nil }
            var members: [JSONValue.Member] = [
                .init("program", .string(key.program)), .init("part", .string(key.part.rawValue)),
                .init("index", .number(ExactDecimal(Int64(key.index)))), .init("on", .bool(isOn)),
            ]
            if let hold = state.holdUntil {
                let rest = max(0, hold.duration(since: now).wholeMilliseconds)
                members.append(.init("hold_ms", .number(ExactDecimal(rest))))
            }
            return .object(members)
        }
    }

    /// Takes stored states after a start: each counts until its sensor speaks or has been silent for its stale time.
    mutating func restore(_ list: [JSONValue], uses: [SensorUse], at now: BootInstant) {
        let known = Dictionary(uses.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for value in list.prefix(OverrideBook.longestList) {
            guard let program = value["program"]?.text, let part = value["part"]?.text.flatMap(SensorKey.Part.init),
                let index = value["index"]?.number?.integer, case .bool(let isOn)? = value["on"],
                let use = known[SensorKey(program: program, part: part, index: Int(truncatingIfNeeded: index))]
            else { continue }
            var state = State()
            state.isOn = isOn
            state.heardAt = now
            if let rest = value["hold_ms"]?.number?.integer, rest > 0, rest <= use.hold.wholeMilliseconds {
                state.holdUntil = now.advanced(by: .milliseconds(rest))
            }
            states[use.key] = state
        }
    }
}

/// By how much a counter rose within a time.
private struct CounterRise: Sendable {
    /// Marks kept at most over the window: its edge is then right within a hundredth.
    private static let marks = 100

    private var last: ExactDecimal?
    private var total = ExactDecimal.zero
    /// The sum of all rises up to a moment, in order of time.
    private var history: [(at: BootInstant, total: ExactDecimal)] = []
    private var window: Duration = .zero

    /// When the oldest rise leaves the window.
    var nextMoment: BootInstant? { history.count > 1 ? history[1].at.advanced(by: window) : nil }

    /// nil for a condition that counts nothing.
    mutating func rise(of condition: SensorCondition, _ seen: LightingInputs.Seen, at now: BootInstant) -> ExactDecimal?
    {
        guard case .count(_, let window) = condition, let number = seen.value.number else { return nil }
        self.window = window
        if history.isEmpty || seen.at > (history.last?.at ?? seen.at) {
            if let last, number > last, let step = number.subtracting(last) { total = total.adding(step) ?? total }
            last = number
            let spacing = window / Self.marks
            if history.count > 1, seen.at.duration(since: history[history.count - 2].at) < spacing {
                history.removeLast()
            }
            history.append((seen.at, total))
        }
        // One mark at or before the window's beginning stays as what is counted from.
        let begin = now.advanced(by: .zero - window)
        while history.count > 1, history[1].at <= begin { history.removeFirst() }
        return history.first.flatMap { total.subtracting($0.total) }
    }
}
