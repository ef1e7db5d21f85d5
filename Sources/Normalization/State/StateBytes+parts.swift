import Telemetry

extension StateWriter {
    mutating func moment(_ moment: CounterMoment) {
        switch moment {
        case .unknown: byte(0)
        case .boot(let instant):
            byte(1)
            signed(instant.nanoseconds)
        case .utc(let instant):
            byte(2)
            signed(instant.nanoseconds)
        }
    }

    mutating func register(_ register: CounterState.Register) {
        decimal(register.value)
        moment(register.at)
    }

    mutating func counter(_ state: CounterState) {
        unsigned(UInt64(state.epoch))
        optional(state.base) { $0.register($1) }
        moment(state.changed)
        optional(state.left) { $0.decimal($1) }
        optional(state.pending) {
            switch $1 {
            case .exchange(let before, let after):
                $0.byte(0)
                $0.text(before)
                $0.text(after)
            case .exchangedByHand: $0.byte(1)
            case .basis(let before, let after):
                $0.byte(2)
                $0.text(before)
                $0.text(after)
            }
        }
        optional(state.suspicion) {
            $0.byte($1.kind.rawValue)
            $0.decimal($1.first)
            $0.register($1.level)
            $0.unsigned(UInt64($1.count))
            $0.flag($1.isTold)
        }
        flag(state.isInterrupted)
        unsigned(UInt64(state.held))
        text(state.basis)
        text(state.unit)
    }

    mutating func sample(_ sample: WindowSample) {
        value(sample.value)
        unsigned(UInt64(sample.quality.code))
        signed(sample.utc)
        unsigned(UInt64(sample.epoch))
        block(sample.raw)
    }

    mutating func window(_ window: RegisterWindow) {
        signed(window.start)
        optional(window.best) { $0.sample($1) }
        optional(window.badReason) { $0.byte($1.rawValue) }
    }

    mutating func window(_ window: StatisticsWindow) {
        signed(window.start)
        text(window.sum.total.description)
        signed(Int64(window.sum.exponent))
        signed(window.sum.covered)
        flag(window.sum.isOverflown)
        signed(window.sum.until)
        optional(window.least) { $0.sample($1) }
        optional(window.greatest) { $0.sample($1) }
        unsigned(UInt64(window.worst.code))
        optional(window.badReason) { $0.byte($1.rawValue) }
        flag(window.hasReading)
        optional(window.current) { $0.sample($1) }
    }
}

extension StateReader {
    mutating func moment() throws(StateProblem) -> CounterMoment {
        switch try byte() {
        case 1: .boot(BootInstant(nanoseconds: try signed()))
        case 2: .utc(UTCInstant(nanoseconds: try signed()))
        default: .unknown
        }
    }

    mutating func register() throws(StateProblem) -> CounterState.Register {
        let value = try decimal()
        return CounterState.Register(value: value, at: try moment())
    }

    mutating func counter() throws(StateProblem) -> CounterState {
        var state = CounterState()
        state.epoch = max(1, UInt32(clamping: try unsigned()))
        if try flag() { state.base = try register() }
        state.changed = try moment()
        if try flag() { state.left = try decimal() }
        if try flag() { state.pending = try pending() }
        if try flag() { state.suspicion = try suspicion() }
        state.isInterrupted = try flag()
        state.held = Int(clamping: try unsigned())
        state.basis = try text()
        state.unit = try text()
        return state
    }

    private mutating func pending() throws(StateProblem) -> CounterState.Pending {
        switch try byte() {
        case 0:
            let before = try text()
            return .exchange(before: before, after: try text())
        case 1: return .exchangedByHand
        case 2:
            let before = try text()
            return .basis(before: before, after: try text())
        default: throw StateProblem(explanation: "an unknown cause of a new epoch")
        }
    }

    private mutating func suspicion() throws(StateProblem) -> CounterState.Suspicion {
        guard let kind = CounterState.Suspicion.Kind(rawValue: try byte()) else {
            throw StateProblem(explanation: "an unknown doubt")
        }
        let first = try decimal()
        let level = try register()
        let count = Int(clamping: try unsigned())
        return CounterState.Suspicion(kind: kind, first: first, level: level, count: count, isTold: try flag())
    }

    /// Nanoseconds since 1970; only those that arithmetic with periods cannot carry beyond 64 bits.
    private mutating func instant() throws(StateProblem) -> Int64 {
        let instant = try signed()
        guard (-8_000_000_000_000_000_000...8_000_000_000_000_000_000).contains(instant) else {
            throw StateProblem(explanation: "an instant that cannot be")
        }
        return instant
    }

    mutating func sample() throws(StateProblem) -> WindowSample {
        let value = try value()
        let quality = try quality()
        let utc = try instant()
        let epoch = UInt32(clamping: try unsigned())
        return WindowSample(value: value, quality: quality, utc: utc, epoch: epoch, raw: try block())
    }

    mutating func registerWindow() throws(StateProblem) -> RegisterWindow {
        var window = RegisterWindow(start: try instant())
        if try flag() { window.best = try sample() }
        if try flag() { window.badReason = try reason() }
        return window
    }

    mutating func statisticsWindow() throws(StateProblem) -> StatisticsWindow {
        var window = StatisticsWindow(start: try instant())
        guard let total = Int128(try text()) else { throw StateProblem(explanation: "a sum that is no number") }
        let exponent = Int32(clamping: try signed())
        let covered = try signed()
        // Beyond these it is no sum that this gateway wrote, and arithmetic with it could overflow.
        guard (DecimalIntegral.finestExponent...1_000).contains(exponent), (0...172_800_000).contains(covered) else {
            throw StateProblem(explanation: "a sum that cannot be")
        }
        let isOverflown = try flag()
        window.sum = DecimalIntegral(
            total: total, exponent: exponent, covered: covered, isOverflown: isOverflown, until: try signed())
        if try flag() { window.least = try sample() }
        if try flag() { window.greatest = try sample() }
        window.worst = try quality()
        if try flag() { window.badReason = try reason() }
        window.hasReading = try flag()
        if try flag() { window.current = try sample() }
        return window
    }
}
