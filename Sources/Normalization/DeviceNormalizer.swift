public import Telemetry

/// Turns one device's samples into readings: unit, quality, report-on-change, keep class, counters' epochs, windows.
///
/// A value type without clock, thread or I/O: samples and the clock's worth in, readings and events out. Times are the driver's
/// own boot-time stamps. Readings leave with `n` = 0; the outbox counts them when it stores them. What must survive a restart is
/// ``state``; it belongs in the transaction that stores the readings it came with.
public struct DeviceNormalizer: Sendable {
    public let device: String
    /// What is wrong with the description or the options; the device runs on with what is sound.
    public internal(set) var problems: [PointProblem] = []
    /// Samples of point indexes that the device does not have. A driver that sends them is faulty.
    public private(set) var unknownSamples = 0

    /// What a sample needs to know of its point on the way that nearly all take.
    struct Path: Sendable {
        /// A number that is reported as it comes.
        let isPlain: Bool
        let powerOfTen: Int32
    }

    var deviceRules = DeviceRules()
    /// Of this device's own, by point: shared by all its readings.
    var identities: [PointIdentity] = []
    // Both are the mould's where one is shared.
    var paths: [Path] = []
    var rules: [PointRule] = []
    var mould: NormalizerMould?
    var states: [PointState] = []
    /// By point, of those with a threshold.
    var reported: [Int: PointState.Reported] = [:]
    /// By point, of those that are counters.
    var counters: [Int: CounterState] = [:]
    var windowRules: [WindowRule] = []
    var registers: [RegisterWindow?] = []
    var statistics: [StatisticsWindow?] = []
    /// By point: indexes into ``windowRules``; empty without windows.
    var windowsOfPoint: [[Int]] = []
    var serials = SerialBook()
    /// Of points and windows that the device does not have at present; a driver that is being restarted has none.
    var parked = ParkedStates()
    /// As it was last handed in.
    var clock = NormalizerClock.untrusted()
    var saving = SavingPolicy()
    var windowPhase = WindowPhase.idle
    /// The clock's offset that the open windows go by.
    var windowOffset: Int64?

    /// - Parameters:
    ///   - device: its name upstream.
    ///   - points: as the driver described them; a ``Sample``'s index counts in this list.
    ///   - options: by point name; see ``problems`` for those that do not fit.
    ///   - rules: what the configuration wants of the device as a whole.
    public init(
        device: String, points: [PointDescriptor], options: [String: PointOptions] = [:],
        rules: DeviceRules = DeviceRules()
    ) {
        self.device = device
        configure(points: points, options: options, rules: rules)
    }

    /// Takes a new description after the driver was restarted or the configuration changed.
    ///
    /// A point that keeps its name, kind and unit keeps what was last reported of it, so nothing is reported twice. Counters and
    /// open windows keep what is known of them by their names, also over a time without the point.
    ///
    /// - Parameter like: a device that may be its twin: what both have in common is kept once.
    public mutating func reconfigure(
        points: [PointDescriptor], options: [String: PointOptions] = [:], rules: DeviceRules = DeviceRules(),
        like twin: DeviceNormalizer? = nil
    ) {
        var kept: [String: (rule: PointRule, state: PointState, reported: PointState.Reported?)] = [:]
        for (index, rule) in self.rules.enumerated() where kept[rule.name] == nil {
            kept[rule.name] = (rule, states[index], reported[index])
        }
        configure(points: points, options: options, rules: rules, mould: twin?.mould)
        guard !kept.isEmpty else { return }
        for index in self.rules.indices {
            if let (rule, state, said) = kept[self.rules[index].name], rule.kind == self.rules[index].kind,
                rule.unit == self.rules[index].unit, rule.isUsable == self.rules[index].isUsable
            {
                states[index] = state
                reported[index] = said
            }
        }
    }

    /// The readings to store and forward, in the order of their samples, and what else came of them.
    public mutating func normalize(_ samples: [Sample], clock: NormalizerClock) -> NormalizerOutput {
        var output = NormalizerOutput()
        normalize(samples, clock: clock, into: &output)
        return output
    }

