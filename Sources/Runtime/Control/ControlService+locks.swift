import Configuration
import ControlProtocol
import Telemetry

/// `candela lock` and `unlock`.
extension ControlService {
    func lock(_ wanted: ControlLockRequest, _ peer: ControlPeer, into reply: inout ControlReply) async {
        if !wanted.target.isEmpty {
            guard let scope = night.locks.view.read({ $0.scope(named: wanted.target) }) else {
                let names =
                    configuration.devices.map(\.name) + configuration.buses.map(\.name)
                    + (configuration.lighting?.groups.map(\.name) ?? []) + ["all"]
                let nearest = NearestName.of(wanted.target, among: names)
                reply.failure = Self.failure(
                    2, "there is no device, group or bus \(wanted.target)",
                    nearest.map { "did you mean \($0)?" } ?? "`all` locks the whole gateway")
                return
            }
            let author = CommandOrigin.person(user: peer.user).by
            if let failure = await change(wanted, scope, author) {
                reply.failure = failure
                return
            }
        }
        var locks = ControlLocks()
        locks.locks = await report.lockMessages()
        reply.locks = locks
    }

    private func change(_ wanted: ControlLockRequest, _ scope: Lock.Scope, _ author: String) async -> ControlFailure? {
        if wanted.unlock {
            guard await night.locks.unlock(scope, by: author) == nil else { return nil }
            let others = night.locks.view.all.map(\.scope.target)
            return Self.failure(
                1, "\(wanted.target) has no lock of its own",
                others.isEmpty ? "nothing is locked" : "locked: \(others.joined(separator: ", "))")
        }
        var level: ExactDecimal?
        if !wanted.level.isEmpty {
            guard let (value, unit) = TypedValue.parse(wanted.level), unit == nil || unit == "%",
                case .number(let number) = value
            else { return Self.failure(2, "\"\(wanted.level)\" is no level", "write a percentage from 0 to 100: 60%") }
            level = number
        }
        do throws(LockBook.Refusal) {
            _ = try await night.locks.lock(
                scope, for: wanted.forS > 0 ? .seconds(Int64(clamping: wanted.forS)) : nil, level: level,
                reason: wanted.reason, by: author)
            return nil
        } catch {
            return Self.failure(2, error.explanation)
        }
    }
}
