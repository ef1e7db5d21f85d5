public import Telemetry

extension FaultMonitor {
    /// Of the stored document.
    private static let format = ExactDecimal(1)

    /// What lasts, for durable storage.
    public func stored(_ clock: LightingClock) -> JSONValue {
        let entries = active.map { fault -> JSONValue in
            // This boot's own clock means nothing in the next.
            let since = clock.utc.advanced(by: fault.since.duration(since: clock.uptime))
            return [
                "kind": .string(fault.kind.rawValue), "subject": .string(fault.subject.word),
                "name": .string(fault.subject.name), "since": clock.isTrusted ? .string(since.description) : .null,
                "detail": fault.change.detail, "affected": .array(fault.affected.map(JSONValue.string)),
            ]
        }
        let cycled = lamps.filter(\.isCycled).map { JSONValue.string($0.lamp.name) }
        return ["format": .number(Self.format), "faults": .array(entries), "cycled": .array(cycled)]
    }

    /// Takes stored faults after a start, before the first tick: they last on and are not told again. Put ``active`` into the
    /// list of alarms without telling it. Faults of lamps and feeders that are configured no more end at the first tick.
    ///
    /// - Returns: a sentence for each damaged entry, for the log.
    @discardableResult
    public mutating func restore(_ stored: JSONValue, clock: LightingClock) -> [String] {
        guard case .array(let entries)? = stored["faults"] else {
            return ["the stored faults cannot be read: none is taken"]
        }
        var problems: [String] = []
        for entry in entries {
            guard let kind = entry["kind"]?.text.flatMap(FaultKind.init), kind.isCondition,
                let word = entry["subject"]?.text, let name = entry["name"]?.text,
                let subject = FaultSubject(word: word, name: name), let detail = entry["detail"]
            else {
                problems.append("a stored fault cannot be read and is left out: \(entry.description.prefix(200))")
                continue
            }
            let utc = entry["since"]?.text.flatMap { UTCInstant($0) }
            let ago = clock.isTrusted ? utc.map { max(.zero, clock.utc.duration(since: $0)) } : nil
            let since = clock.uptime.advanced(by: .zero - (ago ?? .zero))
            let affected =
                if case .array(let names)? = entry["affected"] { names.compactMap(\.text) } else { [String]() }
            let change = FaultChange(
                kind: kind, subject: subject, isActive: true, detail: detail, affected: affected, at: since)
            faults[change.id] = ActiveFault(change: change)
            if !exists(subject) {
                apply(kind, subject, .cleared(.because("\(subject) is configured no more")), at: clock.uptime)
            } else if kind == .feederDead || kind == .contactorStuckOff {
                restoreDarkness(of: subject, isSilence: detail[Self.silenceMark] != nil)
            }
        }
        if case .array(let names)? = stored["cycled"] {
            for position in names.compactMap(\.text).compactMap({ positions[$0] }) { lamps[position].restoreCycled() }
        }
        return problems
    }

    /// Key of the evidence of a feeder whose lamps are all silent although it has voltage: only a lamp's answer ends that.
    static let silenceMark = "silent_seconds"

    private mutating func restoreDarkness(of subject: FaultSubject, isSilence: Bool) {
        guard let position = supplies.firstIndex(where: { $0.subject == subject }) else { return }
        if isSilence { supplies[position].isSilent = true } else { supplies[position].isRestored = true }
    }

    private func exists(_ subject: FaultSubject) -> Bool {
        switch subject {
        case .lamp(let name): positions[name] != nil
        case .feeder, .bus: supplies.contains { $0.subject == subject }
        }
    }
}
