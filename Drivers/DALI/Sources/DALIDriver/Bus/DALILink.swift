public import Telemetry

/// Who goes first when several wait for the bus: priorities of IEC 62386-103:2022 clause 9.14.1. A lower number waits a
/// shorter time for the bus to be free.
public enum FramePriority: UInt8, Sendable, Hashable, CaseIterable {
    /// Second and later frames of a transaction that must not be torn apart.
    case continuation = 1
    /// A person waits.
    case user = 2
    case configuration = 3
    /// A schedule.
    case automatic = 4
    case polling = 5
}

/// One thing to put on the bus.
public struct DALIRequest: Sendable, Hashable {
    public let frame: ForwardFrame
    /// The same frame again within 100 ms, nothing in between; the interface does it.
    public let isSentTwice: Bool
    public let priority: FramePriority
    public let expectsReply: Bool

    public init(_ frame: ForwardFrame, isSentTwice: Bool = false, priority: FramePriority, expectsReply: Bool = false) {
        self.frame = frame
        self.isSentTwice = isSentTwice
        self.priority = priority
        self.expectsReply = expectsReply
    }

    /// A command or query to one gear, sent as often and listened for as the standard asks.
    public static func gear(_ address: ShortAddress, _ opcode: GearOpcode, priority: FramePriority) -> DALIRequest {
        DALIRequest(
            .gear(address, opcode), isSentTwice: opcode.isSentTwice, priority: priority, expectsReply: opcode.isQuery)
    }
}

extension DALIRequest {
    /// A command or query to a group or to all.
    public static func gear(_ address: GearAddress, _ opcode: GearOpcode, priority: FramePriority) -> DALIRequest {
        DALIRequest(
            .gear(address, opcode), isSentTwice: opcode.isSentTwice, priority: priority, expectsReply: opcode.isQuery)
    }

    /// A special command, sent as often and listened for as the standard asks.
    public static func special(_ command: SpecialCommand, _ data: UInt8 = 0, priority: FramePriority) -> DALIRequest {
        DALIRequest(
            .special(command, data), isSentTwice: command.isSentTwice, priority: priority,
            expectsReply: command.isQuery)
    }

    /// A command or query to a control device, 24 bits.
    public static func device(
        _ address: ControlDeviceAddress, _ opcode: ControlDeviceOpcode, instance: UInt8? = nil, priority: FramePriority
    ) -> DALIRequest {
        DALIRequest(
            .device(address, opcode, instance: instance), isSentTwice: opcode.isSentTwice, priority: priority,
            expectsReply: opcode.isQuery)
    }
}

/// What came of a request. Silence and a collision are values: the bus worked.
public enum DALIOutcome: Sendable, Hashable {
    /// Sent, and nobody answered: NO to a yes-or-no question.
    case none
    case reply(UInt8)
    /// An answer that nobody can read: two or more gear spoke at once, or noise hit it.
    case collision
    /// The request did not reach the bus, or nobody knows whether it did.
    case error(DALIFailure)
}

/// What keeps a bus from working. The description is a sentence for a technician.
public enum BusFault: Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// No voltage for longer than 500 ms: supply off, fuse, or a short circuit.
    case noVoltage
    /// Mains on the two wires of the bus: dangerous to touch.
    case mains
    /// The bus's supply is broken or none for DALI.
    case supply

    public var description: String {
        switch self {
        case .noVoltage: "the DALI bus has no voltage: check its supply, its fuse and the line for a short circuit"
        case .mains:
            "DANGER, mains voltage on the DALI bus: switch the circuit off before anyone touches it, then look for a damaged"
                + " cable or a wrong connection"
        case .supply:
            "the supply of the DALI bus is defective or unsuitable: measure it (9.5 to 22.5 V, at most 250 mA) and replace it"
        }
    }
}

/// Why a request did not reach the bus.
public enum DALIFailure: Sendable, Hashable, CustomStringConvertible {
    /// The bus does not work.
    case busDown(BusFault)
    /// The interface refuses, in its own words.
    case rejected(String)
    /// The interface said nothing within its time.
    case noAnswerFromInterface(String)
    /// The port or the network connection is lost.
    case portLost(String)

    public var description: String {
        switch self {
        case .busDown(let fault): fault.description
        case .rejected(let reason): "the interface refuses the frame: \(reason)"
        case .noAnswerFromInterface(let what): what
        case .portLost(let what): what
        }
    }
}

/// What happens on the bus without being asked for.
public enum DALIEvent: Sendable, Hashable {
    /// Another controller speaks.
    case foreignFrame(ForwardFrame)
    /// A backward frame that answers nothing of ours, or comes too late for it.
    case backward(UInt8)
    /// Bits that are no frame.
    case framing
    case busDown(BusFault)
    case busUp
    /// Something that only this kind of interface knows.
    case gateway(code: Int, text: String)
}

/// What a framing state machine wants done.
public enum InterfaceAction: Sendable, Hashable {
    case write([UInt8])
    /// The interface is who it should be; a line for people.
    case connected(String)
    /// It is not, or says nothing; a sentence for a technician.
    case connectFailed(String)
    /// The request in flight has ended.
    case finished(DALIOutcome)
    case event(DALIEvent)
}

/// The framing of one kind of DALI interface: a pure state machine. Bytes and time go in, ``InterfaceAction``s come out; it
/// does no I/O, keeps no clock, and has at most one request in flight.
public protocol DALIInterface: Sendable {
    /// Greets an interface whose port was just opened: everything earlier is forgotten.
    mutating func connect(at now: BootInstant)
    /// Begins a request.
    ///
    /// - Precondition: ``isIdle``.
    mutating func begin(_ request: DALIRequest, at now: BootInstant)
    mutating func received(_ bytes: [UInt8], at now: BootInstant)
    /// Does what is due at `now`. To be called when ``deadline`` has passed.
    mutating func elapsed(at now: BootInstant)
    /// Oldest first; nil when there is nothing to do.
    mutating func nextAction() -> InterfaceAction?
    /// When ``elapsed(at:)`` wants to be called; nil while only bytes matter.
    var deadline: BootInstant? { get }
    /// Connected and without a request in flight.
    var isIdle: Bool { get }
    /// What keeps the bus from working; nil while it does, as far as the interface knows.
    var busFault: BusFault? { get }
}

extension DALIInterface {
    public var isBusDown: Bool { busFault != nil }
}
