public import Telemetry

/// How far a device's windows have come.
enum WindowPhase: Sendable, Hashable {
    /// Some may not have begun.
    case idle
    /// The clock is not trusted; an event told so.
    case waiting
    case running
}

extension DeviceNormalizer {
    /// Closes the windows whose time is over and that no sample closed. To be called at ``nextTick(clock:)``.
    public mutating func tick(at moment: BootInstant, clock: NormalizerClock) -> NormalizerOutput {
        var output = NormalizerOutput()
        self.clock = clock
        guard !windowRules.isEmpty else { return output }
        beginWindows(at: moment, into: &output)
        if windowPhase == .running { closeWindows(at: moment, into: &output) }
        if saving.isDue(at: moment) { output.isStateChanged = true }
        return output
    }

    /// When ``tick(at:clock:)`` has something to do; nil: not before a sample or a trusted clock comes. May lie in the past.
    public func nextTick(clock: NormalizerClock) -> BootInstant? {
        guard !windowRules.isEmpty, clock.isTrusted else { return nil }
        guard windowPhase == .running else { return BootInstant(nanoseconds: 0) }
        var first: Int64?
        for (index, rule) in windowRules.enumerated() {
            for start in [registers[index]?.start, statistics[index]?.start] {
                guard let start else { continue }
                let due = start + rule.length + rule.tolerance + 1
                first = min(first ?? due, due)
            }
        }
        return first.map { clock.boot(UTCInstant(nanoseconds: $0)) }
    }

    // MARK: - Beginning

    /// A clock that moved by more than this against the boot clock was set, not slewed.
    static let clockStep: Duration = .seconds(1)

    /// Opens windows that are not open, once the clock is trusted; before that it says so once.
    mutating func beginWindows(at moment: BootInstant, into output: inout NormalizerOutput) {
        guard clock.isTrusted else {
            if windowPhase == .idle {
                windowPhase = .waiting
                output.events.append(waiting(isWaiting: true, at: moment))
            }
            return
        }
        let now = clock.utc(moment).nanoseconds
        if windowPhase == .running {
            if let windowOffset, Duration.nanoseconds(clock.offset - windowOffset) > Self.clockStep {
                // The clock was set forward: the periods that were jumped over never were.
                closeWindows(at: moment, because: .discontinuity, into: &output)
            }
            if let windowOffset, clock.offset < windowOffset { leaveFuture(now: now) }
            windowOffset = clock.offset
            return
        }
        if windowPhase == .waiting { output.events.append(waiting(isWaiting: false, at: moment)) }
        windowPhase = .running
        windowOffset = clock.offset
        leaveFuture(now: now)
        for (index, rule) in windowRules.enumerated() {
            let start = rule.start(of: now)
            if rule.wantsRegister, registers[index] == nil { registers[index] = RegisterWindow(start: start) }
            if !rule.statistics.isEmpty, statistics[index] == nil {
                statistics[index] = StatisticsWindow(start: start)
            }
        }
        skipTooMany(at: moment, into: &output)
        saving.isUrgent = true
    }

    /// A clock set back by more than this was so wrong that windows must not wait until it comes round again.
    static let longestWait: Duration = .seconds(86_400)

    /// Windows that a wrong clock opened far in the future begin again in the present.
    private mutating func leaveFuture(now: Int64) {
        let limit = now + Self.longestWait.wholeNanoseconds
        for (index, rule) in windowRules.enumerated() {
            if let start = registers[index]?.start, start > limit {
                registers[index] = RegisterWindow(start: rule.start(of: now))
            }
            if let start = statistics[index]?.start, start > limit {
                statistics[index] = StatisticsWindow(start: rule.start(of: now))
            }
        }
    }

    private func waiting(isWaiting: Bool, at moment: BootInstant) -> Event {
        Event(
            id: "windows:\(device)", kind: EventKind.windowsWaiting, device: device, severity: .warning,
            active: isWaiting,
            detail: .object([.init("windows", .array(windowRules.map { .string(Self.name(of: $0)) }))]),
            occurred: moment)
    }

    private static func name(of rule: WindowRule) -> String { "\(rule.identity.point) every \(rule.seconds) s" }

    // MARK: - Filling

