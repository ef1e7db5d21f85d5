public import Telemetry

/// Turns one device's samples into readings: unit, quality, report-on-change, keep class.
///
/// A value type without clock, thread or I/O: samples in, readings out. Times are the driver's own
/// boot-time stamps. Readings leave with `n` = 0; the outbox counts them when it stores them.
public struct DeviceNormalizer: Sendable {
    public let device: String
    /// What is wrong with the description or the options; the device runs on with what is sound.
    public private(set) var problems: [PointProblem] = []
    /// Samples of point indexes that the device does not have. A driver that sends them is faulty.
    public private(set) var unknownSamples = 0

    private var rules: [PointRule] = []
    private var states: [PointState] = []

    /// - Parameters:
    ///   - device: its name upstream.
    ///   - points: as the driver described them; a ``Sample``'s index counts in this list.
    ///   - options: by point name; see ``problems`` for those that do not fit.
    public init(device: String, points: [PointDescriptor], options: [String: PointOptions] = [:]) {
        self.device = device
        configure(points: points, options: options)
    }

    /// Takes a new description after the driver was restarted or the configuration changed.
    ///
    /// A point that keeps its name, kind and unit keeps what was last reported of it, so nothing is reported twice.
    public mutating func reconfigure(points: [PointDescriptor], options: [String: PointOptions] = [:]) {
        var kept: [String: (PointRule, PointState)] = [:]
        for (rule, state) in zip(rules, states) where kept[rule.name] == nil { kept[rule.name] = (rule, state) }
        configure(points: points, options: options)
        for index in rules.indices {
            if let (rule, state) = kept[rules[index].name], rule.kind == rules[index].kind,
                rule.unit == rules[index].unit, rule.isUsable == rules[index].isUsable
            {
                states[index] = state
            }
        }
    }

    private mutating func configure(points: [PointDescriptor], options: [String: PointOptions]) {
        problems = []
        rules = []
        var names: Set<String> = []
        for point in points {
            rules.append(
                PointRule(
                    device: device, point: point, options: options[point.name] ?? PointOptions(),
                    isDuplicate: !names.insert(point.name).inserted, problems: &problems))
        }
        for name in options.keys.sorted() where !names.contains(name) {
            problems.append(
                PointProblem(
                    device: device, point: name, code: .unknownPoint,
                    explanation: "the device has no such point; it has \(Self.list(points.map(\.name)))"))
        }
        states = Array(repeating: PointState(), count: rules.count)
    }

    /// The readings to store and forward, in the order of their samples.
    public mutating func normalize(_ samples: [Sample]) -> [Reading] {
        var readings: [Reading] = []
        for sample in samples {
            guard rules.indices.contains(sample.point) else {
                unknownSamples += 1
                continue
            }
            let rule = rules[sample.point]
            let (value, quality) = rule.convert(sample.value, quality: sample.quality)
            if states[sample.point].accept(value, quality: quality, at: sample.acquired, rule: rule) {
                readings.append(rule.reading(of: device, value: value, quality: quality, at: sample.acquired))
            }
        }
        return readings
    }

    /// The driver or its bus is gone: every point is bad from now on, which is reported once per point.
    ///
    /// - Parameters:
    ///   - reason: `communication` for a driver that died or a bus that is down.
    ///   - moment: when it was noticed.
    public mutating func lost(reason: Quality.Reason = .communication, at moment: BootInstant) -> [Reading] {
        var readings: [Reading] = []
        let quality = Quality.bad(reason)
        // A point that cannot be used as configured stays bad for that reason, whatever happens to the bus.
        for index in rules.indices where rules[index].isUsable {
            if states[index].accept(nil, quality: quality, at: moment, rule: rules[index]) {
                readings.append(rules[index].reading(of: device, value: nil, quality: quality, at: moment))
            }
        }
        return readings
    }

    /// The newest value of every point, in the order of the description.
    public var latest: [LatestValue] {
        zip(rules, states).map { rule, state in
            LatestValue(
                point: rule.name, kind: rule.kind, isWritable: rule.isWritable, value: state.latestValue,
                unit: rule.unit, quality: state.latestQuality, acquired: state.latestAcquired)
        }
    }

    /// The newest value of one point; nil when the device has no such point.
    public func latest(of point: String) -> LatestValue? {
        guard let index = rules.firstIndex(where: { $0.name == point }) else { return nil }
        let (rule, state) = (rules[index], states[index])
        return LatestValue(
            point: rule.name, kind: rule.kind, isWritable: rule.isWritable, value: state.latestValue, unit: rule.unit,
            quality: state.latestQuality, acquired: state.latestAcquired)
    }

    /// Names for a message: a few, and how many more.
    private static func list(_ names: [String]) -> String {
        // A message stays readable on one line of a terminal.
        let shown = 8
        let head = names.prefix(shown).joined(separator: ", ")
        return names.count > shown ? "\(head) and \(names.count - shown) more" : (names.isEmpty ? "none" : head)
    }
}
