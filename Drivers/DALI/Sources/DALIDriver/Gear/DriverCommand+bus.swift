internal import DriverProtocol
internal import Telemetry

extension DriverCommand {
    /// For a command without a deadline: the longest standard fade of 90.5 s and its settling.
    static let longestWithoutDeadline: Duration = .seconds(120)

    /// Who waits for it, in the priorities of IEC 62386-101.
    var framePriority: FramePriority {
        switch priority {
        case .schedule: .automatic
        case .polling: .polling
        case .person, .unspecified, .UNRECOGNIZED: .user
        }
    }

    /// When it has failed, for one that arrived `now`.
    func deadline(from now: BootInstant) -> BootInstant {
        deadlineBootNs == 0
            ? now.advanced(by: Self.longestWithoutDeadline)
            : BootInstant(nanoseconds: Int64(clamping: deadlineBootNs))
    }
}
