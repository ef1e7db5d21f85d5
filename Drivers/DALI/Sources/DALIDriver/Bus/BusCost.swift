internal import Telemetry

/// What a question or a command of a task costs from its begin to the next one's, interface and its line included.
struct BusCost {
    /// The stop condition as it is sent (IEC 62386-101, 8.2.3): the interface tells of a frame after it.
    private static let stop: Duration = .microseconds(2_450)

    let kind: InterfaceKind
    var priority = FramePriority.configuration

    private func frame(_ bits: Int) -> Duration { AirTime.bit * (1 + bits) }

    /// The next frame waits for the bus to settle, or for the line to the interface where that takes longer.
    private var pause: Duration { max(AirTime.settling(priority), Self.stop + kind.turnaround) }

    var sent: Duration { frame(16) + pause }
    var answered: Duration { frame(16) + AirTime.settlingBeforeReply + frame(8) + pause }

    /// A question that nobody answers: the time for an answer is over before the next frame's own silence is.
    func silent(bits: Int = 16) -> Duration {
        frame(bits) + max(AirTime.settling(priority), kind.silence + kind.turnaround)
    }
}
