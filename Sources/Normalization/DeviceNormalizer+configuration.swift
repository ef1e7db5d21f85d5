import Telemetry

extension DeviceNormalizer {
    /// - Parameter mould: of a device that may be a twin; used where it fits.
    mutating func configure(
        points: [PointDescriptor], options: [String: PointOptions], rules: DeviceRules, mould: NormalizerMould? = nil
    ) {
        park()
        problems = []
        deviceRules = rules
        if let mould, mould.fits(points, options, rules) {
            (self.mould, self.rules, paths) = (mould, mould.pointRules, mould.paths)
            identities = self.rules.map { PointIdentity(device: device, kind: $0.delivered) }
            beginStates(points)
            return
        }
        makeRules(points: points, options: options, rules: rules)
        identities = self.rules.map { PointIdentity(device: device, kind: $0.delivered) }
        beginStates(points)
        paths = self.rules.indices.map { index in
            let rule = self.rules[index]
            let hasWindows = !windowRules.isEmpty && !windowsOfPoint[index].isEmpty
            return Path(
                isPlain: rule.kind == .gauge && rule.isUsable && rule.threshold == nil && !hasWindows
                    && !rules.windowsOnly && (-20...20).contains(rule.powerOfTen),
                powerOfTen: rule.powerOfTen)
        }
        // Problems name their device: a device with any stands for itself.
        self.mould =
            problems.isEmpty
            ? NormalizerMould(points: points, options: options, rules: rules, pointRules: self.rules, paths: paths)
            : nil
    }

    private mutating func beginStates(_ points: [PointDescriptor]) {
        states = Array(repeating: PointState(), count: rules.count)
        reported = [:]
        counters = [:]
        for (index, rule) in rules.enumerated() where rule.judge != nil { counters[index] = counter(for: rule) }
        configureWindows(points: points)
        serials.configure(points: points)
    }

    private mutating func makeRules(
        points: [PointDescriptor], options: [String: PointOptions], rules: DeviceRules
    ) {
        self.rules = []
        self.rules.reserveCapacity(points.count)
        var names: Set<String> = []
        for point in points {
            self.rules.append(
                PointRule(
                    device: device, point: point, options: options[point.name] ?? PointOptions(),
                    rating: rules.rating, isDuplicate: !names.insert(point.name).inserted, problems: &problems))
        }
        for name in options.keys.sorted() where !names.contains(name) {
            problems.append(
                PointProblem(
                    device: device, point: name, code: .unknownPoint,
                    explanation: "the device has no such point; it has \(Self.list(points.map(\.name)))"))
        }
    }

    private mutating func configureWindows(points: [PointDescriptor]) {
        windowRules = []
        windowsOfPoint = deviceRules.windows.isEmpty ? [] : Array(repeating: [], count: rules.count)
        var seen: Set<WindowKey> = []
        for options in deviceRules.windows {
            guard let seconds = options.seconds else {
                problem(
                    "", .windowDoesNotFit,
                    "a window of \(options.every) is shorter than \(WindowOptions.shortest) or does not divide a day")
                continue
            }
            let names =
                options.points.isEmpty ? rules.filter { $0.judge != nil }.map(\.name) : options.points
            for name in names {
                guard let index = rules.firstIndex(where: { $0.name == name }) else {
                    problem(
                        name, .unknownPoint,
                        "a window is wanted of it and the device has no such point; it has "
                            + Self.list(rules.map(\.name)))
                    continue
                }
                let rule = rules[index]
                var wanted = options.values
                if rule.kind != .gauge, wanted.contains(where: { $0 != .register }) {
                    problem(
                        name, .windowDoesNotFit,
                        "a \(rule.kind.name) has no average, minimum or maximum; its windows give the register")
                    wanted = [.register]
                }
                if rule.kind == .text {
                    problem(name, .windowDoesNotFit, "a text has no windows")
                    continue
                }
                guard seen.insert(WindowKey(point: name, seconds: seconds)).inserted else {
                    problem(name, .windowDoesNotFit, "it has two windows of \(seconds) s; name all values in one")
                    continue
                }
                let identity =
                    rule.delivered.keep == .billing
                    ? identities[index]
                    : PointIdentity(device: device, point: name, unit: rule.unit, keep: .billing)
                windowsOfPoint[index].append(windowRules.count)
                windowRules.append(
                    WindowRule(
                        point: index, descriptor: points[index], seconds: seconds,
                        options: WindowOptions(
                            every: options.every, points: [name], values: wanted, tolerance: options.tolerance),
                        identity: identity, statistics: wanted.filter { $0 != .register }))
            }
        }
        registers = windowRules.map { $0.wantsRegister ? parked.registers.removeValue(forKey: $0.key) : nil }
        statistics = windowRules.map { $0.statistics.isEmpty ? nil : parked.statistics.removeValue(forKey: $0.key) }
        // Those that were open go on; new ones begin with the next sample or tick.
        windowPhase = windowPhase == .waiting ? .waiting : .idle
    }