    /// The same, added to `output`, whose memory is reused.
    public mutating func normalize(_ samples: [Sample], clock: NormalizerClock, into output: inout NormalizerOutput) {
        self.clock = clock
        if !serials.isEmpty { for sample in samples { readSerial(sample) } }
        if !windowRules.isEmpty, let newest = samples.last { beginWindows(at: newest.acquired, into: &output) }
        // Doubled, never just enough: the output gathers many devices, and each would move all that is there.
        let room = output.readings.count + samples.count
        if output.readings.capacity < room { output.readings.reserveCapacity(max(room, 2 * output.readings.capacity)) }
        // By number: each sample is looked at where it stands and not copied.
        for row in samples.indices {
            let index = samples[row].point
            guard index >= 0, index < paths.count else {
                unknownSamples += 1
                continue
            }
            if paths[index].isPlain, samples[row].quality == .good, case .number(let number)? = samples[row].value,
                PointRule.harmless.contains(number.exponent)
            {
                let power = paths[index].powerOfTen
                let value = Value.number(power == 0 ? number : number.scaled(byPowerOfTen: power))
                states[index].acceptPlain(value, at: samples[row].acquired)
                output.readings.append(
                    Reading(
                        identity: identities[index], acquired: samples[row].acquired, value: value, quality: .good,
                        raw: samples[row].raw))
            } else {
                take(samples[row], into: &output)
            }
        }
        if saving.isDue(at: samples.last?.acquired) { output.isStateChanged = true }
    }

    /// A sample of which something must be thought: a counter, a threshold, a window, a trouble.
    private mutating func take(_ sample: Sample, into output: inout NormalizerOutput) {
        let index = sample.point
        var (value, quality) = rules[index].convert(sample.value, quality: sample.quality)
        var epoch: UInt32 = 0
        if rules[index].judge != nil {
            if quality == .good, case .number(let number)? = value {
                quality = judge(number, of: index, at: sample.acquired, into: &output)
            }
            epoch = counters[index]?.epoch ?? 0
        }
        if !windowRules.isEmpty, !windowsOfPoint[index].isEmpty {
            offer(value, quality: quality, sample: sample, epoch: epoch, into: &output)
        }
        let isDue = states[index].accept(
            value, quality: quality, at: sample.acquired, epoch: epoch, rule: rules[index], reported: &reported[index])
        guard isDue, !deviceRules.windowsOnly else { return }
        output.readings.append(
            Reading(
                identity: identities[index], acquired: sample.acquired, value: value, quality: quality,
                epoch: epoch, raw: value == nil ? [] : sample.raw))
    }

    /// The driver or its bus is gone: every point is bad from now on, which is reported once per point.
    ///
    /// Windows go on; ``tick(at:clock:)`` closes them with this reason.
    ///
    /// - Parameters:
    ///   - reason: `communication` for a driver that died or a bus that is down.
    ///   - moment: when it was noticed.
    public mutating func lost(reason: Quality.Reason = .communication, at moment: BootInstant) -> [Reading] {
        var readings: [Reading] = []
        let quality = Quality.bad(reason)
        // A point that cannot be used as configured stays bad for that reason, whatever happens to the bus.
        for index in rules.indices where rules[index].isUsable {
            let epoch = counters[index]?.epoch ?? 0
            let isDue = states[index].accept(
                nil, quality: quality, at: moment, epoch: epoch, rule: rules[index], reported: &reported[index])
            if isDue, !deviceRules.windowsOnly {
                readings.append(
                    Reading(
                        identity: identities[index], acquired: moment, value: nil, quality: quality, epoch: epoch))
            }
        }
        return readings
    }

    /// The newest value of every point, in the order of the description. A device kept to windows shows no values.
    public var latest: [LatestValue] { rules.indices.map(latest(at:)) }

    /// The newest value of one point; nil when the device has no such point.
    public func latest(of point: String) -> LatestValue? {
        rules.firstIndex { $0.name == point }.map(latest(at:))
    }

    private func latest(at index: Int) -> LatestValue {
        let (rule, state) = (rules[index], states[index])
        return LatestValue(
            point: rule.name, kind: rule.kind, isWritable: rule.isWritable,
            value: deviceRules.windowsOnly ? nil : state.latestValue, unit: rule.unit, quality: state.latestQuality,
            acquired: state.latestAcquired)
    }

    /// Names of the points by which the device is known: what to read when ``NormalizerOutput/wantsIdentity`` is set.
    public var identityPoints: [String] { serials.names }

    /// The serial number as last read; nil before that.
    public var serial: String? { serials.text }
}
