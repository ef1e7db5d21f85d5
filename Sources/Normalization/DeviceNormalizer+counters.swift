public import Telemetry

extension DeviceNormalizer {
    /// Notes the serial number where the sample is one; all counters of another meter begin anew.
    mutating func readSerial(_ sample: Sample) {
        guard let (before, after) = serials.read(sample) else { return }
        for index in counters.keys where counters[index]?.base != nil {
            if case .exchangedByHand? = counters[index]?.pending { continue }
            // Over several exchanges without a register between, the first serial number is the one it was read under.
            if case .exchange(let first, _)? = counters[index]?.pending {
                counters[index]?.pending = first == after ? nil : .exchange(before: first, after: after)
            } else {
                counters[index]?.pending = .exchange(before: before, after: after)
            }
        }
        saving.isUrgent = true
    }

    /// The quality of a good register of a counter, with the events that its judgement brings.
    mutating func judge(
        _ value: ExactDecimal, of index: Int, at moment: BootInstant, into output: inout NormalizerOutput
    ) -> Quality {
        guard let judge = rules[index].judge else { return .good }
        // A point with a judge has a counter.
        switch judge.settle(value, at: moment, state: &counters[index]!) {
        case .advanced:
            saving.isUrgent = true
            return .good
        case .stood:
            saving.hasProgress = true
            return .good
        case .open: break
        }
        guard var state = counters[index] else { return .good }
        let before = (state.base?.value, state.epoch, state.suspicion?.count, state.pending)
        let serial = serials.serial
        let verdict = judge.judge(value, at: moment, state: &state, serial: serial, clock: clock)
        if before != (state.base?.value, state.epoch, state.suspicion?.count, state.pending) {
            saving.isUrgent = true
        } else {
            saving.hasProgress = true
        }
        counters[index] = state
        if let finding = verdict.finding {
            output.events.append(event(of: finding, index: index, serial: serial.text, at: moment))
        }
        if verdict.wantsSerial { output.wantsIdentity = true }
        return verdict.quality
    }

    private func event(
        of finding: CounterJudge.Finding, index: Int, serial: String?, at moment: BootInstant
    ) -> Event {
        var detail: [JSONValue.Member] = [.init("kind", .string(finding.kind.rawValue))]
        // A household's registers leave in its windows only.
        if !deviceRules.windowsOnly {
            if let before = finding.before { detail.append(.init("before", .number(before))) }
            if let after = finding.after { detail.append(.init("after", .number(after))) }
        }
        detail.append(.init("unit", .string(rules[index].unit)))
        switch finding.kind {
        case .exchange:
            if let from = finding.from { detail.append(.init("serial_before", .string(from))) }
            if let to = finding.to { detail.append(.init("serial_after", .string(to))) }
        case .basis:
            if let from = finding.from { detail.append(.init("basis_before", .string(from))) }
            if let to = finding.to { detail.append(.init("basis_after", .string(to))) }
        case .reset, .rollover, .spike, .zero, .dip, .step:
            if let serial {
                detail.append(.init("serial_before", .string(serial)))
                detail.append(.init("serial_after", .string(serial)))
            }
        }
        detail.append(.init("epoch", .integer(finding.epoch)))
        return Event(
            kind: finding.kind.event, device: device, point: rules[index].name, severity: finding.kind.severity,
            detail: .object(detail), occurred: moment)
    }

    /// A person exchanged the meter: the counter begins anew, and so does every other counter of the device.
    ///
    /// No reading is made of the two registers: a reading is what the gateway read. The event carries them.
    ///
    /// - Parameters:
    ///   - point: of the counter whose registers were noted.
    ///   - final: the old meter's last register, in the unit in which the point is reported.
    ///   - initial: the new meter's first register.
    ///   - serial: of the new meter, where it is known.
    ///   - by: who said so; stands in the event.
    ///   - moment: when it was said.
    /// - Throws: ``ExchangeProblem``; nothing is changed then.
    public mutating func exchange(
        point: String, final: ExactDecimal, initial: ExactDecimal, serial: String? = nil, by: String? = nil,
        at moment: BootInstant
    ) throws(ExchangeProblem) -> NormalizerOutput {
        guard let index = rules.firstIndex(where: { $0.name == point }) else {
            throw ExchangeProblem(
                device: device, point: point, code: .unknownPoint,
                explanation: "the device has no such point; its counters are \(Self.list(counterNames))")
        }
        guard rules[index].judge != nil, var state = counters[index] else {
            throw ExchangeProblem(
                device: device, point: point, code: .noCounter,
                explanation: "it is no counter; the device's counters are \(Self.list(counterNames))")
        }
        guard !final.isNegative, !initial.isNegative else {
            throw ExchangeProblem(
                device: device, point: point, code: .registerDoesNotFit,
                explanation: "a register is never negative (final \(final), initial \(initial))")
        }
        if let base = state.base, final < base.value, state.suspicion == nil, state.left == nil {
            throw ExchangeProblem(
                device: device, point: point, code: .registerDoesNotFit,
                explanation: "the final register \(final) is below \(base.value) \(rules[index].unit), which was read "
                    + "already; look at the old meter's display again")
        }
        if let maximum = [rules[index].judge?.maximum, rules[index].judge?.rollover].compactMap({ $0 }).min(),
            final > maximum || initial > maximum
        {
            throw ExchangeProblem(
                device: device, point: point, code: .registerDoesNotFit,
                explanation: "this meter has no register above \(maximum) \(rules[index].unit)")
        }
        let known = serials.text
        for other in counters.keys where other != index && counters[other]?.base != nil {
            counters[other]?.pending = .exchange(before: known ?? "", after: serial ?? "")
        }
        state.epoch &+= 1
        state.base = .init(value: initial, at: .boot(moment))
        state.changed = .unknown
        state.left = nil
        state.suspicion = nil
        state.pending = .exchangedByHand
        counters[index] = state
        serials.exchanged(serial: serial)

        var detail: [JSONValue.Member] = [
            .init("kind", .string(CounterJudge.FindingKind.exchange.rawValue)), .init("before", .number(final)),
            .init("after", .number(initial)), .init("unit", .string(rules[index].unit)),
        ]
        if let known { detail.append(.init("serial_before", .string(known))) }
        if let serial { detail.append(.init("serial_after", .string(serial))) }
        detail.append(.init("epoch", .integer(state.epoch)))
        if let by { detail.append(.init("by", .string(by))) }
        var output = NormalizerOutput()
        output.events = [
            Event(
                kind: EventKind.meterExchanged, device: device, point: point,
                severity: CounterJudge.FindingKind.exchange.severity, detail: .object(detail), occurred: moment)
        ]
        output.isStateChanged = true
        output.wantsIdentity = !serials.isEmpty
        return output
    }

    /// Names of the counters, in the order of the description.
    public var counterNames: [String] { rules.filter { $0.judge != nil }.map(\.name) }
}

/// Why an exchange cannot be noted as it was said.
public struct ExchangeProblem: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The device has no such point.
        case unknownPoint
        /// The point is no counter.
        case noCounter
        /// A register that this meter cannot have shown.
        case registerDoesNotFit
    }

    public let device: String
    public let point: String
    public let code: Code
    /// What is wrong and what was expected, in one sentence.
    public let explanation: String

    public init(device: String, point: String, code: Code, explanation: String) {
        self.device = device
        self.point = point
        self.code = code
        self.explanation = explanation
    }

    public var description: String { "\(device) \(point): \(explanation)" }
}
