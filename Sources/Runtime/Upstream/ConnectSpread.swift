import Outbox
import Telemetry

/// How long an uplink waits with its first connection after the machine has booted (`connect_spread`).
///
/// When the power of a district returns, all its gateways boot in the same second; a daemon that merely restarts has no such company.
struct ConnectSpread {
    private static let storageKey = "connect.boot"

    /// The daemon has run before since the machine booted.
    let isRestart: Bool

    /// - Parameter boot: of the machine, now.
    static func since(boot: String, state: StateStore) async -> ConnectSpread {
        let before = try? await state.value(key: storageKey)
        let now = Array(boot.utf8)
        // Where nothing can be stored every start counts as a boot: a delay too many harms nobody.
        if before != now { try? await state.put(key: storageKey, value: now) }
        return ConnectSpread(isRestart: before == now)
    }

    /// - Parameter random: 0 to 1.
    func delay(_ spread: Duration, random: Double = .random(in: 0...1)) -> Duration {
        isRestart ? .zero : spread * min(max(random, 0), 1)
    }
}
