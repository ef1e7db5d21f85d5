import Telemetry

extension DeviceNormalizer {
    /// First byte of ``state``. A newer version's state is refused, and the device begins anew.
    static let stateVersion: UInt8 = 1

    /// What must survive a restart: epochs, registers, serial numbers, open windows.
    ///
    /// Compact bytes with a version in front. Times are of this boot, with what UTC was worth in it, so that the next boot can
    /// tell how long it was away.
    public var state: [UInt8] {
        var writer = StateWriter()
        writer.byte(Self.stateVersion)
        writer.text(clock.boot)
        writer.optional(clock.isTrusted ? clock.offset : nil) { $0.signed($1) }
        writer.list(serials.texts) {
            $0.text($1.name)
            $0.text($1.text)
        }
        // A counter that was never read is no news after a restart.
        let known = rules.indices.filter { counters[$0].map(Self.isWorthKeeping) ?? false }
        let away = parked.counters.filter { Self.isWorthKeeping($0.value) }.sorted { $0.key < $1.key }
        writer.unsigned(UInt64(known.count + away.count))
        for (name, state) in away {
            writer.text(name)
            writer.counter(state)
        }
        for index in known {
            guard let state = counters[index] else { continue }
            writer.text(rules[index].name)
            writer.counter(state)
        }
        var openRegisters = parked.registers.map { ($0.key, $0.value) }
        var openStatistics = parked.statistics.map { ($0.key, $0.value) }
        for (index, rule) in windowRules.enumerated() {
            if let window = registers[index] { openRegisters.append((rule.key, window)) }
            if let window = statistics[index] { openStatistics.append((rule.key, window)) }
        }
        writer.list(openRegisters) {
            $0.text($1.0.point)
            $0.signed($1.0.seconds)
            $0.window($1.1)
        }
        writer.list(openStatistics) {
            $0.text($1.0.point)
            $0.signed($1.0.seconds)
            $0.window($1.1)
        }
        return writer.bytes
    }

    private static func isWorthKeeping(_ state: CounterState) -> Bool { state.base != nil || state.suspicion != nil }

    /// Takes up what ``state`` said in an earlier run, before or after the device was described.
    ///
    /// Nothing may have been normalised yet. Counters wait for the serial number, where the device has one, before their first
    /// register is believed: the meter may have been exchanged meanwhile.
    ///
    /// - Parameters:
    ///   - bytes: of ``state``.
    ///   - clock: of now; its boot tells whether the times still mean something.
    /// - Throws: ``StateProblem``; nothing is taken up then.
    public mutating func restore(_ bytes: [UInt8], clock: NormalizerClock) throws(StateProblem) {
        var reader = StateReader(bytes)
        let version = try reader.byte()
        guard version == Self.stateVersion else {
            throw StateProblem(explanation: "it is of version \(version), this gateway reads \(Self.stateVersion)")
        }
        let boot = try reader.text()
        let offset = try reader.flag() ? try reader.signed() : nil
        let isSameBoot = boot == clock.boot && !boot.isEmpty
        func moved(_ moment: CounterMoment) -> CounterMoment {
            guard !isSameBoot, case .boot(let instant) = moment else { return moment }
            guard let offset else { return .unknown }
            return .utc(UTCInstant(nanoseconds: instant.nanoseconds).advanced(by: .nanoseconds(offset)))
        }
        var texts: [(String, String)] = []
        for _ in 0..<(try reader.unsigned()) {
            let name = try reader.text()
            texts.append((name, try reader.text()))
        }
        var restored = ParkedStates()
        for _ in 0..<(try reader.unsigned()) {
            let name = try reader.text()
            var state = try reader.counter()
            if let at = state.base?.at { state.base?.at = moved(at) }
            state.changed = moved(state.changed)
            if let at = state.suspicion?.level.at { state.suspicion?.level.at = moved(at) }
            state.isInterrupted = true
            state.held = 0
            restored.counters[name] = state
        }
        for _ in 0..<(try reader.unsigned()) {
            let point = try reader.text()
            let seconds = try reader.signed()
            restored.registers[WindowKey(point: point, seconds: seconds)] = try reader.registerWindow()
        }
        for _ in 0..<(try reader.unsigned()) {
            let point = try reader.text()
            let seconds = try reader.signed()
            restored.statistics[WindowKey(point: point, seconds: seconds)] = try reader.statisticsWindow()
        }

        self.clock = clock
        for (name, text) in texts { serials.restore(name: name, text: text) }
        for index in rules.indices where rules[index].judge != nil {
            guard let state = restored.counters.removeValue(forKey: rules[index].name) else { continue }
            parked.counters[rules[index].name] = state
            counters[index] = counter(for: rules[index])
        }
        for (index, rule) in windowRules.enumerated() {
            if rule.wantsRegister, let window = restored.registers.removeValue(forKey: rule.key) {
                registers[index] = window
            }
            if !rule.statistics.isEmpty, let window = restored.statistics.removeValue(forKey: rule.key) {
                statistics[index] = window
            }
        }
        parked.counters.merge(restored.counters) { $1 }
        parked.registers.merge(restored.registers) { $1 }
        parked.statistics.merge(restored.statistics) { $1 }
    }
}
