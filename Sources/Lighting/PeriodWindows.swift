import Telemetry

/// When one active period takes place around a night, and when its sensor has a say.
struct PeriodWindows {
    private let period: ActivePeriod
    /// Where time alone would make it active.
    private let windows: [Range<UTCInstant>]
    /// Where the sensor may begin it although it has not begun by time.
    private let beginnings: [Range<UTCInstant>]
    /// Where the sensor may end it although it has not ended by time.
    private let endings: [Range<UTCInstant>]
    /// A sensor alone: where the lamps are lit while it is silent. With a place the nights, without one always: a dead
    /// sensor must not darken a street.
    private let lit: [Range<UTCInstant>]?

    init(_ period: ActivePeriod, plan: LightingPlan, night: CalendarDate) {
        self.period = period
        func occurrences(_ span: ActivePeriod.Span) -> [Range<UTCInstant>] {
            (-1...1).compactMap { plan.window(of: span, on: night.adding(days: $0)) }
        }
        let windows = period.span.map(occurrences) ?? []
        self.windows = windows
        beginnings =
            period.sensor.map { sensor in
                windows.map { $0.lowerBound.advanced(by: .zero - sensor.early)..<$0.lowerBound }
            } ?? []
        endings =
            period.sensor.map { sensor in
                windows.map { max($0.lowerBound, $0.upperBound.advanced(by: .zero - sensor.earlyEnd))..<$0.upperBound }
            } ?? []
        lit =
            period.span == nil && plan.place != nil
            ? occurrences(ActivePeriod.Span(from: .sunset(offset: .zero), to: .sunrise(offset: .zero))) : nil
    }

    /// Every moment at which its state may change.
    var boundaries: [UTCInstant] {
        (windows + beginnings + endings + (lit ?? [])).flatMap { [$0.lowerBound, $0.upperBound] }
    }

    func state(at moment: UTCInstant) -> NightTimeline.PeriodState {
        func isIn(_ ranges: [Range<UTCInstant>]) -> Bool { ranges.contains { $0.contains(moment) } }
        guard let sensor = period.sensor else { return isIn(windows) ? .on : .off }
        guard period.span != nil else { return .sensor(otherwise: lit.map(isIn) ?? true) }
        if isIn(endings) { return .sensor(otherwise: true) }
        if isIn(windows) { return sensor.movesEnds ? .on : .sensor(otherwise: true) }
        return isIn(beginnings) ? .sensor(otherwise: false) : .off
    }
}

/// What the steps of a program say over one night.
struct StepTrack {
    private struct Entry {
        let moment: UTCInstant
        let order: Int
        let step: LightingStep
    }

    private let program: String
    /// Steps that rule until the next.
    private let levels: [Entry]
    /// Operations over them, each until the next.
    private let operations: [Entry]

    /// The moments of all steps from two days before the night, so that the previous day's last one is among them.
    init(program: LightingProgram, plan: LightingPlan, night: CalendarDate) {
        self.program = program.name
        var found: [Entry] = []
        for offset in -2...2 {
            let date = night.adding(days: offset)
            for (index, step) in program.steps.enumerated() {
                guard let moment = plan.moment(step.at, on: date) else { continue }
                // At the same moment the sun's step comes over the clock's (TALQ), then the later written one.
                let order = if case .clock = step.at { index } else { program.steps.count + index }
                found.append(Entry(moment: moment, order: order, step: step))
            }
        }
        found.sort { ($0.moment, $0.order) < ($1.moment, $1.order) }
        levels = found.filter { $0.step.operation == nil }
        operations = found.filter { $0.step.operation != nil }
    }

    var moments: [UTCInstant] { (levels + operations).map(\.moment) }

    func level(at moment: UTCInstant) -> LampLevel {
        // Only the step itself fades; where a period begins, the lamp comes on as its gear does.
        func fade(_ entry: Entry) -> Duration? { entry.moment == moment ? entry.step.fade : nil }
        let latest = levels.last { $0.moment <= moment }
        let base = latest?.step.level ?? LightingPlan.fullLight
        guard let over = operations.last(where: { $0.moment <= moment }), let operation = over.step.operation else {
            return LampLevel(
                percent: base, fade: latest.flatMap(fade),
                reason: .program(program, step: latest?.step.at.description))
        }
        let percent = operation.applied(over.step.level, to: base)
        let words = "\(over.step.at), \(operation.rawValue) \(over.step.level) %"
        return LampLevel(
            percent: percent, fade: fade(over) ?? latest.flatMap(fade), reason: .program(program, step: words))
    }
}
