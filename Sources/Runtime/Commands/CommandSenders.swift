import Synchronization

/// Which uplink brought which command, so that its results go back there even when that uplink does not see the device.
///
/// Thread-safe. It forgets: an uplink that sends thousands of commands for devices it may not see loses answers, nothing else.
final class CommandSenders: Sendable {
    /// Results leave within minutes; far more commands than this never wait for theirs.
    static let most = 4096

    private struct Known {
        var uplinks: [String: String] = [:]
        var order: [String] = []
    }

    private let known = Mutex(Known())

    /// The first that used an id keeps it: nobody gets another's results by guessing an id.
    func remember(_ id: String, uplink: String) {
        known.withLock { known in
            guard known.uplinks[id] == nil else { return }
            if known.order.count == Self.most {
                for old in known.order.prefix(Self.most / 2) { known.uplinks[old] = nil }
                known.order.removeFirst(Self.most / 2)
            }
            known.uplinks[id] = uplink
            known.order.append(id)
        }
    }

    func uplink(of id: String) -> String? { known.withLock { $0.uplinks[id] } }
}
