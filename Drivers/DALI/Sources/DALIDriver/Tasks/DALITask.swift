internal import DriverProtocol
internal import Telemetry

/// Something a person asked of the bus that takes many exchanges: a scan, a commissioning, a look into a gear's memory.
///
/// A state machine without I/O: ``next(_:)`` says what it wants, ``received(_:_:)`` takes what came of it. Commands to lamps go
/// between its exchanges; polling does as well, unless it is exclusive.
protocol DALITask: AnyObject {
    /// - Returns: what comes next; after `.done` or `.failed` it is not called again.
    func next(_ bench: any DALITaskBench) -> DALITaskStep
    /// - Parameter outcomes: of the frames of the exchange in order; they end at the first that did not reach the bus.
    func received(_ outcomes: [DALIOutcome], _ bench: any DALITaskBench)
    /// Frames that put the bus back as it was when the task is cancelled, fails or its driver stops: TERMINATE, STOP QUIESCENT MODE.
    var lastFrames: [DALIRequest] { get }
    /// Polling rests while it runs.
    var isExclusive: Bool { get }
    /// False: it only computes, and runs on a driver that is configured and not started.
    var needsBus: Bool { get }
    /// What had been found when it was cancelled; nil where half of it means nothing.
    var soFar: DriverNode? { get }
}

extension DALITask {
    var lastFrames: [DALIRequest] { [] }
    var isExclusive: Bool { false }
    var needsBus: Bool { true }
    var soFar: DriverNode? { nil }
}

enum DALITaskStep {
    /// Frames that must follow each other without another of ours in between; at most 100 ms of bus for bank reads.
    case exchange([DALIRequest])
    case wait(until: BootInstant)
    case done(DriverNode)
    /// What happened and what to do, one sentence.
    case failed(String)
}

/// What a task may do. Used from the bus thread only.
protocol DALITaskBench: AnyObject {
    var now: BootInstant { get }
    /// The bus as it is configured.
    var taskConfiguration: BusConfiguration { get }
    /// No write may reach the field: nothing that changes a gear or a level.
    var isReadOnly: Bool { get }
    /// What is known of the configured gear, in the order of the configuration.
    var gear: [Gear] { get }
    /// The newest frames on the bus.
    var frameLog: FrameLog { get }
    /// What an earlier run of the driver handed over to be kept.
    func memory(device: String, key: String) -> [UInt8]?
    /// Hands something over to be kept over restarts; `device` empty: of the bus.
    func remember(device: String, key: String, _ bytes: [UInt8])
    /// Whether the runtime has it on disk; a step that cannot be repeated waits for it.
    func isStored(device: String, key: String) -> Bool
    /// Everything known of a gear is asked anew: another one may sit at its address.
    func forget(device: String)
    /// Makes the gear that is now at the device's address the device's own, as `replace` wants it, and hands that over to be kept.
    ///
    /// - Parameter identity: as just read; nil when the gear does not say who it is.
    func acceptIdentity(device: String, as identity: GearIdentity?)
    /// This one belongs at the device's address, as far as nobody said otherwise so far: it was met there first.
    func meet(device: String, _ identity: GearIdentity)
    /// Something that the head-end must know.
    func event(_ event: DriverEvent)
    /// Tells the person how far it is: a finding, or a map with `line`.
    func tell(_ content: DriverNode)
}

extension DALITaskBench {
    // Benches that only count frames judge no gear.
    func acceptIdentity(device: String, as identity: GearIdentity?) {
        remember(device: device, key: GearIdentity.memoryKey, Array((identity?.description ?? "").utf8))
    }

    func meet(device: String, _ identity: GearIdentity) {
        guard memory(device: device, key: GearIdentity.memoryKey) == nil else { return }
        remember(device: device, key: GearIdentity.memoryKey, Array(identity.description.utf8))
    }
}
