import DriverProtocol
import Lighting
import Logging
import Outbox
import Telemetry

/// Levels above a program: placed by commands, told, stored and found again after a restart.
extension LightingService {
    /// Sets lamps to a level above their program, in one go: orders of one turn go out together, so that a driver can make one
    /// frame of them.
    ///
    /// - Returns: what came of it, by lamp.
    func override(
        _ lamps: [String], percent: ExactDecimal, for duration: Duration?, by author: String
    ) async -> [String: Outcome] {
        guard engine != nil else { return Self.all(lamps, .refused("notUnderCalendar")) }
        let clock = now()
        do {
            try engine?.override(
                lamps: lamps, percent: percent, duration: duration, author: author, clock: clock)
        } catch {
            return Self.all(lamps, .refused("\(error.code.rawValue): \(error.explanation)"))
        }
        let placed = (engine?.overrides ?? []).filter { lamps.contains($0.lamp) }
        sendDue()
        await store()
        await events.tell(
            placed.map { override in
                Event(
                    kind: EventKind.override, device: override.lamp, severity: .info,
                    detail: [
                        "percent": .number(percent), "by": .string(author),
                        "until": override.until.map { .string($0.description) } ?? .null,
                    ], occurred: clock.uptime)
            })
        return await settle(lamps)
    }

    /// Gives lamps back to their calendar.
    func release(_ lamps: [String], by author: String) async -> [String: Outcome] {
        guard let released = engine?.release(lamps: lamps) else { return Self.all(lamps, .refused("notUnderCalendar")) }
        sendDue()
        if !released.isEmpty {
            await store()
            let now = clock.now()
            await events.tell(
                released.sorted().map {
                    Event(
                        kind: EventKind.override, device: $0, severity: .info,
                        detail: ["released": true, "by": .string(author)], occurred: now)
                })
        }
        return await settle(lamps)
    }

    private static func all(_ lamps: [String], _ outcome: Outcome) -> [String: Outcome] {
        Dictionary(lamps.map { ($0, outcome) }, uniquingKeysWith: { first, _ in first })
    }

    /// Sends what is due now; waits for the answers of these lamps.
    private func settle(_ lamps: [String]) async -> [String: Outcome] {
        sendDue()
        var outcomes: [String: Outcome] = [:]
        // Each is under way already: waiting for them in turn costs nothing.
        for lamp in lamps { outcomes[lamp] = await settle(lamp) }
        return outcomes
    }

    private func settle(_ lamp: String) async -> Outcome {
        // An order that turns a lamp on may stand in the queue that keeps inrush bounded.
        let deadline = clock.now().advanced(by: Self.queueLimit)
        while true {
            if let own = underWay[lamp] { return await own.answer.value }
            guard let status = engine?.status(of: lamp) else { return .refused("notUnderCalendar") }
            if status.isLost {
                return .refused("busDown: the lamp's bus does not run; the level is sent when it is back")
            }
            let right = engine?.level(for: lamp, clock: now())?.percent
            if let percent = status.confirmed, right == nil || right == percent { return .already(percent) }
            guard status.failures == 0, clock.now() < deadline, !isStopped else { break }
            // Whoever asked may have gone: without a pause this loop would hold up every lamp until its deadline.
            guard (try? await Task.sleep(for: .milliseconds(50))) != nil else { break }
            sendDue()
        }
        return .refused("pending: an order to this lamp has failed and is repeated")
    }

    /// Overrides whose time is over.
    func tellEnded() async {
        guard !ended.isEmpty else { return }
        let told = ended
        ended = []
        await events.tell(
            told.map { override in
                Event(
                    kind: EventKind.override, device: override.lamp, severity: .info,
                    detail: [
                        "ended": "expired", "percent": .number(override.percent), "by": .string(override.author),
                    ], occurred: clock.now())
            })
    }

    func restore() async {
        guard let state, let bytes = try? await state.value(key: Self.storageKey),
            let stored = try? JSONValue(parsing: bytes)
        else { return }
        for problem in engine?.restoreOverrides(stored, clock: now()) ?? [] { log.warning("\(problem)") }
        storedRevision = engine?.overridesRevision ?? 0
        // Those that ended while the gateway was off are told too.
        let left = Set((engine?.overrides ?? []).map(\.lamp))
        guard case .array(let entries) = stored["overrides"] ?? stored else { return }
        await events.tell(
            entries.compactMap { entry in
                guard let lamp = entry["lamp"]?.text, rules(lamp), !left.contains(lamp),
                    let percent = entry["percent"]?.number
                else { return nil }
                return Event(
                    kind: EventKind.override, device: lamp, severity: .info,
                    detail: [
                        "ended": "expired", "percent": .number(percent),
                        "by": .string(entry["author"]?.text ?? ""),
                    ], occurred: clock.now())
            })
        // What is told is not to be told again at the next start.
        if left.count != entries.count { storedRevision = .max }
    }
}