    private mutating func problem(_ point: String, _ code: PointProblem.Code, _ explanation: String) {
        problems.append(PointProblem(device: device, point: point, code: code, explanation: explanation))
    }

    /// What was known of a counter of this name, under what it is read by now.
    mutating func counter(for rule: PointRule) -> CounterState {
        guard var state = parked.counters.removeValue(forKey: rule.name) else {
            var state = CounterState()
            (state.basis, state.unit) = (rule.basis, rule.unit)
            return state
        }
        // Before the first register there is nothing that could mean something else.
        if state.base != nil, state.basis != rule.basis || state.unit != rule.unit, state.pending == nil {
            state.pending = .basis(
                before: Self.describe(basis: state.basis, unit: state.unit),
                after: Self.describe(basis: rule.basis, unit: rule.unit))
            saving.isUrgent = true
        }
        (state.basis, state.unit) = (rule.basis, rule.unit)
        return state
    }

    private static func describe(basis: String, unit: String) -> String {
        basis.isEmpty ? unit : "\(basis), \(unit)"
    }

    /// Sets aside all that is known under names, before the points become others.
    private mutating func park() {
        for (index, state) in counters where parked.counters[rules[index].name] == nil {
            parked.counters[rules[index].name] = state
        }
        for (index, rule) in windowRules.enumerated() {
            if let state = registers[index] { parked.registers[rule.key] = state }
            if let state = statistics[index] { parked.statistics[rule.key] = state }
        }
    }

    /// Names for a message: a few, and how many more.
    static func list(_ names: [String]) -> String {
        // A message stays readable on one line of a terminal.
        let shown = 8
        let head = names.prefix(shown).joined(separator: ", ")
        return names.count > shown ? "\(head) and \(names.count - shown) more" : (names.isEmpty ? "none" : head)
    }
}

/// What is known of counters and windows whose points the device does not have at present.
struct ParkedStates: Sendable {
    var counters: [String: CounterState] = [:]
    var registers: [WindowKey: RegisterWindow] = [:]
    var statistics: [WindowKey: StatisticsWindow] = [:]
}

/// When ``DeviceNormalizer/state`` is worth another write.
struct SavingPolicy: Sendable {
    /// Window sums and the age of an unchanged register are written this often; a crash costs no more coverage than that.
    static let progress: Duration = .seconds(30)

    /// Something that may not be lost: an epoch, a register, a closed period.
    var isUrgent = false
    /// Something that may be written later.
    var hasProgress = false
    private var lastSaved: BootInstant?

    /// Whether to write now; noted as done.
    mutating func isDue(at moment: BootInstant?) -> Bool {
        guard isUrgent || hasProgress, let moment else { return false }
        if !isUrgent, let lastSaved, moment.duration(since: lastSaved) < Self.progress, moment >= lastSaved {
            return false
        }
        (isUrgent, hasProgress, lastSaved) = (false, false, moment)
        return true
    }
}
