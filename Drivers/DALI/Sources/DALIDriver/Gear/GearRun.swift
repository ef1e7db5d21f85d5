internal import Telemetry

/// What a run of exchanges with one gear wants next.
enum GearStep: Sendable, Hashable {
    /// Frames that must follow each other without another of ours in between. Ends early at the first failure.
    case exchange([DALIRequest])
    case wait(until: BootInstant)
    case finished
}

/// Several exchanges with one gear towards one end, as a pure state machine: a poll, or a command with its read-back.
protocol GearRun {
    mutating func next(_ gear: Gear, at now: BootInstant) -> GearStep
    /// - Parameter outcome: of the last frame of the exchange, or the first that failed.
    mutating func received(_ outcome: DALIOutcome, gear: inout Gear, at now: BootInstant)
}
