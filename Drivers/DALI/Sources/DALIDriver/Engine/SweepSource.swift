internal import Telemetry

/// Work for the time that polling and commands leave free: diagnostics and energy banks of many lamps, a little at a time.
///
/// A state machine without I/O. It is asked only when no command, task or poll is due, and never for more than 100 ms of bus at
/// once, so that a command behind it still reaches its lamp in time.
protocol SweepSource: AnyObject {
    func next(_ bench: any SweepBench) -> SweepStep
    /// - Parameter outcomes: of the frames of the exchange in order; they end at the first that did not reach the bus.
    func received(_ outcomes: [DALIOutcome], _ bench: any SweepBench)
}

enum SweepStep {
    /// Frames that must follow each other without another of ours in between; at most 100 ms of bus together.
    case exchange([DALIRequest])
    /// Nothing to do before this moment; nil: until something changes.
    case idle(until: BootInstant?)
}

/// What a sweep may do. Used from the bus thread only.
protocol SweepBench: AnyObject {
    var now: BootInstant { get }
    /// What is known of the configured gear, in the order of the configuration; a gear's place in it is its position.
    var gear: [Gear] { get }
    var isReadOnly: Bool { get }
    /// Rises whenever anybody on the bus sets a data transfer register, this source included. A source that reads on with the
    /// registers of its last unit notes it after that unit, and sets them anew when it is another one.
    var registerUses: UInt64 { get }
    /// The gear answers, and its mains are on as far as anybody knows.
    func isReadable(_ position: Int) -> Bool
    func change(_ position: Int, _ body: (inout Gear) -> Void)
    func report(_ position: Int, _ samples: [Sample])
    func memory(device: String, key: String) -> [UInt8]?
    func remember(device: String, key: String, _ bytes: [UInt8])
}