    /// Hands a sample of a point with windows to them.
    mutating func offer(
        _ value: Value?, quality: Quality, sample: Sample, epoch: UInt32, into output: inout NormalizerOutput
    ) {
        guard windowPhase == .running else { return }
        saving.hasProgress = true
        let utc = clock.utc(sample.acquired).nanoseconds
        for index in windowsOfPoint[sample.point] {
            let rule = windowRules[index]
            var closed: [WindowValue] = []
            if let value, quality.grade != .bad {
                let offered = WindowSample(value: value, quality: quality, utc: utc, epoch: epoch, raw: sample.raw)
                registers[index]?.take(offered, rule: rule) { closed.append($0) }
                statistics[index]?.take(offered, rule: rule) { closed.append($0) }
            } else {
                registers[index]?.takeBad(quality.reason, utc: utc, rule: rule) { closed.append($0) }
                statistics[index]?.takeBad(quality.reason, utc: utc, rule: rule) { closed.append($0) }
            }
            append(closed, rule: rule, into: &output)
        }
    }

    // MARK: - Closing

    /// Closes what ended more than its tolerance before `moment`.
    private mutating func closeWindows(
        at moment: BootInstant, because given: Quality.Reason? = nil, into output: inout NormalizerOutput
    ) {
        skipTooMany(at: moment, into: &output)
        let now = clock.utc(moment).nanoseconds
        for (index, rule) in windowRules.enumerated() {
            var closed: [WindowValue] = []
            let reason = given ?? silence(of: rule.point)
            while let start = registers[index]?.start, start + rule.length + rule.tolerance < now {
                registers[index]?.close(rule: rule, otherwise: reason) { closed.append($0) }
            }
            while let start = statistics[index]?.start, start + rule.length + rule.tolerance < now {
                statistics[index]?.close(at: now, rule: rule, otherwise: reason) { closed.append($0) }
            }
            append(closed, rule: rule, into: &output)
        }
    }

    /// Why a point gave nothing: as it was last reported bad, or because nobody answered.
    private func silence(of point: Int) -> Quality.Reason {
        guard let quality = states[point].latestQuality, quality.grade == .bad else { return .communication }
        return quality.reason
    }

    private mutating func append(_ closed: [WindowValue], rule: WindowRule, into output: inout NormalizerOutput) {
        guard !closed.isEmpty else { return }
        saving.isUrgent = true
        let epoch = counters[rule.point]?.epoch ?? 0
        for value in closed {
            // Nobody can say to ten seconds when the boundary was.
            let quality =
                value.quality.grade == .good && !clock.isGoodForBilling ? Quality.uncertain(.offPeriod) : value.quality
            output.readings.append(
                Reading(
                    identity: rule.identity, acquired: clock.boot(UTCInstant(nanoseconds: value.utc)),
                    value: value.value, quality: quality, epoch: value.value == nil ? epoch : value.epoch,
                    period: ReadingPeriod(
                        start: value.start / 1_000_000_000, end: value.start / 1_000_000_000 + rule.seconds,
                        kind: value.kind),
                    raw: value.raw))
        }
    }

    /// As many periods are sent one by one after a time without the gateway: 41 days of quarter hours.
    static let mostMissing: Int64 = 4_000

    /// After a longer time without the gateway than anybody waits for, one event names the oldest periods.
    private mutating func skipTooMany(at moment: BootInstant, into output: inout NormalizerOutput) {
        let now = clock.utc(moment).nanoseconds
        struct Gap: Hashable {
            let seconds: Int64
            let from: Int64
            let to: Int64
        }
        var skipped: [Gap: [String]] = [:]
        for (index, rule) in windowRules.enumerated() {
            let oldest = rule.start(of: now) - Self.mostMissing * rule.length
            for start in Set([registers[index]?.start, statistics[index]?.start].compactMap { $0 })
            where start < oldest {
                let gap = Gap(seconds: rule.seconds, from: start, to: oldest)
                skipped[gap, default: []].append(rule.identity.point)
            }
            if let start = registers[index]?.start, start < oldest { registers[index] = RegisterWindow(start: oldest) }
            if let start = statistics[index]?.start, start < oldest {
                statistics[index] = StatisticsWindow(start: oldest)
            }
        }
        for (gap, points) in skipped.sorted(by: { ($0.key.seconds, $0.key.from) < ($1.key.seconds, $1.key.from) }) {
            output.events.append(
                Event(
                    kind: EventKind.windowsMissing, device: device, severity: .warning,
                    detail: .object([
                        .init("every_seconds", .integer(gap.seconds)),
                        .init("from", .string(UTCInstant(nanoseconds: gap.from).description)),
                        .init("to", .string(UTCInstant(nanoseconds: gap.to).description)),
                        .init("missing", .integer((gap.to - gap.from) / (gap.seconds * 1_000_000_000))),
                        .init("windows", .array(points.map { .string($0) })),
                    ]), occurred: moment))
        }
    }
}
