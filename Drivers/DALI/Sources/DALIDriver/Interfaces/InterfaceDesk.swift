internal import Telemetry

/// What every interface's state machine keeps: actions to be fetched, its next deadline, and what ails the bus.
struct InterfaceDesk: Sendable {
    private var actions: [InterfaceAction] = []
    var deadline: BootInstant?
    private(set) var busFault: BusFault?

    mutating func reset() { self = InterfaceDesk() }

    mutating func next() -> InterfaceAction? { actions.isEmpty ? nil : actions.removeFirst() }

    mutating func add(_ action: InterfaceAction) { actions.append(action) }

    mutating func write(_ bytes: [UInt8]) { actions.append(.write(bytes)) }

    /// - Parameter timeout: when ``DALIInterface/elapsed(at:)`` wants to be called if nothing comes.
    mutating func write(_ bytes: [UInt8], timeout: Duration, at now: BootInstant) {
        write(bytes)
        deadline = now.advanced(by: timeout)
    }

    /// Tells a change once.
    mutating func noteBus(_ fault: BusFault?) {
        guard fault != busFault else { return }
        busFault = fault
        actions.append(.event(fault.map { .busDown($0) } ?? .busUp))
    }

    /// The greeting is over. An event of a bus that is down comes after it, as it would later.
    mutating func connected(_ description: String) {
        let place = actions.firstIndex { if case .event = $0 { true } else { false } } ?? actions.count
        actions.insert(.connected(description), at: place)
    }

    /// Nothing, or nothing that can be read, came back.
    ///
    /// - Parameter garbage: bytes that were no message of this interface.
    mutating func connectFailed(_ vendor: String, line: String, garbage: Int) {
        deadline = nil
        let text =
            garbage == 0
            ? "no \(vendor) interface answers: check the cable, the interface's power and its baud rate (\(line) unless set)"
            : "what answers does not speak as a \(vendor) interface (\(garbage) bytes nobody understands): check the baud rate"
                + " (\(line) unless set), and that `interface:` names the kind that is connected"
        actions.append(.connectFailed(text))
    }
}

/// Limits that hold for every kind of interface.
enum InterfacePatience {
    /// Between two tries to hand over a frame that the interface had no room or no ear for.
    static let retryPause: Duration = .milliseconds(50)
    /// An interface whose buffer stays full longer than this is stuck; a full one of 16 frames empties within 800 ms.
    static let retryLimit: Duration = .seconds(1)
    /// Frames of ours that other controllers may destroy one after the other before the bus counts as disturbed.
    static let collisionRetries = 3
    /// While the bus is down it is asked about this often.
    static let busDownInterval: Duration = .seconds(1)

    static let disturbed =
        "another controller's frames destroyed ours \(collisionRetries + 1) times: see who else sends on this bus (candela sniff)"
    static let stuckBuffer = "its send buffer is full and does not empty"
}
