import DriverProtocol
import Lighting
import Logging
import Telemetry

/// When somebody else has the lamps: locks, and the end of the gateway's rule.
extension LightingService {
    /// Schedules leave these lamps alone from now on, or bring them to the lock's level.
    func hold(lamps: [String], by lock: Lock) {
        let now = now()
        // The lock itself ends in good time; this is its end even if nobody tells Lighting.
        let until = now.uptime.advanced(by: lock.remaining(now))
        do {
            try engine?.hold(lamps: lamps, percent: lock.level, until: until, reason: lock.reason, by: lock.by)
        } catch {
            log.error("locked lamps are not held: \(error)")
        }
        wake?.yield()
    }

    /// They go back to what is right; whoever worked there may have left them at any level.
    func unhold(lamps: [String]) {
        engine?.unhold(lamps: lamps)
        for lamp in lamps where engine?.status(of: lamp)?.isLost == false { engine?.lampBack(lamp) }
        wake?.yield()
    }

    /// Brings every lamp to its group's fallback, because nobody will rule it from now on. Locked lamps and lamps that cannot be
    /// reached are left alone. Nothing is ordered afterwards.
    ///
    /// - Returns: how many took it, of how many.
    func standDown(within limit: Duration) async -> (took: Int, of: Int) {
        isStopped = true
        wake?.yield()
        guard let engine else { return (0, 0) }
        let held = Set(engine.heldLamps.map(\.lamp))
        let orders = engine.fallbackOrders().filter { order in
            mayCommand(order.lamp) && !held.contains(order.lamp) && engine.status(of: order.lamp)?.isLost == false
        }
        var took = 0
        await withTaskGroup(of: Bool?.self) { group in
            for order in orders {
                self.orders += 1
                let number = self.orders
                group.addTask {
                    if case .done(let done) = await self.send(order, number: number, within: limit) {
                        return [.verified, .applied].contains(done.outcome)
                    }
                    return false
                }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            var open = orders.count
            while open > 0, let answer = await group.next(), let answer {
                open -= 1
                if answer { took += 1 }
            }
            group.cancelAll()
        }
        return (took, orders.count)
    }
}
